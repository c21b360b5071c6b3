package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/lafs"
	"tahoe/storage"
)

// TestBlacklist: what the file names is prohibited, and a change of the file is noticed.
func TestBlacklist(t *testing.T) {
	bad, fine := storage.Index{1}, storage.Index{2}
	b := &blacklist{path: filepath.Join(t.TempDir(), "access.blacklist")}
	changed := time.Now()
	write := func(text string) {
		if err := os.WriteFile(b.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		changed = changed.Add(time.Second)
		if err := os.Chtimes(b.path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, i storage.Index, reason string) {
		t.Helper()
		err := b.allow(i)
		p, ok := errors.AsType[*lafs.ProhibitedError](err)
		switch {
		case reason == "" && err != nil:
			t.Errorf("%s: got %v", what, err)
		case reason != "" && (!ok || p.Reason != reason):
			t.Errorf("%s: got %v, want %q", what, err, reason)
		}
	}
	check("no file", bad, "")
	write("# comment\n\n  " + bad.String() + "\t why  not \n")
	check("listed", bad, "why  not")
	check("not listed", fine, "")
	write("")
	check("empty", bad, "")
	for _, text := range []string{"nonsense reason\n", bad.String() + "\n", "\n\nabc x\n"} {
		write(text)
		if err := b.allow(fine); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: got %v, want the line named", text, err)
		}
	}
	write(bad.String() + " again")
	check("put right", bad, "again")
	check("put right", fine, "")
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	check("removed", bad, "")
}
