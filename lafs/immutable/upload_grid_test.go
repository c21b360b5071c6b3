package immutable_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"tahoe/caps"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// An upGrid is a grid of servers in memory, which are asked in the order of their numbers, whatever the index.
type upGrid struct {
	mems    []*storagetest.Mem
	faulty  []*storagetest.Faulty
	servers []*grid.Server
}

func (g *upGrid) Permuted(storage.Index) []*grid.Server { return g.servers }

func (g *upGrid) Settle(context.Context, int) {}

func newUpGrid(t testing.TB, n int) *upGrid {
	t.Helper()
	g := &upGrid{}
	for range n {
		g.add(t, storagetest.Config{})
	}
	return g
}

// add adds a server, whose limits the client knows.
func (g *upGrid) add(t testing.TB, c storagetest.Config) {
	t.Helper()
	m := storagetest.NewMem(c)
	f := storagetest.NewFaulty(m)
	s := newUpServer(t, len(g.servers), f)
	if _, err := s.Storage().Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.mems, g.faulty, g.servers = append(g.mems, m), append(g.faulty, f), append(g.servers, s)
}

func newUpServer(t testing.TB, n int, s storage.Server) *grid.Server {
	t.Helper()
	tub := make([]byte, 20)
	tub[0] = byte(n)
	id := "s" + string(rune('a'+n/26)) + string(rune('a'+n%26))
	srv, err := grid.NewServer(grid.Announcement{ID: grid.ServerID(id), Nickname: id, FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}, s)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func upLease(i storage.Index, tub [20]byte) storage.LeaseSecrets {
	return taghash.Lease([]byte("the lease master secret"), i, tub)
}

func (g *upGrid) uploader(change ...func(*immutable.UploaderConfig)) *immutable.Uploader {
	c := immutable.UploaderConfig{Servers: g, Lease: upLease, Convergence: []byte("a convergence secret")}
	for _, f := range change {
		f(&c)
	}
	return immutable.NewUploader(c)
}

// upload uploads data as a source that can be read twice.
func (g *upGrid) upload(ctx context.Context, data []byte, change ...func(*immutable.UploaderConfig)) (caps.Read, *immutable.UploadResult, error) {
	return g.uploader(change...).Upload(ctx, bytes.NewReader(data), immutable.UploadOptions{Size: int64(len(data))})
}

// held is the number of shares of i on all servers, and open that of half-written ones.
func (g *upGrid) held(i storage.Index) (n int) {
	for _, m := range g.mems {
		n += len(m.Shares(i))
	}
	return n
}

func (g *upGrid) open() (n int) {
	for _, m := range g.mems {
		n += m.Open()
	}
	return n
}

func (g *upGrid) count(op storagetest.Op) (n int) {
	for _, f := range g.faulty {
		n += f.Count(op)
	}
	return n
}

// checkShares checks that the grid holds the file of c as g says: whole shares of the right size, which all end with the
// UEB that c commits to.
func (g *upGrid) checkShares(t testing.TB, c caps.Read, maxSegment int64, want int) {
	t.Helper()
	chk, ok := c.(caps.CHK)
	if !ok {
		t.Fatalf("capability is a %T, want CHK", c)
	}
	geometry, err := layout.NewGeometry(chk.Needed(), chk.Total(), chk.Size(), maxSegment)
	if err != nil {
		t.Fatal(err)
	}
	l, err := geometry.Layout(layout.UEBSize(geometry))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[storage.ShareNum]bool{}
	for s, m := range g.mems {
		for _, n := range m.Shares(chk.Index()) {
			seen[n] = true
			b := m.Bytes(chk.Index(), n)
			if int64(len(b)) != l.ShareSize() || !bytes.HasPrefix(b, l.Header()) {
				t.Errorf("share %d on server %d: %d bytes, want %d and the header", n, s, len(b), l.ShareSize())
				continue
			}
			if ueb := b[l.UEB+int64(l.FieldSize()):]; taghash.UEB(ueb) != chk.UEBHash() {
				t.Errorf("share %d on server %d ends with a UEB that is not the capability's", n, s)
			}
			if len(bytes.Trim(b[l.PlaintextHashes:l.CiphertextHashes], "\x00")) > 0 {
				t.Errorf("share %d on server %d: the plaintext hash tree is not empty", n, s)
			}
		}
	}
	if len(seen) != want {
		t.Errorf("%d different shares, want %d", len(seen), want)
	}
	if n := g.open(); n != 0 {
		t.Errorf("%d shares are still open", n)
	}
}

// checkNothing checks that no server holds anything, not even half a share.
func (g *upGrid) checkNothing(t testing.TB) {
	t.Helper()
	for s, m := range g.mems {
		if i := m.Indices(); len(i) > 0 || m.Open() > 0 {
			t.Errorf("server %d holds shares of %v, and %d open ones", s, i, m.Open())
		}
	}
}

func upData(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte("upload"))).Read(b)
	return b
}

// onlyReader hides what else a reader can do.
type onlyReader struct{ io.Reader }

var errInjected = errors.New("injected")

func newZeros(n int64) io.Reader { return io.LimitReader(zeros{}, n) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A lateGrid has no servers before somebody waited for them.
type lateGrid struct {
	*upGrid
	settled int
}

func (g *lateGrid) Permuted(i storage.Index) []*grid.Server { return g.upGrid.Permuted(i)[:g.settled] }

func (g *lateGrid) Settle(_ context.Context, n int) { g.settled = min(n, len(g.servers)) }

func TestTransfersWaitForFirstAnswers(t *testing.T) {
	g := newUpGrid(t, 10)
	c, _, err := g.upload(t.Context(), upData(5000), func(u *immutable.UploaderConfig) { u.Servers = &lateGrid{upGrid: g} })
	if err != nil {
		t.Fatalf("upload: %v", err)
	}
	d := immutable.NewDownloader(immutable.DownloaderConfig{
		Servers: &lateGrid{upGrid: g}, Pool: reactor.NewPool(1), Budget: reactor.NewBudget(64 << 20),
	})
	var b bytes.Buffer
	if err := d.Open(c.(caps.CHK)).Read(t.Context(), 0, 5000, &b); err != nil || !bytes.Equal(b.Bytes(), upData(5000)) {
		t.Errorf("download: %d bytes, %v", b.Len(), err)
	}
}
