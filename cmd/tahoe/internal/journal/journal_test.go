package journal_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/journal"
	"tahoe/cmd/tahoe/internal/localfile"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

func open(t *testing.T, path, id string, now time.Time) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), path, id, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closeNow(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestID(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"a"}, {"a", ""}, {"a", "b"}, {"ab"}, {"b", "a"}, {"1:a,"}} {
		id := journal.ID(parts...)
		if was, ok := seen[id]; ok {
			t.Errorf("%q and %q have one name", was, parts)
		}
		if id != journal.ID(parts...) {
			t.Errorf("%q has two names", parts)
		}
		seen[id] = parts
	}
}

// TestEntries has what was noted known to the next run of the same copy, for files that are what they were, and for nobody else.
func TestEntries(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "cp.sqlite"), time.Unix(1_700_000_000, 0)
	stamp := localfile.Stamp{Size: 1, MTime: 2, CTime: 3, Inode: 4}
	j := open(t, path, "one", now)
	if err := j.FileDone("/f", stamp, "URI:f"); err != nil {
		t.Fatal(err)
	}
	if err := j.DirectoryDone("/f", "contents", "URI:d"); err != nil {
		t.Fatal(err)
	}
	closeNow(t, j)

	j = open(t, path, "one", now.Add(journal.MaxAge-time.Hour))
	if j.Resumes() != 2 {
		t.Errorf("got %d entries, want 2", j.Resumes())
	}
	for _, c := range []struct {
		name  string
		path  string
		stamp localfile.Stamp
		want  bool
	}{
		{"same", "/f", stamp, true},
		{"path", "/g", stamp, false},
		{"size", "/f", localfile.Stamp{Size: 2, MTime: 2, CTime: 3, Inode: 4}, false},
		{"mtime", "/f", localfile.Stamp{Size: 1, MTime: 3, CTime: 3, Inode: 4}, false},
		{"ctime", "/f", localfile.Stamp{Size: 1, MTime: 2, CTime: 4, Inode: 4}, false},
		{"inode", "/f", localfile.Stamp{Size: 1, MTime: 2, CTime: 3, Inode: 5}, false},
	} {
		got, ok, err := j.File(c.path, c.stamp)
		if err != nil || ok != c.want || ok && got != "URI:f" {
			t.Errorf("%s: got %q, %v, %v, want %v", c.name, got, ok, err, c.want)
		}
	}
	if got, ok, err := j.Directory("/f", "contents"); !ok || err != nil || got != "URI:d" {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
	if _, ok, _ := j.Directory("/f", "other contents"); ok {
		t.Error("a directory of other contents is known")
	}
	closeNow(t, j)

	j = open(t, path, "two", now)
	if _, ok, _ := j.File("/f", stamp); ok || j.Resumes() != 0 {
		t.Error("another copy knows of it")
	}
	if err := j.Forget(); err != nil {
		t.Fatal(err)
	}
	closeNow(t, j)

	j = open(t, path, "one", now.Add(journal.MaxAge+time.Hour))
	if _, ok, _ := j.File("/f", stamp); ok || j.Resumes() != 0 {
		t.Error("what is too old is known")
	}
	closeNow(t, j)
}

// TestForget leaves nothing.
func TestForget(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "cp.sqlite"), time.Unix(1_700_000_000, 0)
	j := open(t, path, "one", now)
	if err := j.FileDone("/f", localfile.Stamp{}, "URI:f"); err != nil {
		t.Fatal(err)
	}
	if err := j.Forget(); err != nil {
		t.Fatal(err)
	}
	closeNow(t, j)
	if j = open(t, path, "one", now); j.Resumes() != 0 {
		t.Errorf("%d entries are left", j.Resumes())
	}
	closeNow(t, j)
}

// TestForgetDirectory has a directory forgotten with all below it, and nothing else.
func TestForgetDirectory(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "cp.sqlite"), "one", time.Unix(1_700_000_000, 0))
	paths := map[string]bool{"a/b": false, "a/b/c": false, "a/b/c/d": false, "a": true, "a/b c": true, "a/bc": true, "a/b0": true, "x": true}
	for p := range paths {
		if err := j.DirectoryDone(p, "contents", "URI:"+p); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.ForgetDirectory("a/b"); err != nil {
		t.Fatal(err)
	}
	for p, want := range paths {
		if _, ok, err := j.Directory(p, "contents"); err != nil || ok != want {
			t.Errorf("%s: got %v, %v, want %v", p, ok, err, want)
		}
	}
	closeNow(t, j)
}
