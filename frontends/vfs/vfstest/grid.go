// Package vfstest has a grid in memory, and file systems on it. It is for the tests of vfs and of the doors.
//
// The invariant: a Grid never forgets, and does only what its hook lets through.
package vfstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/storage"
)

// A Grid is a vfs.Grid in memory. It may be used by several goroutines at once.
type Grid struct {
	mu    sync.Mutex
	dirs  map[storage.Index]map[string]vfs.Child
	files map[storage.Index][]byte
	next  uint64
	hook  func(ctx context.Context, op string) error
	slow  int // bytes that Read hands over at once
}

// NewGrid makes an empty grid.
func NewGrid() *Grid {
	return &Grid{dirs: make(map[storage.Index]map[string]vfs.Child), files: make(map[storage.Index][]byte), slow: 50_001}
}

// Hook is called before every operation, with its name: list, link, metadata, unlink, move, mkdir, put, overwrite, read, piece (of what is read),
// size. When it returns an error the operation is not made and fails with that. Nil takes it away.
func (g *Grid) Hook(h func(ctx context.Context, op string) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hook = h
}

// CountReads counts how often the grid is asked to read, from now on. It is a Hook.
func (g *Grid) CountReads() *atomic.Int64 {
	var reads atomic.Int64
	g.Hook(func(_ context.Context, op string) error {
		if op == "read" {
			reads.Add(1)
		}
		return nil
	})
	return &reads
}

func (g *Grid) step(ctx context.Context, op string) error {
	g.mu.Lock()
	h := g.hook
	g.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if h == nil {
		return nil
	}
	return h(ctx, op)
}

func (g *Grid) key() [32]byte {
	g.next++
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("vfstest"), g.next))
}

// NewDir makes an empty directory.
func (g *Grid) NewDir() caps.DirectoryWrite {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.key()
	c, err := caps.NewDirectory(caps.NewMutableWrite(caps.SDMF, [16]byte(k[:16]), k))
	if err != nil {
		panic(err)
	}
	d := c.(caps.DirectoryWrite)
	g.dirs[d.Index()] = make(map[string]vfs.Child)
	return d
}

// NewMutable makes a mutable file.
func (g *Grid) NewMutable(data string) caps.MutableWrite {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.key()
	c := caps.NewMutableWrite(caps.MDMF, [16]byte(k[:16]), k)
	g.files[c.Index()] = []byte(data)
	return c
}

// Add links a child without asking the hook.
func (g *Grid) Add(dir caps.DirectoryWrite, name string, c caps.Cap, metadata string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dirs[dir.Index()][name] = vfs.Child{Name: name, Cap: c, Metadata: json.RawMessage(metadata)}
}

// PutData stores an immutable file without asking the hook.
func (g *Grid) PutData(data string) caps.Read {
	c, err := g.store([]byte(data))
	if err != nil {
		panic(err)
	}
	return c
}

// Names are the names in a directory, sorted.
func (g *Grid) Names(dir caps.Read) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.dirs[index(dir)]))
}

// Child is what a directory has under a name.
func (g *Grid) Child(dir caps.Read, name string) (vfs.Child, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.dirs[index(dir)][name]
	return c, ok
}

// Data is what a file holds: false when there is none.
func (g *Grid) Data(c caps.Cap) ([]byte, bool) {
	if l, ok := c.(caps.Literal); ok {
		return l.Data(), true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.files[index(c)]
	return b, ok
}

func index(c caps.Cap) storage.Index {
	if v, ok := caps.VerifyOnly(c); ok {
		return v.Index()
	}
	return storage.Index{}
}

// List implements vfs.Grid.
func (g *Grid) List(ctx context.Context, dir caps.Read) ([]vfs.Child, error) {
	if err := g.step(ctx, "list"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	d, ok := g.dirs[index(dir)]
	if !ok {
		return nil, vfs.ErrUnavailable
	}
	_, canWrite := dir.(caps.Write)
	var all []vfs.Child
	for _, c := range d {
		if !canWrite {
			if r, ok := caps.ReadOnly(c.Cap); ok {
				c.Cap = r
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// Link implements vfs.Grid.
func (g *Grid) Link(ctx context.Context, dir caps.Write, c vfs.Child, replace bool) error {
	if err := g.step(ctx, "link"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.link(g.dirs[index(dir)], c, replace)
}

func (g *Grid) link(d map[string]vfs.Child, c vfs.Child, replace bool) error {
	if d == nil {
		return vfs.ErrUnavailable
	}
	if old, ok := d[c.Name]; ok {
		if caps.IsDirectory(old.Cap) {
			return vfs.ErrIsDirectory
		}
		if !replace {
			return fs.ErrExist
		}
	}
	d[c.Name] = c
	return nil
}

// SetMetadata implements vfs.Grid.
func (g *Grid) SetMetadata(ctx context.Context, dir caps.Write, name string, metadata json.RawMessage) error {
	if err := g.step(ctx, "metadata"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.dirs[index(dir)][name]
	if !ok {
		return fs.ErrNotExist
	}
	c.Metadata = metadata
	g.dirs[index(dir)][name] = c
	return nil
}

// Unlink implements vfs.Grid.
func (g *Grid) Unlink(ctx context.Context, dir caps.Write, name string) error {
	if err := g.step(ctx, "unlink"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.dirs[index(dir)][name]; !ok {
		return fs.ErrNotExist
	}
	delete(g.dirs[index(dir)], name)
	return nil
}

// Move implements vfs.Grid.
func (g *Grid) Move(ctx context.Context, from caps.Write, name string, to caps.Write, toName string, replace bool) error {
	if err := g.step(ctx, "move"); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.dirs[index(from)][name]
	if !ok {
		return fs.ErrNotExist
	}
	c.Name = toName
	if err := g.link(g.dirs[index(to)], c, replace); err != nil {
		return err
	}
	delete(g.dirs[index(from)], name)
	return nil
}

// Mkdir implements vfs.Grid.
func (g *Grid) Mkdir(ctx context.Context, dir caps.Write, name string) (caps.Write, error) {
	if err := g.step(ctx, "mkdir"); err != nil {
		return nil, err
	}
	made := g.NewDir()
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.dirs[index(dir)][name]; ok {
		return nil, fs.ErrExist
	}
	g.dirs[index(dir)][name] = vfs.Child{Name: name, Cap: made}
	return made, nil
}

// Put implements vfs.Grid.
func (g *Grid) Put(ctx context.Context, src vfs.Source, size int64) (caps.Read, error) {
	if err := g.step(ctx, "put"); err != nil {
		return nil, err
	}
	b, err := readTwice(src, size)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return g.store(b)
}

// readTwice reads a source as an upload does: in order, and then anywhere.
func readTwice(src vfs.Source, size int64) ([]byte, error) {
	b, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	again, err := io.ReadAll(io.NewSectionReader(src, 0, size))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != size || !bytes.Equal(b, again) {
		return nil, fmt.Errorf("the source has %d bytes, then %d, and should have %d", len(b), len(again), size)
	}
	return b, nil
}

func (g *Grid) store(b []byte) (caps.Read, error) {
	if len(b) <= caps.MaxLiteral {
		return caps.NewLiteral(b)
	}
	sum := sha256.Sum256(b)
	c, err := caps.NewCHK(caps.CHKParams{Key: [16]byte(sum[:16]), UEBHash: sum, Needed: 3, Total: 10, Size: int64(len(b))})
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.files[c.Index()] = b
	return c, nil
}

// Overwrite implements vfs.Grid.
func (g *Grid) Overwrite(ctx context.Context, file caps.MutableWrite, src vfs.Source, size int64) error {
	if err := g.step(ctx, "overwrite"); err != nil {
		return err
	}
	b, err := readTwice(src, size)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.files[file.Index()] = b
	return nil
}

// Read implements vfs.Grid.
func (g *Grid) Read(ctx context.Context, file caps.Read, off, n int64, w io.Writer) error {
	if err := g.step(ctx, "read"); err != nil {
		return err
	}
	b, ok := g.Data(file)
	if !ok {
		return vfs.ErrUnavailable
	}
	b = b[min(off, int64(len(b))):]
	b = b[:min(n, int64(len(b)))]
	for piece := range slices.Chunk(b, g.slow) {
		if err := g.step(ctx, "piece"); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// Size implements vfs.Grid.
func (g *Grid) Size(ctx context.Context, file caps.Read) (int64, error) {
	if err := g.step(ctx, "size"); err != nil {
		return 0, err
	}
	b, ok := g.Data(file)
	if !ok {
		return 0, vfs.ErrUnavailable
	}
	return int64(len(b)), nil
}

// Tree is all that is below a directory, for comparisons: paths of files with their contents, of directories with a slash.
func (g *Grid) Tree(dir caps.Read) map[string]string {
	all := make(map[string]string)
	for _, name := range g.Names(dir) {
		c, _ := g.Child(dir, name)
		if sub, ok := c.Cap.(caps.Read); ok && caps.IsDirectory(sub) {
			all[name+"/"] = ""
			for k, v := range g.Tree(sub) {
				all[name+"/"+k] = v
			}
			continue
		}
		b, ok := g.Data(c.Cap)
		if !ok {
			b = []byte("unreadable")
		}
		all[name] = string(b)
	}
	return all
}

// Account is one that may do all, in a directory of its own.
func (g *Grid) Account(name string) auth.Account { return auth.Account{Name: name, Root: g.NewDir()} }

// Open opens a file system on g, which works until the test ends.
func Open(t testing.TB, g vfs.Grid, c vfs.Config) *vfs.FS {
	t.Helper()
	f, stop := Start(t, g, c)
	t.Cleanup(stop)
	return f
}

// Start opens a file system on g; stop ends it.
func Start(t testing.TB, g vfs.Grid, c vfs.Config) (f *vfs.FS, stop func()) {
	t.Helper()
	c.Grid = g
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Secret == nil {
		c.Secret = []byte(strings.Repeat("s", 32))
	}
	f, err := vfs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, func() {}) }()
	return f, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Settle waits until all that was closed is on the grid.
func Settle(t testing.TB, f *vfs.FS) {
	t.Helper()
	for range 10_000 {
		if len(f.Queue()) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("still on their way: %+v", f.Queue())
}
