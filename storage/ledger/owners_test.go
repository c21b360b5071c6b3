package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/storage"
	"tahoe/storage/ledger"
	"tahoe/storage/share"
)

// TestOwnersAreKept: a file that is mostly about what has gone is written anew, nobody loses a share by it, and a line that a process left
// half written harms no other.
func TestOwnersAreKept(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, ledger.Limits{})
	kept, i := storage.ShareNum(250), index(0)
	for n := range storage.ShareNum(200) {
		l.Changed(share.Change{Index: i, Share: n, Client: "alice", Shares: 1, Bytes: 10})
		l.Changed(share.Change{Index: i, Share: n, Client: "alice", Shares: -1, Bytes: -10})
	}
	stop(t, l)
	path := filepath.Join(dir, "owners", i.String()[:2])
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(i.String() + " 77 al")
	must(t, err)
	must(t, f.Close())

	l = open(t, dir, ledger.Limits{})
	l.Changed(share.Change{Index: i, Share: kept, Client: "alice", Shares: 1, Bytes: 10})
	stop(t, l)
	for cycle := range 2 {
		l.Begin(cycle, "")
		must(t, l.Enter(i.String()[:2]))
		l.Count(i, share.Bucket{Shares: []share.Held{{Share: kept, FileBytes: 10}}})
		must(t, l.Leave())
		must(t, l.Finish())
		if u, _ := l.Usage(); u.Clients["alice"] != (ledger.Sum{Shares: 1, Bytes: 10}) || u.Immutable.Shares != 1 {
			t.Errorf("cycle %d: got %+v, want one share of alice", cycle, u)
		}
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if want := i.String() + " 250 alice\n"; strings.TrimLeft(string(text), "\n") != want {
		t.Errorf("got %d bytes of owners, want %q alone", len(text), want)
	}
}
