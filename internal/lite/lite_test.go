package lite_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"tahoe/internal/lite"
)

// TestCreateAtOnce has several programs begin with no database at once: none loses what it wrote to the file of another.
func TestCreateAtOnce(t *testing.T) {
	const programs = 4
	for range 5 {
		dir := t.TempDir()
		path := filepath.Join(dir, "db")
		var running sync.WaitGroup
		for n := range programs {
			running.Go(func() {
				if err := add(t, path, n); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if got := count(t, path); got != programs {
			t.Fatalf("got %d rows of %d", got, programs)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("got %v, %v, want the database alone", entries, err)
		}
	}
}

func add(t *testing.T, path string, n int) error {
	if err := lite.Create(t.Context(), path, "CREATE TABLE rows (n INTEGER)"); err != nil {
		return err
	}
	db, err := lite.Open(t.Context(), path)
	if err != nil {
		return err
	}
	if err := db.Do(func(c *lite.Conn) error { return c.Exec("INSERT INTO rows VALUES (?)", n) }); err != nil {
		return err
	}
	return db.Close()
}

func count(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := lite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Do(func(c *lite.Conn) error {
		_, err := c.Row("SELECT COUNT(*) FROM rows", nil, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}
