package sftp

import (
	"context"
	"errors"
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
// Reads are answered here (see reads.go), writes by the library. A request about a handle that is more than a read or a write (a barrier)
// waits until what was sent before it has been answered, and runs beside everything else. Until it is done nothing more is let through for
// this handle. A close goes to the library when the file has been closed.
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
