package disk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/disk"
)

// goldenIndex is the index of the shares in testdata: bytes 0 to 15.
var goldenIndex = storage.Index{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

const goldenDir = "shares/aa/aaaqeayeaudaocajbifqydiob4"

func fill(b byte) storage.Secret {
	return storage.NewSecret([storage.SecretSize]byte(bytes.Repeat([]byte{b}, storage.SecretSize)))
}

func lease(k byte) storage.LeaseSecrets {
	return storage.LeaseSecrets{Renew: fill(k), Cancel: fill(k + 100)}
}

// golden is a server as the one that wrote testdata, and a clock that the test moves.
type golden struct {
	*testing.T
	s   *disk.Server
	dir string
	now time.Time
}

func newGolden(t *testing.T) *golden {
	g := &golden{T: t, dir: t.TempDir(), now: time.Unix(1778323200, 0)}
	g.s = open(t, disk.Config{Dir: g.dir, Now: func() time.Time { return g.now }, NodeID: [20]byte(bytes.Repeat([]byte("n"), 20))})
	return g
}

// put copies a file of testdata into the server's directory.
func (g *golden) put(number, name string) {
	g.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		g.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(g.dir, goldenDir), 0o700); err != nil {
		g.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, goldenDir, number), data, 0o600); err != nil {
		g.Fatal(err)
	}
}

// want compares a share file with what the original wrote.
func (g *golden) want(number, name string) {
	g.Helper()
	got, err := os.ReadFile(filepath.Join(g.dir, goldenDir, number))
	if err != nil {
		g.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		g.Fatal(err)
	}
	for k := range min(len(got), len(want)) {
		if got[k] != want[k] {
			g.Fatalf("%s: byte %d is %#02x, the original's %#02x", name, k, got[k], want[k])
		}
	}
	if len(got) != len(want) {
		g.Errorf("%s: got %d bytes, the original has %d", name, len(got), len(want))
	}
	noFindings(g, g.s)
}

func (g *golden) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

func (g *golden) addLease(k byte) {
	g.Helper()
	g.must(g.s.AddLease(g.Context(), goldenIndex, lease(k)))
}

// change changes mutable share 5.
func (g *golden) change(k byte, w storage.ShareWrite) {
	g.Helper()
	got, err := g.s.TestAndWrite(g.Context(), goldenIndex, storage.SlotWrite{
		WriteEnabler: fill('w'), Lease: lease(k), Shares: map[storage.ShareNum]storage.ShareWrite{5: w},
	})
	g.must(err)
	if !got.Wrote {
		g.Fatal("not written")
	}
}

func at(offset int64, data string) storage.Write {
	return storage.Write{Offset: offset, Data: bytes.NewReader([]byte(data))}
}

func writes(w ...storage.Write) storage.ShareWrite { return storage.ShareWrite{Writes: w} }

func TestImmutableFileIsTheOriginals(t *testing.T) {
	g := newGolden(t)
	got, err := g.s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{3}, Size: 13, Lease: lease(1)})
	g.must(err)
	w := got.Writers[3]
	for _, part := range []struct {
		offset int64
		data   string
	}{{7, "world!"}, {0, "hello, "}} {
		_, err = w.Write(t.Context(), storage.Span{Offset: part.offset, Size: int64(len(part.data))}, bytes.NewReader([]byte(part.data)))
		g.must(err)
	}
	g.must(w.Close(t.Context()))
	g.want("3", "immutable-v2-1.share")
	g.addLease(2)
	g.now = g.now.Add(1000 * time.Second)
	g.addLease(1)
	g.want("3", "immutable-v2-2.share")
}

func TestMutableFileIsTheOriginals(t *testing.T) {
	g := newGolden(t)
	g.change(1, writes(at(0, "first content")))
	g.want("5", "mutable-v2-1.share")
	for k := byte(2); k < 7; k++ {
		g.addLease(k)
	}
	g.want("5", "mutable-v2-2.share")
	g.now = g.now.Add(1000 * time.Second)
	g.change(1, writes(at(400, "far"), at(2, "XX")))
	g.want("5", "mutable-v2-3.share")
	five := int64(5)
	g.change(1, storage.ShareWrite{NewLength: &five})
	g.change(6, writes(at(20, "again")))
	g.want("5", "mutable-v2-4.share")
	g.change(1, writes(at(403, "beyond"), at(0, "F")))
	g.want("5", "mutable-v2-5.share")
}

func TestOldVersionsKeepTheirVersion(t *testing.T) {
	g := newGolden(t)
	g.put("3", "immutable-v1-1.share")
	g.now = g.now.Add(5 * time.Second)
	g.addLease(1)
	g.addLease(2)
	g.want("3", "immutable-v1-2.share")
	g = newGolden(t)
	g.put("5", "mutable-v1-1.share")
	for k := byte(1); k < 6; k++ {
		g.addLease(k)
	}
	g.change(2, writes(at(10, "second")))
	g.want("5", "mutable-v1-2.share")
}
