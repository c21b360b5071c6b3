package sftp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"

	"tahoe/frontends/vfs"
)

// A filter stands between the connection and the library. What the client sends goes through Run to the library, and what the
// library answers through Write to the client, whole packets at a time; in between the filter answers for itself.
//
// It learns which file a handle is of: the library opens one file after the other and answers in order, so that the next handle
// it gives belongs to the next file that was opened.
//
// A request about a handle that is more than a read or a write (a barrier) waits until what was sent before it has been answered,
// and runs beside everything else. Until it is done nothing more is let through for this handle. A close goes to the library when the
// file has been closed.
type filter struct {
	ctx  context.Context // of the channel
	end  context.CancelFunc
	conn io.ReadWriter
	view *vfs.View
	log  *slog.Logger

	library *io.PipeWriter // what the library reads
	input   chan struct{}  // a slot: of who writes to the library
	output  chan struct{}  // a slot: of who writes to the client
	reads   chan struct{}  // slots: of reads that are under way
	buffers *sync.Pool     // of *[]byte, for what they read
	partial []byte         // of a packet that the library has not written to its end; it writes from one goroutine at a time
	work    sync.WaitGroup // requests that are answered here
	served  chan struct{}  // closed when the library has ended

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when something about a handle has changed
	opening []vfs.Attr    // of requests to open files that the library has not come to yet
	opened  []*file       // files whose handles have not been seen yet
	writes  int           // that are under way, of all handles
	asked   map[uint32]asked
	handles map[string]*handle
}

// asked is a request whose answer says something about a handle.
type asked struct {
	kind byte
	h    *handle // that is written to
}

type handle struct {
	f       *file         // nil: of a directory
	under   int           // reads and writes that are under way
	writes  int           // those of them that write
	read    chan struct{} // closed when the newest read has been answered; nil: there was none
	barrier bool
	closing bool
}

func newFilter(ctx context.Context, conn io.ReadWriter, view *vfs.View, buffers *sync.Pool, log *slog.Logger) (*filter, io.ReadWriteCloser) {
	r, w := io.Pipe()
	ctx, end := context.WithCancel(ctx)
	f := &filter{
		served: make(chan struct{}),
		ctx:    ctx, end: end, conn: conn, view: view, log: log, library: w, input: make(chan struct{}, 1), output: make(chan struct{}, 1),
		reads: make(chan struct{}, maxReads), buffers: buffers,
		changed: make(chan struct{}), asked: make(map[uint32]asked), handles: make(map[string]*handle),
	}
	return f, &libraryEnd{f, r}
}

// libraryEnd is the connection as the library sees it.
type libraryEnd struct {
	f *filter
	*io.PipeReader
}

func (e *libraryEnd) Write(p []byte) (int, error) { return e.f.fromLibrary(p) }

// nextOpening are the attributes of the request to open a file that the library has come to.
func (f *filter) nextOpening() vfs.Attr {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.opening) == 0 {
		return vfs.Attr{}
	}
	a := f.opening[0]
	f.opening = f.opening[1:]
	return a
}

func (f *filter) wasOpened(o *file) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, o)
}

// Run reads what the client sends, until it ends or is no packet. It returns when all that it began has ended.
func (f *filter) Run() error {
	defer f.work.Wait()
	defer f.end()
	buf := make([]byte, 0, maxPacket+4)
	for {
		p, err := readPacket(f.conn, buf)
		if err == nil {
			err = f.fromClient(p)
		}
		if err != nil {
			_ = f.library.CloseWithError(err) // never fails
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		buf = p[:0]
	}
}

// fromClient deals with a packet, of which it keeps nothing.
func (f *filter) fromClient(p []byte) error {
	kind := p[4]
	c := &cursor{b: p[5:]}
	if kind == fxInit {
		return f.toLibrary(p)
	}
	id := c.uint32()
	if c.bad {
		return errPacket
	}
	switch kind {
	case fxOpen:
		return f.open(id, c, p)
	case fxOpendir:
		if !f.expect(id, asked{kind: kind}) {
			return errPacket
		}
	case fxRead:
		return f.read(id, c, p)
	case fxWrite:
		return f.write(id, c.string(), p)
	case fxReaddir:
		if f.handle(c.string()) == nil {
			return f.send(status(id, errHandle))
		}
	case fxClose:
		return f.close(id, c.string(), p)
	case fxStat, fxLstat, fxSetstat:
		if err := f.written(); err != nil {
			return err
		}
	case fxFstat:
		return f.about(id, c.string(), p, f.fstat)
	case fxFsetstat:
		name := c.string()
		a := c.attrs()
		if c.bad {
			return errPacket
		}
		return f.about(id, name, p, func(id uint32, o *file) []byte { return f.fsetstat(id, o, a) })
	case fxExtended:
		return f.extended(id, c, p)
	}
	return f.toLibrary(p)
}

// The flags of a request to open a file.
const (
	openRead = 1 << iota
	openWrite
	openAppend
	openCreate
	openTruncate
	openExclusive
)

// open lets a request to open a file through, one that means something.
func (f *filter) open(id uint32, c *cursor, p []byte) error {
	c.string()
	flags, a := c.uint32(), c.attrs()
	if c.bad {
		return errPacket
	}
	if flags&(openRead|openWrite|openAppend|openCreate|openTruncate) == 0 || flags&openExclusive != 0 && flags&openCreate == 0 {
		return f.send(status(id, fs.ErrInvalid))
	}
	if !f.expect(id, asked{kind: fxOpen}) {
		return errPacket
	}
	f.mu.Lock()
	f.opening = append(f.opening, a)
	f.mu.Unlock()
	return f.toLibrary(p)
}

func (f *filter) toLibrary(p []byte) error {
	f.input <- struct{}{}
	defer func() { <-f.input }()
	_, err := f.library.Write(p)
	return err
}

var errHandle = errors.New("there is no such handle")

// maxAsked is how many answers may be awaited; nobody asks more than a few hundred things at once.
const maxAsked = 1 << 16

func (f *filter) expect(id uint32, a asked) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) >= maxAsked {
		return false
	}
	if _, ok := f.asked[id]; ok {
		return false
	}
	f.asked[id] = a
	if a.kind == fxWrite {
		a.h.under++
		a.h.writes++
		f.writes++
	}
	return true
}

func (f *filter) handle(name string) *handle {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handles[name]
}

// pass waits until no barrier stands before the handle of a file. Of any other handle the answer is given here, and what is returned is nil.
func (f *filter) pass(id uint32, name string, p []byte) (*handle, error) {
	h := f.handle(name)
	switch {
	case h == nil: // also one that will be given out, but has not been: the library would use it half made
		return nil, f.send(status(id, errHandle))
	case h.f == nil:
		return nil, f.toLibrary(p) // which knows what to say
	}
	if err := f.wait(func() bool { return !h.barrier || h.closing }); err != nil {
		return nil, err
	}
	if f.isClosing(h) {
		return nil, f.send(status(id, fs.ErrClosed))
	}
	return h, nil
}

// write lets a write through, when what was sent to be read has been.
func (f *filter) write(id uint32, name string, p []byte) error {
	h, err := f.pass(id, name, p)
	if h == nil {
		return err
	}
	if err := f.wait(func() bool { return h.under == h.writes }); err != nil {
		return err
	}
	if !f.expect(id, asked{kind: fxWrite, h: h}) {
		return errPacket
	}
	return f.toLibrary(p)
}

// written waits until what was sent to be written has been: the size and the time of a file by its path are those after it. A write takes
// no longer than this machine's disk.
func (f *filter) written() error { return f.wait(func() bool { return f.writes == 0 }) }

func (f *filter) isClosing(h *handle) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return h.closing
}

// wait waits until something is so, which it looks at with mu held.
func (f *filter) wait(so func() bool) error {
	for {
		f.mu.Lock()
		is, changed := so(), f.changed
		f.mu.Unlock()
		if is {
			return nil
		}
		select {
		case <-changed:
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}
}

func (f *filter) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// about answers a request about the file of a handle. That of a directory is the library's.
func (f *filter) about(id uint32, name string, p []byte, answer func(uint32, *file) []byte) error {
	h := f.handle(name)
	if h == nil {
		return f.send(status(id, errHandle))
	}
	if h.f == nil {
		return f.toLibrary(p)
	}
	return f.barrier(id, h, false, func() []byte { return answer(id, h.f) })
}

// barrier runs do when what was sent before it has been answered, and lets nothing about the handle pass meanwhile. What do returns goes to
// the client; nil when it has seen to that itself.
func (f *filter) barrier(id uint32, h *handle, closes bool, do func() []byte) error {
	if err := f.wait(func() bool { return !h.barrier || h.closing }); err != nil {
		return err
	}
	f.mu.Lock()
	if h.closing {
		f.mu.Unlock()
		return f.send(status(id, fs.ErrClosed))
	}
	h.barrier, h.closing = true, closes
	if closes {
		h.f.claim()
	}
	f.mu.Unlock()
	f.spawn(id, func() []byte {
		defer f.lift(h)
		if !f.settled(h) {
			if closes {
				h.f.f.Abandon() // what was written before the close has not arrived
			}
			return nil
		}
		return do()
	})
	return nil
}

// settled waits until all reads and writes of a handle have been answered: false when some never will be.
func (f *filter) settled(h *handle) bool {
	for {
		f.mu.Lock()
		is, changed := h.under == 0, f.changed
		f.mu.Unlock()
		if is {
			return true
		}
		select {
		case <-changed:
		case <-f.served:
			f.mu.Lock()
			defer f.mu.Unlock()
			return h.under == 0
		}
	}
}

func (f *filter) lift(h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.barrier = false
	f.tell()
}

// spawn answers a request beside everything else. A fault in it is its answer.
func (f *filter) spawn(id uint32, answer func() []byte) {
	f.work.Go(func() {
		p := f.guarded(id, answer)
		if p != nil {
			_ = f.send(p) // a connection that broke is noticed by who reads from it
		}
	})
}

func (f *filter) guarded(id uint32, answer func() []byte) (p []byte) {
	var err error
	defer func() {
		if err != nil {
			p = status(id, err)
		}
	}()
	defer guard(f.log, &err)
	return answer()
}

// close closes the file, and lets the library answer when that is done.
func (f *filter) close(id uint32, name string, p []byte) error {
	h := f.handle(name)
	switch {
	case h == nil:
		return f.send(status(id, errHandle))
	case h.f == nil:
		f.forget(name)
		return f.toLibrary(p)
	}
	kept := append([]byte(nil), p...)
	return f.barrier(id, h, true, func() []byte {
		_ = h.f.finish() // the library asks for what it was
		f.forget(name)
		_ = f.toLibrary(kept)
		return nil
	})
}

func (f *filter) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.handles, name)
}

func (f *filter) fstat(id uint32, o *file) []byte {
	i, err := o.f.Stat(f.ctx)
	if err != nil {
		return status(id, err)
	}
	return newPacket(fxAttrs, id).attrs(i)
}

func (f *filter) fsetstat(id uint32, o *file, a vfs.Attr) []byte {
	if a == (vfs.Attr{}) {
		return status(id, nil)
	}
	return status(id, o.f.SetAttr(f.ctx, a))
}

// send writes a packet to the client.
func (f *filter) send(p []byte) error {
	packet(p).done()
	f.output <- struct{}{}
	defer func() { <-f.output }()
	_, err := f.conn.Write(p)
	return err
}

// fromLibrary takes what the library writes, which may be parts of packets.
func (f *filter) fromLibrary(p []byte) (int, error) {
	f.partial = append(f.partial, p...)
	for len(f.partial) >= 5 {
		n := int(binary.BigEndian.Uint32(f.partial)) + 4
		if len(f.partial) < n {
			break
		}
		whole := f.learn(f.partial[:n:n])
		f.output <- struct{}{}
		_, err := f.conn.Write(whole)
		<-f.output
		if err != nil {
			return 0, fmt.Errorf("write to the client: %w", err)
		}
		f.partial = append(f.partial[:0], f.partial[n:]...)
	}
	return len(p), nil
}

// learn looks at an answer of the library, and adds to the first one what the filter can do.
func (f *filter) learn(p []byte) []byte {
	if p[4] == fxVersion {
		return withExtensions(p)
	}
	c := &cursor{b: p[5:]}
	id := c.uint32()
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.asked[id]
	if !ok {
		return p
	}
	delete(f.asked, id)
	if a.kind == fxWrite {
		f.writes--
		a.h.writes--
		a.h.under--
		f.tell()
		return p
	}
	if p[4] == fxHandle {
		h := &handle{}
		if a.kind == fxOpen && len(f.opened) > 0 {
			h.f, f.opened = f.opened[0], f.opened[1:]
		}
		f.handles[c.string()] = h
	}
	return p
}
