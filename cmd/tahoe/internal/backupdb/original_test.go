package backupdb_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tahoe/cmd/tahoe/internal/backupdb"
)

// original is the Python of the environment in which the original runs.
func original(t *testing.T) string {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(self), "..", "..", "..", "..", "tests", "interop", "original.sh")
	out, err := exec.CommandContext(t.Context(), "sh", script).Output()
	if err != nil {
		t.Skip("the original is not here: tests/interop/original.sh says how it comes")
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "python")
}

// asOriginal opens the database at path as db with the original's own code, and runs a program with it.
func asOriginal(t *testing.T, python, path, program string) string {
	t.Helper()
	program = "import sys\nfrom allmydata.scripts.backupdb import get_backupdb\ndb = get_backupdb(sys.argv[1])\n" + program
	cmd := exec.CommandContext(t.Context(), python, "-c", program, path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestOriginal has the original go on with our database, and us with its.
func TestOriginal(t *testing.T) {
	python := original(t)
	dir := t.TempDir()
	path, file := filepath.Join(dir, "backupdb.sqlite"), filepath.Join(dir, "é")
	write(t, file, "text")
	at := time.Unix(1_600_000_000, 999_999_999)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	ctime := asOriginal(t, python, filepath.Join(dir, "other.sqlite"), fmt.Sprintf("import os\nprint(os.stat(%q)[9])", file))
	f := backupdb.File{Path: file, Size: 4, MTime: at.Unix()}
	if _, err := fmt.Sscan(ctime, &f.CTime); err != nil {
		t.Fatal(err)
	}
	hash := backupdb.DirHash(map[string]string{"é": "URI:LIT:ours"})

	db, err := backupdb.Open(t.Context(), path, backupdb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Uploaded(f, "URI:LIT:ours"); err != nil {
		t.Fatal(err)
	}
	if err := db.Created(hash, "URI:DIR2-LIT:ours"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	got := asOriginal(t, python, path, fmt.Sprintf(`
f, d = db.check_file(%q), db.check_directory({"é": b"URI:LIT:ours"})
print(f.was_uploaded(), f.should_check(), d.was_created(), d.should_check())
f.did_check_healthy({}); d.did_check_healthy({})
f.did_upload(b"URI:LIT:theirs")
db.check_directory({"z": b"URI:LIT:theirs"}).did_create(b"URI:DIR2-LIT:theirs")
`, file))
	if want := "b'URI:LIT:ours' False b'URI:DIR2-LIT:ours' False"; got != want {
		t.Errorf("the original reads %q, want %q", got, want)
	}

	w := start()
	w.now = time.Now().Add(61 * 24 * time.Hour)
	db = open(t, path, w)
	if k, known, err := db.File(f, false); !known || err != nil || k.Cap != "URI:LIT:theirs" || !k.Due {
		t.Errorf("got %+v, %v, %v, want what the original wrote", k, known, err)
	}
	theirs := backupdb.DirHash(map[string]string{"z": "URI:LIT:theirs"})
	if k, known, err := db.Directory(theirs); !known || err != nil || k.Cap != "URI:DIR2-LIT:theirs" || !k.Due {
		t.Errorf("got %+v, %v, %v, want what the original made", k, known, err)
	}
	if err := db.FileHealthy("URI:LIT:theirs"); err != nil {
		t.Fatal(err)
	}
	if err := db.DirectoryHealthy("URI:DIR2-LIT:theirs"); err != nil {
		t.Fatal(err)
	}
	if k, _, _ := db.File(f, false); k.Due {
		t.Error("what was found healthy is due")
	}
	if k, _, _ := db.Directory(theirs); k.Due {
		t.Error("a directory that was found healthy is due")
	}
}
