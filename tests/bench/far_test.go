package bench_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/internal/nurl"
	"tahoe/internal/taghash"
	"tahoe/introducer"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/tests/gridtest"
)

// oneWay is how far away the servers of BenchmarkFar are.
const oneWay = 25 * time.Millisecond

// dialFar connects to a server as if it were far away, over a line without other limits.
func dialFar(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	time.Sleep(2 * oneWay) // the handshake of TCP
	c := &farConn{Conn: conn, in: newLine(), out: newLine()}
	go c.pump(c.in.put, conn.Read, c.in.end)
	go c.pump(func(b []byte, _ error) { _, _ = conn.Write(b) }, c.out.read, func() { _ = conn.Close() })
	return c, nil
}

// A farConn delays every byte by oneWay, both ways.
type farConn struct {
	net.Conn
	in, out *line
}

// pump moves bytes until an error.
func (c *farConn) pump(put func([]byte, error), read func([]byte) (int, error), end func()) {
	buf := make([]byte, 256<<10)
	for {
		n, err := read(buf)
		if n > 0 {
			put(bytes.Clone(buf[:n]), nil)
		}
		if err != nil {
			put(nil, err)
			end()
			return
		}
	}
}

func (c *farConn) Read(p []byte) (int, error) { return c.in.read(p) }

func (c *farConn) Write(p []byte) (int, error) {
	c.out.put(bytes.Clone(p), nil)
	return len(p), nil
}

func (c *farConn) Close() error {
	c.out.put(nil, io.EOF)
	return nil
}

// A line gives back what was put into it, oneWay later.
type line struct {
	mu    sync.Mutex
	more  sync.Cond
	queue []parcel
}

type parcel struct {
	due  time.Time
	data []byte
	err  error
}

func newLine() *line {
	l := &line{}
	l.more.L = &l.mu
	return l
}

func (l *line) put(data []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, parcel{time.Now().Add(oneWay), data, err})
	l.more.Signal()
}

func (l *line) end() {}

func (l *line) read(p []byte) (int, error) {
	l.mu.Lock()
	for len(l.queue) == 0 {
		l.more.Wait()
	}
	due := l.queue[0].due
	l.mu.Unlock()
	time.Sleep(time.Until(due))
	l.mu.Lock()
	defer l.mu.Unlock()
	first := &l.queue[0]
	if first.err != nil {
		return 0, first.err
	}
	n := copy(p, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		l.queue = l.queue[1:]
	}
	return n, nil
}

// announced are the servers that the grid's own client has heard of, as it keeps them a moment after it heard.
func announced(b *testing.B, g *gridtest.Grid) []grid.Announcement {
	b.Helper()
	cache := filepath.Join(g.ClientDir(), "private", "introducer_default_cache.yaml")
	deadline := time.Now().Add(time.Minute)
	for {
		heard, _, err := introducer.ReadCache(cache)
		if err == nil && len(heard) == gridtest.Servers {
			var servers []grid.Announcement
			for _, h := range heard {
				a, err := grid.ParseAnnouncement(grid.ServerID(h.Key), h.Table)
				if err != nil {
					b.Fatal(err)
				}
				servers = append(servers, a)
			}
			return servers
		}
		if time.Now().After(deadline) {
			b.Fatalf("the client has noted %d of %d servers in %s: %v", len(heard), gridtest.Servers, cache, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// farServers are the servers that the grid's own client knows, seen from this process over the long line.
func farServers(b *testing.B, g *gridtest.Grid) grid.Servers {
	b.Helper()
	servers := announced(b, g)
	broker := grid.NewBroker(func(a grid.Announcement, e grid.Events) (grid.Conn, error) {
		n, err := nurl.Parse(a.NURLs[0])
		if err != nil {
			return nil, err
		}
		return gbs.NewClient(n, gbs.ClientConfig{Dial: dialFar, OnDisconnect: e.Disconnected})
	}, grid.BrokerConfig{})
	if err := broker.Set(grid.Static, servers); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = broker.Run(ctx, func() {}) })
	b.Cleanup(func() { cancel(); running.Wait() })
	soon, stop := context.WithTimeout(b.Context(), time.Minute)
	defer stop()
	if err := broker.WaitConnected(soon, gridtest.Servers); err != nil {
		b.Fatal(err)
	}
	return broker
}

// farClient is a client of far servers, which has done nothing yet.
func farClient(b *testing.B, servers grid.Servers, keys *mutable.KeyPool) *lafs.Client {
	b.Helper()
	pool, budget := reactor.NewPool(runtime.GOMAXPROCS(0)), reactor.NewBudget(96<<20)
	lease := func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
		return taghash.Lease([]byte("bench"), i, tub)
	}
	return lafs.New(lafs.Config{
		Uploader: immutable.NewUploader(immutable.UploaderConfig{
			Servers: servers, Pool: pool, Budget: budget, SpoolDir: b.TempDir(), Convergence: []byte("bench"), Lease: lease,
		}),
		Downloader: immutable.NewDownloader(immutable.DownloaderConfig{Servers: servers, Pool: pool, Budget: budget}),
		Mutable:    mutable.New(mutable.Config{Servers: servers, Pool: pool, Budget: budget, SpoolDir: b.TempDir(), Lease: lease, Keys: keys}),
		Pool:       pool,
	})
}

// trips reports a round's time in round trips.
func trips(b *testing.B) {
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/(2*oneWay).Seconds(), "round-trips")
}

// Directories on servers that are 25 ms away each way. A client that is new knows nothing of a directory but its capability.
func BenchmarkFarDirectory(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	servers := farServers(b, g)
	keys := mutable.NewKeyPool(32, 32, reactor.NewPool(2))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = keys.Run(ctx, func() {}) })
	b.Cleanup(func() { cancel(); running.Wait() })
	for keys.Ready() < 32 {
		time.Sleep(100 * time.Millisecond)
	}
	files := farClient(b, servers, keys)
	s := newSource(1 << 10)
	mkdir := func(b *testing.B) *lafs.Directory {
		d, err := files.Mkdir(b.Context(), nil, lafs.MkdirOptions{})
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	add := func(b *testing.B, c *lafs.Client, d *lafs.Directory) { // as the web port does it
		var preparing sync.WaitGroup
		defer preparing.Wait()
		preparing.Go(func() { _ = d.Prepare(b.Context()) })
		r, err := c.Put(b.Context(), s.next(), lafs.PutOptions{Size: s.size})
		if err != nil {
			b.Fatal(err)
		}
		child := lafs.NewChild{Name: rand.Text(), Child: lafs.ChildOf(r.Cap)}
		if _, err := d.Set(b.Context(), child, lafs.ReplaceAny); err != nil {
			b.Fatal(err)
		}
	}
	// directory is d for a client that is new.
	directory := func(b *testing.B, d *lafs.Directory) (*lafs.Client, *lafs.Directory) {
		c := farClient(b, servers, keys)
		n, err := c.Open(d.Cap())
		if err != nil {
			b.Fatal(err)
		}
		return c, n.(*lafs.Directory)
	}
	d := mkdir(b)
	for range 20 {
		add(b, files, d)
	}
	b.Run("mkdir", func(b *testing.B) {
		for range b.N {
			mkdir(b)
		}
		trips(b)
	})
	b.Run("add/known", func(b *testing.B) {
		for range b.N {
			add(b, files, d)
		}
		trips(b)
	})
	b.Run("add/new", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			c, d := directory(b, d)
			b.StartTimer()
			add(b, c, d)
		}
		trips(b)
	})
	b.Run("list/new", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			_, d := directory(b, d)
			b.StartTimer()
			if _, err := d.List(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		trips(b)
	})
}

// Servers that are 25 ms away each way, with warm connections: in round trips of 50 ms.
func BenchmarkFar(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	files := farClient(b, farServers(b, g), nil)
	for _, c := range sizes[:3] {
		if c.name == "100MiB" {
			c.name, c.size = "20MiB", 20<<20
		}
		var last caps.Read
		put := func(b *testing.B, s *source) {
			data, err := io.ReadAll(s.next())
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			r, err := files.Put(b.Context(), bytes.NewReader(data), lafs.PutOptions{Size: c.size})
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
			last = r.Cap
		}
		b.Run("up/"+c.name, func(b *testing.B) {
			s := newSource(c.size)
			put(b, s)
			b.ResetTimer()
			for range b.N {
				put(b, s)
			}
			trips(b)
		})
		b.Run("down/"+c.name, func(b *testing.B) {
			for range b.N {
				n, err := files.Open(last)
				if err != nil {
					b.Fatal(err)
				}
				if err := n.(lafs.File).Read(b.Context(), 0, c.size, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			trips(b)
		})
	}
}
