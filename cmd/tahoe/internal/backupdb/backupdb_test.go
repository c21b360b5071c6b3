package backupdb_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/backupdb"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// world is a clock and a chance that tests turn.
type world struct {
	now    time.Time
	chance float64
}

func (w *world) config() backupdb.Config {
	return backupdb.Config{Now: func() time.Time { return w.now }, Chance: func() float64 { return w.chance }}
}

func open(t *testing.T, path string, w *world) *backupdb.DB {
	t.Helper()
	db, err := backupdb.Open(t.Context(), path, w.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func start() *world { return &world{now: time.Unix(1_700_000_000, 0), chance: 0.5} }

func TestDirHash(t *testing.T) {
	for _, c := range []struct {
		name     string
		children map[string]string
		want     string // as the original computes it
	}{
		{"empty", nil, "5grsmybrmqd7jfna6gghvmacwclmrru6qndxhas44lwlkxfizb3q"},
		{"two", map[string]string{"b": "URI:LIT:mi", "a": "URI:LIT:me"}, "rcj6akl3jqtmo2pxyrpcd4ex2wvsifh3he6t64r25jfdsnpa5zua"},
		{"unicode", map[string]string{"é": "URI:LIT:", "Z": "URI:DIR2-LIT:", "漢": "URI:LIT:me"}, "zcbvxwre3zweimxniaxer6oymgtcmjhmu5srk6nrwpriblmks26a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := backupdb.DirHash(c.children); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFile(t *testing.T) {
	file := backupdb.File{Path: "/home/me/é", Size: 7, MTime: 1_600_000_000, CTime: 1_600_000_001}
	for _, c := range []struct {
		name        string
		change      func(*backupdb.File)
		ignoreTimes bool
		want        bool
	}{
		{name: "unchanged", change: func(*backupdb.File) {}, want: true},
		{name: "size", change: func(f *backupdb.File) { f.Size++ }},
		{name: "mtime", change: func(f *backupdb.File) { f.MTime++ }},
		{name: "ctime", change: func(f *backupdb.File) { f.CTime-- }},
		{name: "another path", change: func(f *backupdb.File) { f.Path += "x" }},
		{name: "times do not count", change: func(*backupdb.File) {}, ignoreTimes: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "db"), start())
			if err := db.Uploaded(file, "URI:CHK:x"); err != nil {
				t.Fatal(err)
			}
			f := file
			c.change(&f)
			k, known, err := db.File(f, c.ignoreTimes)
			if err != nil || known != c.want || known && k.Cap != "URI:CHK:x" {
				t.Fatalf("got %v, %v, %v, want known %v", k, known, err, c.want)
			}
			if f.Path != file.Path {
				return
			}
			if _, known, err = db.File(file, false); err != nil || known != c.want {
				t.Errorf("afterwards known is %v, %v, want %v: what changed is forgotten", known, err, c.want)
			}
		})
	}
}

// TestDue turns the clock over a file and a directory.
func TestDue(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name   string
		age    time.Duration
		chance float64
		want   bool
	}{
		{"new", 0, 0, false},
		{"a week", 7 * day, 0, false},
		{"nine days, unlucky", 8*day + 18*time.Hour, 0.24, true},
		{"nine days, lucky", 8*day + 18*time.Hour, 0.26, false},
		{"half way, unlucky", 10*day + 12*time.Hour, 0.49, true},
		{"half way, lucky", 10*day + 12*time.Hour, 0.51, false},
		{"two weeks", 14 * day, 0.999, true},
		{"the clock went back", -400 * day, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start()
			db := open(t, filepath.Join(t.TempDir(), "db"), w)
			file := backupdb.File{Path: "/f"}
			if err := db.Uploaded(file, "URI:CHK:x"); err != nil {
				t.Fatal(err)
			}
			if err := db.Created("hash", "URI:DIR2-CHK:x"); err != nil {
				t.Fatal(err)
			}
			w.now, w.chance = w.now.Add(c.age), c.chance
			f, _, err := db.File(file, false)
			if err != nil || f.Due != c.want {
				t.Errorf("file: got %v, %v, want %v", f.Due, err, c.want)
			}
			d, known, err := db.Directory("hash")
			if err != nil || !known || d.Due != c.want || d.Cap != "URI:DIR2-CHK:x" {
				t.Errorf("directory: got %v, %v, %v, want due %v", d, known, err, c.want)
			}
			if err := db.FileHealthy("URI:CHK:x"); err != nil {
				t.Fatal(err)
			}
			if err := db.DirectoryHealthy("URI:DIR2-CHK:x"); err != nil {
				t.Fatal(err)
			}
			w.chance = 0
			if f, _, _ = db.File(file, false); f.Due {
				t.Error("a file is due that was just found healthy")
			}
			if d, _, _ = db.Directory("hash"); d.Due {
				t.Error("a directory is due that was just found healthy")
			}
		})
	}
}

// TestSharedCap has two files of equal contents, and one whose contents change to those of the other.
func TestSharedCap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path, start())
	for _, f := range []string{"/a", "/b"} {
		if err := db.Uploaded(backupdb.File{Path: f}, "URI:LIT:me"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Uploaded(backupdb.File{Path: "/a", Size: 1}, "URI:LIT:mi"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/a": "URI:LIT:mi", "/b": "URI:LIT:me"} {
		size := int64(0)
		if path == "/a" {
			size = 1
		}
		if k, known, err := db.File(backupdb.File{Path: path, Size: size}, false); !known || err != nil || k.Cap != want {
			t.Errorf("%s: got %v, %v, %v, want %v", path, k, known, err, want)
		}
	}
}

// TestReopen has what was told still known by the next program, and the file readable by its owner alone.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%d.sqlite")
	db, err := backupdb.Open(t.Context(), path, start().config())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Created("hash", "URI:DIR2-LIT:"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if k, known, err := open(t, path, start()).Directory("hash"); !known || err != nil || k.Cap != "URI:DIR2-LIT:" {
		t.Errorf("got %v, %v, %v", k, known, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("got %v, %v, want a file that nobody else reads", info, err)
	}
}

// TestConcurrent has many at once, as parallel uploads are.
func TestConcurrent(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "db"), start())
	done := make(chan error)
	for i := range 8 {
		go func() {
			var err error
			for n := 0; n < 50 && err == nil; n++ {
				err = db.Uploaded(backupdb.File{Path: "/" + strings.Repeat("x", i*50+n)}, "URI:LIT:me")
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for n := range 400 {
		if _, known, err := db.File(backupdb.File{Path: "/" + strings.Repeat("x", n)}, false); !known || err != nil {
			t.Fatalf("%d: known is %v, %v", n, known, err)
		}
	}
}

// TestOtherFiles opens what is no database of this version.
func TestOtherFiles(t *testing.T) {
	withSQL := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, s := range statements {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	v1 := []string{
		"CREATE TABLE version (version INTEGER)", "INSERT INTO version VALUES (1)",
		"CREATE TABLE local_files (path VARCHAR(1024) PRIMARY KEY, size INTEGER, mtime NUMBER, ctime NUMBER, fileid INTEGER)",
		"CREATE TABLE caps (fileid INTEGER PRIMARY KEY AUTOINCREMENT, filecap VARCHAR(256) UNIQUE)",
		"CREATE TABLE last_upload (fileid INTEGER PRIMARY KEY, last_uploaded TIMESTAMP, last_checked TIMESTAMP)",
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want string // in the error; empty: it opens
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"an empty file", func(t *testing.T, p string) { write(t, p, "") }, ""},
		{"version 1", withSQL(v1...), ""},
		{"version 3", withSQL("CREATE TABLE version (version INTEGER)", "INSERT INTO version VALUES (3)"), "version 3"},
		{"no version", withSQL("CREATE TABLE version (version INTEGER)"), "does not say its version"},
		{"another database", withSQL("CREATE TABLE x (y INTEGER)"), "unusable"},
		{"junk", func(t *testing.T, p string) { write(t, p, strings.Repeat("junk", 1000)) }, "unusable"},
		{"a directory", func(t *testing.T, p string) {
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "backupdb.sqlite")
			c.make(t, path)
			db, err := backupdb.Open(t.Context(), path, backupdb.Config{})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q in it", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Created("h", "URI:DIR2-LIT:"); err != nil {
				t.Error(err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
