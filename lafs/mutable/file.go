package mutable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// A File is a mutable file as its capability allows to use it. It may be used by several goroutines at once, and holds
// nothing that needs closing.
type File struct {
	m      *Files
	open   func() opened // behind a function, which nothing prints
	key    placeKey
	format caps.Format
}

// opened is what the capability of a File gives. A file that can only be read has the zero MutableWrite.
type opened struct {
	cap     caps.Read
	write   caps.MutableWrite
	readKey [16]byte
}

// newFile makes a File of its capability, and again of the same one if that allows to write.
func newFile(m *Files, c caps.Read, w caps.MutableWrite) *File {
	read, ok := c.(caps.MutableRead)
	if !ok {
		read, _ = w.ReadOnly().(caps.MutableRead)
	}
	o := opened{cap: c, write: w, readKey: read.Key()}
	return &File{
		m: m, open: func() opened { return o }, format: read.FileFormat(),
		key: placeKey{read.Index(), read.Fingerprint()},
	}
}

// Cap is the capability that the file was opened with.
func (f *File) Cap() caps.Read { return f.open().cap }

// Writeable says whether the capability allows to write.
func (f *File) Writeable() bool { return f.open().write != caps.MutableWrite{} }

// Format is how the file is laid out, as its capability says.
func (f *File) Format() caps.Format { return f.format }

// String is the capability's kind and the first characters of its storage index.
func (f *File) String() string { return caps.Abbrev(f.Cap()) }

// Map searches servers for shares of the file. Who cares for all of them, as for check or repair, uses ModeCheck.
func (f *File) Map(ctx context.Context, mode Mode) (*Servermap, error) {
	o := f.begin(ctx)
	defer o.end()
	s, err := o.survey(ctx, mode)
	if err != nil {
		return nil, err
	}
	return s.lean(), nil
}

// Stat asks the servers for the best version that can be rebuilt: *NotEnoughSharesError when there is none.
func (f *File) Stat(ctx context.Context) (Version, error) {
	o := f.begin(ctx)
	defer o.end()
	if c := f.m.recall(o.p); c.kept && o.confirm(ctx, c.prefix) {
		return versionOf(c.prefix), nil
	}
	leave, err := o.p.gate.pass(ctx, false)
	if err != nil {
		return Version{}, err
	}
	defer leave()
	_, v, err := o.best(ctx, ModeRead)
	if err != nil {
		return Version{}, err
	}
	return v.Version, nil
}

// An op is one operation on a file.
type op struct {
	m        *Files
	f        *File
	p        *place
	leave    func()
	outer    context.Context // for what has to be done although the operation is cut short
	advisers sync.WaitGroup
	spare    reservation // of who runs the operation
	meter    *health.Meter

	mu        sync.Mutex // guards what follows, and what sightings say of themselves
	bad       map[shareID]badShare
	certified map[layout.Prefix]bool // prefixes whose signatures are good
	unrenewed []*grid.Server         // servers that did not renew leases
}

// A badShare is a share that did not verify when it began with check.
type badShare struct {
	check string
	err   error
}

func (f *File) begin(ctx context.Context) *op {
	p, leave := f.m.enter(f.key)
	return &op{
		m: f.m, f: f, p: p, leave: leave, outer: context.WithoutCancel(ctx),
		bad: make(map[shareID]badShare), certified: make(map[layout.Prefix]bool),
	}
}

// end waits for what the operation started.
func (o *op) end() {
	o.advisers.Wait()
	o.leave()
}

// adviceTimeout is how long a server may take to accept the advice that a share is corrupt.
const adviceTimeout = 2 * time.Second

// corrupt notes that a share does not verify, and advises its server of that, once.
func (o *op) corrupt(server *grid.Server, num storage.ShareNum, check []byte, err error) *grid.CorruptShareError {
	e := &grid.CorruptShareError{Server: server.Name(), Index: o.f.key.index, Share: num, Part: layout.PartHeader.String(), Err: err}
	if c, ok := err.(*layout.CorruptError); ok {
		e.Part, e.Err = c.Part.String(), errors.New(c.Reason)
	}
	id := shareID{server.ID(), num}
	o.mu.Lock()
	o.bad[id] = badShare{string(check), e}
	o.mu.Unlock()
	o.m.c.Log.Warn("corrupt share", "server", server, "index", o.f.key.index.Abbrev(), "share", int(num), "part", e.Part, "error", err)
	if o.p.firstAdvice(id) {
		o.advisers.Go(func() { o.advise(server, num, e) })
	}
	return e
}

func (o *op) advise(server *grid.Server, num storage.ShareNum, e *grid.CorruptShareError) {
	ctx, cancel := context.WithTimeout(o.outer, adviceTimeout)
	defer cancel()
	reason := e.Trouble()
	err := server.Storage().AdviseCorrupt(ctx, storage.Corruption{
		Kind: storage.KindMutable, Index: o.f.key.index, Share: num, Reason: reason[:min(len(reason), storage.MaxReason)],
	})
	if err != nil {
		o.m.c.Log.Info("advice not taken", "server", server, "index", o.f.key.index.Abbrev(), "share", int(num), "error", err)
	}
}

// readSpans reads spans of one share; those that lie in what was read ahead are taken from there.
func (o *op) readSpans(ctx context.Context, x *sighting, spans ...storage.Span) ([][]byte, error) {
	out := make([][]byte, len(spans))
	var ask []storage.Span
	for i, s := range spans {
		if s.End() <= int64(len(x.first)) {
			out[i] = x.first[s.Offset:s.End()]
			continue
		}
		ask = append(ask, s)
	}
	if len(ask) == 0 {
		return out, nil
	}
	got, err := x.server.Storage().ReadSlot(ctx, o.f.key.index, []storage.ShareNum{x.num}, ask)
	if err != nil {
		return nil, err
	}
	values := got[x.num]
	if len(values) != len(ask) {
		return nil, &grid.ServerError{Server: x.server.Name(), Op: "read mutable shares", Err: fmt.Errorf("share %d has gone: %w", x.num, storage.ErrNotFound)}
	}
	for i := range out {
		if out[i] == nil {
			out[i], values = values[0], values[1:]
		}
	}
	return out, nil
}
