package rihelper_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/base32"
	"tahoe/internal/foolscap"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/helper"
	"tahoe/lafs/helper/rihelper"
	"tahoe/lafs/immutable"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const swissnum = "thirtytwo-characters-of-swissnum"

// eventually waits for a condition, which holds soon unless something is broken.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := foolscap.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// servers are storage servers in memory.
func servers(t testing.TB, n int) (grid.Servers, []*storagetest.Mem) {
	t.Helper()
	var all []*grid.Server
	var mems []*storagetest.Mem
	for i := range n {
		m := storagetest.NewMem(storagetest.Config{})
		tub := make([]byte, 20)
		tub[0] = byte(i + 1)
		id := fmt.Sprintf("v0-%d", i)
		s, err := grid.NewServer(grid.Announcement{ID: grid.ServerID(id), Nickname: id, FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}, m)
		if err == nil {
			_, err = s.Storage().Version(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		all, mems = append(all, s), append(mems, m)
	}
	return grid.Fixed(all...), mems
}

func lease(i storage.Index, tub [20]byte) storage.LeaseSecrets {
	return taghash.Lease([]byte("the lease master secret"), i, tub)
}

func uploader(s grid.Servers, h immutable.Helper) *immutable.Uploader {
	return immutable.NewUploader(immutable.UploaderConfig{Servers: s, Lease: lease, Convergence: []byte("a secret"), Helper: h})
}

// A place is where a helper is: its port, its Tub, its folder. What runs there may be stopped and started again.
type place struct {
	t    testing.TB
	dir  string
	cert tls.Certificate
	addr string
	up   helper.Uploader

	// cutAfter breaks a connection after so many bytes came over it, until cuts is 0.
	cutAfter int64

	mu    sync.Mutex
	cuts  int
	taken int64 // bytes that came over all connections

	helper *helper.Helper
	stop   func()
}

func newPlace(t testing.TB, up helper.Uploader) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), cert: certificate(t), addr: "127.0.0.1:0", up: up}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *place) furl() string {
	return foolscap.NewTub(p.cert, foolscap.Config{}).FURL([]string{"tcp:" + p.addr}, swissnum)
}

// start runs the helper.
func (p *place) start() {
	p.t.Helper()
	h, err := helper.Open(helper.Config{Uploader: p.up, Dir: p.dir})
	if err != nil {
		p.t.Fatal(err)
	}
	p.helper = h
	p.serve(rihelper.NewServer(h, "test"), h.Run)
}

// serve offers an object at the place's address.
func (p *place) serve(o foolscap.Object, run func(context.Context, func()) error) {
	p.t.Helper()
	var ln net.Listener
	eventually(p.t, "the helper's port", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", p.addr)
		return err == nil
	})
	p.addr = ln.Addr().String()
	tub := foolscap.NewTub(p.cert, foolscap.Config{})
	tub.Register(swissnum, o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	ready := make(chan struct{})
	wg.Go(func() { _ = run(ctx, func() { close(ready) }) })
	<-ready
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _ = tub.Serve(ctx, &cutting{Conn: conn, p: p}) })
		}
	})
	p.stop = sync.OnceFunc(func() {
		_ = ln.Close()
		cancel()
		wg.Wait()
	})
}

// A cutting is a connection that breaks when its place says so.
type cutting struct {
	net.Conn
	p   *place
	got int64
}

func (c *cutting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.got += int64(n)
	c.p.taken += int64(n)
	if c.p.cuts > 0 && c.got > c.p.cutAfter {
		c.p.cuts--
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// client is connected with the helper at p.
func client(t testing.TB, p *place) *rihelper.Client {
	t.Helper()
	tub := foolscap.NewTub(certificate(t), foolscap.Config{})
	c, err := rihelper.NewClient(tub, p.furl(), rihelper.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context, func()) error{tub.Run, c.Run} {
		ready := make(chan struct{})
		wg.Go(func() { _ = run(ctx, func() { close(ready) }) })
		<-ready
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	eventually(t, "the helper", c.Connected)
	return c
}
