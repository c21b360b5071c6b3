package vfs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A gate is a server that can be out of reach.
type gate struct {
	storage.Server
	away *atomic.Bool
}

var errAway = errors.New("no route to host")

func (g gate) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	if g.away.Load() {
		return storage.Allocated{}, errAway
	}
	return g.Server.Allocate(ctx, i, a)
}

func (g gate) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	if g.away.Load() {
		return nil, errAway
	}
	return g.Server.Buckets(ctx, i)
}

func (g gate) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, v []storage.Span) (map[storage.ShareNum][][]byte, error) {
	if g.away.Load() {
		return nil, errAway
	}
	return g.Server.ReadSlot(ctx, i, shares, v)
}

func (g gate) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	if g.away.Load() {
		return storage.SlotResult{}, errAway
	}
	return g.Server.TestAndWrite(ctx, i, w)
}

// newLafs makes a file store on ten servers in memory, that away keeps out of reach.
func newLafs(t testing.TB) (*lafs.Client, *atomic.Bool) {
	t.Helper()
	away := new(atomic.Bool)
	var servers []*grid.Server
	for k := range 10 {
		tub := make([]byte, 20)
		tub[0] = byte(k)
		a := grid.Announcement{ID: grid.ServerID(fmt.Sprint("server", k)), FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}
		s, err := grid.NewServer(a, gate{storagetest.NewMem(storagetest.Config{}), away})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	pool, budget, fixed := reactor.NewPool(0), reactor.NewBudget(64<<20), grid.Fixed(servers...)
	lease := func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
		return taghash.Lease([]byte("master"), i, tub)
	}
	return lafs.New(lafs.Config{
		Uploader:   immutable.NewUploader(immutable.UploaderConfig{Servers: fixed, Pool: pool, Budget: budget, Lease: lease, SpoolDir: t.TempDir()}),
		Downloader: immutable.NewDownloader(immutable.DownloaderConfig{Servers: fixed, Pool: pool, Budget: budget}),
		Mutable:    mutable.New(mutable.Config{Servers: fixed, Pool: pool, Budget: budget, Lease: lease}),
		Pool:       pool, Budget: budget,
	}), away
}

func TestOverTheFileStore(t *testing.T) {
	c, _ := newLafs(t)
	ctx := t.Context()
	root, err := c.Mkdir(ctx, nil, lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.PutMutable(ctx, strings.NewReader("mutable"), 7, lafs.MutableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Set(ctx, lafs.NewChild{Name: "m", Child: lafs.ChildOf(m.Cap())}, lafs.ReplaceNever); err != nil {
		t.Fatal(err)
	}
	f := vfstest.Open(t, vfs.NewGrid(c), vfs.Config{})
	a := auth.Account{Name: "alice", Root: root.Cap().(caps.Read)}
	v := f.View(a)
	defer v.Close()
	d := &desk{t: t, fs: f, view: v}
	large := big(3_000_000, 1)
	d.fails(nil, v.MkdirAll(ctx, "/dir/sub"))
	d.write("/dir/sub/large", large)
	d.write("/dir/small", "small")
	d.write("/m", "written in place")
	d.settle()
	d.fails(nil, v.Rename(ctx, "/dir/small", "/dir/sub/moved", false))
	d.fails(vfs.ErrNotEmpty, v.Rmdir(ctx, "/dir/sub"))
	d.fails(vfs.ErrIsDirectory, v.Rename(ctx, "/m", "/dir", true))
	d.fails(fs.ErrExist, v.Mkdir(ctx, "/dir"))
	h := d.open("/dir/sub/large", vfs.FlagRead|vfs.FlagWrite)
	d.put(h, "IN THE MIDDLE", 1_500_000)
	d.close(h)
	d.settle()
	large = large[:1_500_000] + "IN THE MIDDLE" + large[1_500_013:]
	when, mode := time.Unix(1_000_000_000, 0), fs.FileMode(0o640)
	d.fails(nil, v.SetAttr(ctx, "/dir/sub/large", vfs.Attr{ModTime: &when, Mode: &mode}))
	again := f.View(a)
	defer again.Close()
	other := &desk{t: t, fs: vfstest.Open(t, vfs.NewGrid(c), vfs.Config{}), root: d.root}
	other.view = other.fs.View(a) // another node
	defer other.view.Close()
	for _, d := range []*desk{d, {t: t, fs: f, view: again}, other} {
		d.shows("/dir/sub/large", large)
		d.shows("/dir/sub/moved", "small")
		d.shows("/m", "written in place")
		i, err := d.view.Stat(ctx, "/dir/sub/large")
		if err != nil || !i.ModTime().Equal(when) || i.Mode() != mode {
			t.Errorf("got %v %v, %v", i.ModTime(), i.Mode(), err)
		}
	}
	if v, err := m.Stat(ctx); err != nil || v.Size != 16 {
		t.Errorf("the mutable file: got %+v, %v", v, err)
	}
	d.fails(nil, v.RemoveAll(ctx, "/dir"))
	d.fails(fs.ErrNotExist, second(v.Stat(ctx, "/dir/sub/large")))
	d.fails(fs.ErrNotExist, v.Remove(ctx, "/none"))
}

// All servers go away: closes succeed, are listed as waiting, survive a restart, end when the disk is full without losing
// anything, and arrive when the servers return.
func TestAllServersAway(t *testing.T) {
	c, away := newLafs(t)
	ctx := t.Context()
	root, err := c.Mkdir(ctx, nil, lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := auth.Account{Name: "alice", Root: root.Cap().(caps.Read)}
	config := vfs.Config{Dir: t.TempDir(), Limit: 1_000_000}
	f, stop := vfstest.Start(t, vfs.NewGrid(c), config)
	d := &desk{t: t, fs: f, view: f.View(a)}
	d.names("/")
	away.Store(true)
	for k := range 9 {
		d.write(fmt.Sprint("/f", k), big(100_000, uint64(k)))
	}
	q := f.Queue()
	if len(q) != 9 || q[3].Path != "/f3" || q[3].Size != 100_000 || q[3].Account != "alice" {
		t.Errorf("got %+v", q)
	}
	d.shows("/f3", big(100_000, 3))
	h := d.open("/too large", create)
	d.put(h, big(100_000, 9), 0)
	if _, err := h.WriteAt(ctx, []byte("x"), 100_000); !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	h.Abandon()
	d.view.Close()
	stop()

	f, stop = vfstest.Start(t, vfs.NewGrid(c), config)
	defer stop()
	if n := len(f.Queue()); n != 9 {
		t.Errorf("%d wait after a restart, want 9", n)
	}
	for k := 0; f.Queue()[0].LastError == "" && k < 5000; k++ {
		time.Sleep(time.Millisecond)
	}
	if w := f.Queue()[0]; w.State != vfs.Retrying || w.LastError == "" || w.Attempts == 0 {
		t.Errorf("got %+v", w)
	}
	away.Store(false)
	for k := 0; len(f.Queue()) > 0 && k < 1000; k++ {
		f.Retry()
		time.Sleep(10 * time.Millisecond)
	}
	d = &desk{t: t, fs: f, view: f.View(a)}
	defer d.view.Close()
	d.settle()
	for k := range 9 {
		d.shows(fmt.Sprint("/f", k), big(100_000, uint64(k)))
	}
	if n := len(d.names("/")); n != 9 {
		t.Errorf("got %d names, want 9", n)
	}
}
