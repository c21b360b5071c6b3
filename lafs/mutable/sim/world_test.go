package sim_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"fmt"
	"io"
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
var theKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, layout.KeyBits) })

// A world is a grid of servers in memory, which all gateways reach, and the capability of the one file in it.
type world struct {
	t       testing.TB
	mems    []*storagetest.Mem
	faulty  []*storagetest.Faulty
	key     *rsa.PrivateKey
	private *layout.PrivateKey
	cap     caps.MutableWrite
	coding  mutable.Encoding
}

func newWorld(t testing.TB, f caps.Format, servers, needed, total int) *world {
	t.Helper()
	key, err := theKey()
	must(t, err)
	private, err := layout.NewPrivateKey(key)
	must(t, err)
	w := &world{t: t, key: key, private: private, cap: private.Cap(f), coding: mutable.Encoding{Needed: needed, Total: total}}
	for range servers {
		m := storagetest.NewMem(storagetest.Config{})
		w.mems, w.faulty = append(w.mems, m), append(w.faulty, storagetest.NewFaulty(m))
	}
	return w
}

// gateway is a node of its own. reach is how it reaches a server, nil for directly.
func (w *world) gateway(number int, reach func(server int, s storage.Server) storage.Server) *mutable.Files {
	w.t.Helper()
	var servers []*grid.Server
	for i, f := range w.faulty {
		var s storage.Server = f
		if reach != nil {
			s = reach(i, s)
		}
		name, tub := fmt.Sprintf("server-%d", i), tubOf(i)
		server, err := grid.NewServer(grid.Announcement{
			ID: grid.ServerID(name), Nickname: name, FURL: "pb://" + base32.Encode(tub[:]) + "@tcp:localhost:1/x",
		}, s)
		must(w.t, err)
		servers = append(servers, server)
	}
	master := fmt.Appendf(nil, "master secret of gateway %d", number)
	return mutable.New(mutable.Config{
		Servers: grid.Fixed(servers...), Encoding: w.coding, Pool: reactor.NewPool(2), Budget: reactor.NewBudget(64 << 20),
		Lease: func(i storage.Index, tub [20]byte) storage.LeaseSecrets { return taghash.Lease(master, i, tub) },
	})
}

// tubOf is the identity of a server.
func tubOf(server int) [20]byte { return sha1.Sum(fmt.Appendf(nil, "server-%d", server)) }

func (w *world) create(ctx context.Context, m *mutable.Files, contents []byte) (*mutable.File, error) {
	return m.Create(ctx, mutable.CreateOptions{Format: w.cap.FileFormat(), Key: w.key},
		func(caps.MutableWrite) (io.Reader, int64, error) {
			return bytes.NewReader(contents), int64(len(contents)), nil
		})
}

func (w *world) open(m *mutable.Files) *mutable.File {
	w.t.Helper()
	f, err := m.Open(w.cap)
	must(w.t, err)
	return f
}

// shares are the numbers of the shares that a server holds.
func (w *world) shares(server int) []storage.ShareNum { return w.mems[server].Shares(w.cap.Index()) }

func (w *world) share(server int, n storage.ShareNum) []byte {
	return w.mems[server].Bytes(w.cap.Index(), n)
}

// A copyOf is one copy of a share.
type copyOf struct {
	server int
	num    storage.ShareNum
}

// audit verifies every share of every server, to the last block. It returns the versions that they are of.
func (w *world) audit(excused func(c copyOf, share []byte) bool) (versions map[copyOf]layout.Prefix) {
	w.t.Helper()
	versions = make(map[copyOf]layout.Prefix)
	for i := range w.mems {
		for _, n := range w.shares(i) {
			b, c := w.share(i, n), copyOf{i, n}
			p, err := w.auditShare(n, b)
			if err == nil {
				versions[c] = p
			} else if excused == nil || !excused(c, b) {
				w.t.Errorf("share %d on server %d: %v", n, i, err)
			}
		}
	}
	return versions
}

func (w *world) auditShare(n storage.ShareNum, b []byte) (layout.Prefix, error) {
	_, p, err := layout.VerifyShare(bytes.NewReader(b), int(n), w.cap.Fingerprint())
	if err != nil {
		return layout.Prefix{}, err
	}
	if !bytes.Equal(p.PrivateKey, w.private.Encrypted()) {
		return layout.Prefix{}, fmt.Errorf("private key of share %d is not that of the file", n)
	}
	return p.Prefix, nil
}

// readAll reads the file whole.
func readAll(ctx context.Context, f *mutable.File) ([]byte, mutable.Version, error) {
	var b bytes.Buffer
	v, err := f.Read(ctx, 0, 1<<30, &b)
	return b.Bytes(), v, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
