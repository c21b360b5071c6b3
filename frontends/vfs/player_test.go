package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tahoe/frontends/vfs"
)

// A player is a session.
type player struct {
	t       *testing.T
	id      int
	r       *rand.Rand
	view    *vfs.View
	names   map[string]*modelName
	handles []*modelHandle
	log     []string
	next    byte
}

func (p *player) failed(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf("session %d: %s\nafter %q", p.id, fmt.Sprintf(format, args...), p.log[max(0, len(p.log)-40):])
}

func (p *player) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *player) path() string {
	return fmt.Sprintf("%s/%d-%d", modelDirs[p.r.IntN(len(modelDirs))], p.id, p.r.IntN(4))
}

// data is bytes that differ from all others before.
func (p *player) data(n int) []byte {
	p.next++
	return bytes.Repeat([]byte{p.next, byte(p.id), 0xff}, n/3+1)[:n]
}

func (p *player) length() int {
	return p.r.IntN([]int{1, 60, 5000, 100_000, 400_000}[p.r.IntN(5)]) + p.r.IntN(2)
}

func (p *player) play() {
	acts := []func(){p.open, p.open, p.write, p.write, p.write, p.read, p.read, p.close, p.close, p.truncate, p.abandon, p.rename, p.remove, p.link, p.list, p.copy, p.stat}
	for range 150 {
		if p.t.Failed() {
			break
		}
		acts[p.r.IntN(len(acts))]()
	}
	for len(p.handles) > 0 {
		p.close()
	}
}

func (p *player) open() {
	if len(p.handles) > 4 {
		return
	}
	path := p.path()
	flags := []vfs.Flag{vfs.FlagRead, vfs.FlagRead | vfs.FlagWrite, vfs.FlagRead | create, vfs.FlagRead | vfs.FlagWrite | vfs.FlagCreate, vfs.FlagRead | vfs.FlagWrite | vfs.FlagCreate | vfs.FlagExclusive}[p.r.IntN(5)]
	p.note("open %s %b", path, flags)
	f, err := p.view.Open(p.t.Context(), path, flags)
	n := p.names[path]
	there := n.shown() != nil
	var want error
	switch {
	case !there && flags&vfs.FlagCreate == 0:
		want = fs.ErrNotExist
	case there && flags&vfs.FlagExclusive != 0:
		want = fs.ErrExist
	}
	if !errors.Is(err, want) {
		p.failed("open %s: got %v, want %v", path, err, want)
	}
	if err != nil {
		return
	}
	h := &modelHandle{f: f, path: path, n: n, writes: flags&vfs.FlagWrite != 0}
	if h.writes {
		p.opened(h, path, flags&vfs.FlagTruncate != 0)
	} else if h.c = n.cur; h.c == nil {
		h.c = &modelContent{data: n.pub}
	}
	p.handles = append(p.handles, h)
}

// opened tells the plain file system of a handle that writes.
func (p *player) opened(h *modelHandle, path string, truncate bool) {
	if h.n == nil {
		h.n = &modelName{}
		p.names[path] = h.n
	}
	if h.n.cur == nil {
		h.n.cur = &modelContent{data: slices.Clone(h.n.pub), dirty: h.n.pub == nil}
		if h.n.cur.data == nil {
			h.n.cur.data = []byte{}
		}
	}
	if truncate {
		h.n.cur.data, h.n.cur.dirty = []byte{}, true
	}
	h.n.writers++
	h.c = h.n.cur
}

func (p *player) handle(writes bool) *modelHandle {
	if len(p.handles) == 0 {
		return nil
	}
	h := p.handles[p.r.IntN(len(p.handles))]
	if writes && !h.writes {
		return nil
	}
	return h
}

func (p *player) write() {
	h := p.handle(true)
	if h == nil {
		return
	}
	off, b := p.r.IntN(len(h.c.data)+p.r.IntN(2)*100_000+1), p.data(p.length())
	p.note("write %s %d+%d", h.path, off, len(b))
	if n, err := h.f.WriteAt(p.t.Context(), b, int64(off)); n != len(b) || err != nil {
		p.failed("write: %d, %v", n, err)
	}
	if len(b) == 0 {
		return
	}
	h.c.data = append(h.c.data, make([]byte, max(0, off+len(b)-len(h.c.data)))...)
	copy(h.c.data[off:], b)
	h.c.dirty = true
}

func (p *player) read() {
	h := p.handle(false)
	if h == nil {
		return
	}
	off, b := p.r.IntN(len(h.c.data)+1000), make([]byte, p.length()+1)
	p.note("read %s %d+%d", h.path, off, len(b))
	n, err := h.f.ReadAt(p.t.Context(), b, int64(off))
	want := h.c.data[min(off, len(h.c.data)):min(off+len(b), len(h.c.data))]
	if err != nil && !errors.Is(err, io.EOF) || (err == nil) != (len(want) == len(b)) || !bytes.Equal(b[:n], want) {
		p.failed("read %d at %d of %d: got %d, %v, equal %v", len(b), off, len(h.c.data), n, err, bytes.Equal(b[:n], want))
	}
}

func (p *player) truncate() {
	h := p.handle(true)
	if h == nil {
		return
	}
	size := p.r.IntN(len(h.c.data)*5/4 + 10)
	p.note("truncate %s %d", h.path, size)
	if err := h.f.SetAttr(p.t.Context(), vfs.Attr{Size: new(int64(size))}); err != nil {
		p.failed("truncate: %v", err)
	}
	h.c.data = append(h.c.data[:min(size, len(h.c.data))], make([]byte, max(0, size-len(h.c.data)))...)
	h.c.dirty = true
}

// take ends a handle.
func (p *player) take() *modelHandle {
	if len(p.handles) == 0 {
		return nil
	}
	k := p.r.IntN(len(p.handles))
	h := p.handles[k]
	p.handles = slices.Delete(p.handles, k, k+1)
	return h
}

func (p *player) close() {
	h := p.take()
	if h == nil {
		return
	}
	p.note("close %s", h.path)
	if err := h.f.Close(p.t.Context()); err != nil {
		p.failed("close: %v", err)
	}
	if !h.writes {
		return
	}
	if h.c.dirty && !h.n.gone {
		h.n.pub, h.c.dirty = slices.Clone(h.c.data), false
	}
	p.left(h)
}

func (p *player) abandon() {
	h := p.take()
	if h == nil {
		return
	}
	p.note("abandon %s", h.path)
	h.f.Abandon()
	if h.writes {
		p.left(h)
	}
}

func (p *player) left(h *modelHandle) {
	if h.n.writers--; h.n.writers == 0 {
		h.n.cur = nil
		if h.n.pub == nil && !h.n.gone {
			maps.DeleteFunc(p.names, func(_ string, n *modelName) bool { return n == h.n })
		}
	}
}

func (p *player) rename() {
	from, to := p.path(), p.path()
	n, old := p.names[from], p.names[to]
	if n != nil && n.pub == nil && old != nil {
		return // until it is closed it is not known which of the two will be there
	}
	p.note("rename %s %s", from, to)
	err := p.view.Rename(p.t.Context(), from, to, true)
	if n.shown() == nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.failed("rename what is not there: %v", err)
		}
		return
	}
	if err != nil {
		p.failed("rename: %v", err)
	}
	if from == to {
		return
	}
	if old != nil {
		old.gone, old.cur = true, nil
	}
	delete(p.names, from)
	p.names[to] = n
}

func (p *player) remove() {
	path := p.path()
	n := p.names[path]
	p.note("remove %s", path)
	err := p.view.Remove(p.t.Context(), path)
	if (n.shown() == nil) != errors.Is(err, fs.ErrNotExist) || n.shown() != nil && err != nil {
		p.failed("remove %s: %v", path, err)
	}
	if n != nil {
		n.gone, n.cur = true, nil
		delete(p.names, path)
	}
}

func (p *player) link() {
	from, to := p.path(), p.path()
	n, old := p.names[from], p.names[to]
	if from == to || n.shown() != nil && n.cur != nil {
		return
	}
	p.note("link %s %s", from, to)
	err := p.view.Link(p.t.Context(), from, to, true)
	if n.shown() == nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.failed("link what is not there: %v", err)
		}
		return
	}
	if err != nil {
		p.failed("link: %v", err)
	}
	if old != nil {
		old.gone, old.cur = true, nil
	}
	p.names[to] = &modelName{pub: slices.Clone(n.pub)}
}

// copy copies by the server's own copying.
func (p *player) copy() {
	from, to := p.handle(false), p.handle(true)
	if from == nil || to == nil || from.c == to.c {
		return
	}
	off, n, at := 0, 0, 0
	if p.r.IntN(2) == 0 {
		off, n, at = p.r.IntN(len(from.c.data)+1), 1+p.r.IntN(len(from.c.data)+1), p.r.IntN(len(to.c.data)+1)
	}
	p.note("copy %s %d+%d %s %d", from.path, off, n, to.path, at)
	if err := to.f.CopyFrom(p.t.Context(), from.f, int64(off), int64(n), int64(at)); err != nil {
		p.failed("copy: %v", err)
	}
	end := len(from.c.data)
	if n > 0 {
		end = min(end, off+n)
	}
	part := from.c.data[off:end]
	if len(part) == 0 {
		return
	}
	to.c.data = append(to.c.data, make([]byte, max(0, at+len(part)-len(to.c.data)))...)
	copy(to.c.data[at:], part)
	to.c.dirty = true
}

func (p *player) stat() {
	path := p.path()
	p.note("stat %s", path)
	i, err := p.view.Stat(p.t.Context(), path)
	shown := p.names[path].shown()
	if shown == nil && !errors.Is(err, fs.ErrNotExist) || shown != nil && (err != nil || i.Size() != int64(len(shown))) {
		p.failed("stat %s: %d bytes, %v, want %d", path, i.Size(), err, len(shown))
	}
	if shown == nil {
		return
	}
	when := time.Unix(1e9+p.r.Int64N(1e6), 0)
	if err := p.view.SetAttr(p.t.Context(), path, vfs.Attr{ModTime: &when}); err != nil {
		p.failed("set the time of %s: %v", path, err)
	}
	if i, err = p.view.Stat(p.t.Context(), path); err != nil || !i.ModTime().Equal(when) {
		p.failed("the time of %s: %v, %v, want %v", path, i.ModTime(), err, when)
	}
	if n := p.names[path]; n.cur != nil {
		n.cur.dirty = true
	}
}

func (p *player) list() {
	dir := modelDirs[p.r.IntN(len(modelDirs))]
	p.note("list %s", dir)
	all, err := p.view.List(p.t.Context(), dir)
	if err != nil {
		p.failed("list: %v", err)
		return
	}
	mine, got := fmt.Sprintf("%d-", p.id), make(map[string]int)
	for i := range all {
		if i.Name()[:2] == mine {
			got[dir+"/"+i.Name()] = int(i.Size())
		}
	}
	want := make(map[string]int)
	for path, n := range p.names {
		if path[:2] == dir && n.shown() != nil {
			want[path] = len(n.shown())
		}
	}
	if !maps.Equal(got, want) {
		p.failed("%s has %v, want %v", dir, got, want)
	}
}
