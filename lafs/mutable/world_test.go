package mutable_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"tahoe/caps"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// theKey is the key of all files here: each is alone in its grid, and keys take long to make.
var theKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, layout.KeyBits)
	if err != nil {
		panic(err)
	}
	return k
})

// A world is a grid of servers in memory.
type world struct {
	t       testing.TB
	mems    []*storagetest.Mem
	faulty  []*storagetest.Faulty
	servers []*grid.Server
}

func newWorld(t testing.TB, servers int) *world {
	t.Helper()
	w := &world{t: t}
	for i := range servers {
		m := storagetest.NewMem(storagetest.Config{})
		f := storagetest.NewFaulty(&meter{Server: m})
		w.mems, w.faulty, w.servers = append(w.mems, m), append(w.faulty, f), append(w.servers, serverOf(t, i, f))
	}
	return w
}

// serverOf is server i of each gateway's grid.
func serverOf(t testing.TB, i int, s storage.Server) *grid.Server {
	t.Helper()
	name := fmt.Sprintf("server-%d", i)
	tub := sha1.Sum([]byte(name))
	server, err := grid.NewServer(grid.Announcement{
		ID: grid.ServerID(name), Nickname: name, FURL: "pb://" + base32.Encode(tub[:]) + "@tcp:localhost:1/x",
	}, s)
	must(t, err)
	return server
}

// files is a gateway. change may change its config.
func (w *world) files(change ...func(*mutable.Config)) *mutable.Files {
	c := mutable.Config{
		Servers: grid.Fixed(w.servers...), Pool: reactor.NewPool(2),
		Lease: func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
			return taghash.Lease([]byte("master"), i, tub)
		},
	}
	for _, f := range change {
		f(&c)
	}
	return mutable.New(c)
}

func encoding(k, n int) func(*mutable.Config) {
	return func(c *mutable.Config) { c.Encoding = mutable.Encoding{Needed: k, Total: n} }
}

// create makes a file with the key of all files.
func (w *world) create(m *mutable.Files, f caps.Format, contents []byte) *mutable.File {
	w.t.Helper()
	file, err := m.Create(w.t.Context(), mutable.CreateOptions{Format: f, Key: theKey()}, content(contents))
	must(w.t, err)
	return file
}

func content(b []byte) func(caps.MutableWrite) (io.Reader, int64, error) {
	return func(caps.MutableWrite) (io.Reader, int64, error) { return bytes.NewReader(b), int64(len(b)), nil }
}

// same opens a file of one gateway at another.
func (w *world) same(m *mutable.Files, f *mutable.File) *mutable.File {
	w.t.Helper()
	other, err := m.Open(f.Cap())
	must(w.t, err)
	return other
}

func index(f *mutable.File) storage.Index { return f.Cap().(caps.MutableWrite).Index() }

// audit verifies every share of every server to the last block, and returns how many there are of each version.
func (w *world) audit(f *mutable.File) map[uint64]int {
	w.t.Helper()
	c := f.Cap().(caps.MutableWrite)
	versions := make(map[uint64]int)
	for i, m := range w.mems {
		for _, n := range m.Shares(c.Index()) {
			b := m.Bytes(c.Index(), n)
			h, p, err := layout.VerifyShare(bytes.NewReader(b), int(n), c.Fingerprint())
			if err != nil {
				w.t.Errorf("share %d on server %d: %v", n, i, err)
				continue
			}
			if _, err := layout.DecryptPrivateKey(c.Key(), p.PrivateKey); err != nil {
				w.t.Errorf("share %d on server %d: %v", n, i, err)
			}
			if h.ShareSize() != int64(len(b)) {
				w.t.Errorf("share %d on server %d has %d bytes, want %d", n, i, len(b), h.ShareSize())
			}
			versions[h.Seqnum]++
		}
	}
	return versions
}

// count is the number of calls of an operation at all servers since the last.
func (w *world) count(op storagetest.Op) int {
	n := 0
	for _, f := range w.faulty {
		n += f.Count(op)
	}
	return n
}

// holders are the servers that hold shares of a file.
func (w *world) holders(f *mutable.File) []int {
	var out []int
	for i, m := range w.mems {
		if len(m.Shares(index(f))) > 0 {
			out = append(out, i)
		}
	}
	return out
}

// random is reproducible.
func random(seed uint64, size int) []byte {
	b := make([]byte, size)
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	_, _ = mrand.NewChaCha8(s).Read(b)
	return b
}

func readAll(t testing.TB, f *mutable.File) ([]byte, mutable.Version) {
	t.Helper()
	var b bytes.Buffer
	v, err := f.Read(t.Context(), 0, 1<<40, &b)
	must(t, err)
	return b.Bytes(), v
}

func wantContents(t testing.TB, f *mutable.File, want []byte) mutable.Version {
	t.Helper()
	got, v := readAll(t, f)
	wantBytes(t, got, want)
	if v.Size != int64(len(want)) {
		t.Errorf("got a size of %d, want %d", v.Size, len(want))
	}
	return v
}

func wantBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		at := slices.Index(equal(got, want), false)
		t.Fatalf("got %d bytes, want %d; the first that differs is %d", len(got), len(want), at)
	}
}

func equal(a, b []byte) []bool {
	out := make([]bool, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] == b[i]
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
