package lafs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
	"tahoe/lafs/mutable"
	"tahoe/storage"
)

// commits bring together the edits of each directory. Whoever comes first writes; those who come while it does wait, and
// then the first of them writes for all of them. So nobody waits for more than the version that is under way and its own.
// A directory is forgotten when nobody waits.
type commits struct {
	mu     sync.Mutex
	queues map[storage.Index]*queue
}

// A queue is those who wait for one directory while somebody writes, or before their turn.
type queue struct{ waiting []*pending }

// A pending edit belongs to whoever writes from the time when it is taken from the queue until done is closed.
type pending struct {
	ctx  context.Context
	edit dirnode.Edit
	turn chan struct{} // closed when it is up to this one to write for all that wait
	done chan struct{} // closed when err is set
	err  error
}

// edit brings e into effect. When it fails because ctx ended, e may still be in use.
func (d *Directory) edit(ctx context.Context, e dirnode.Edit) error {
	f, ok := d.file.(editable)
	v, known := caps.VerifyOnly(d.cap)
	if !ok || !known || !d.Writeable() {
		return ErrReadOnly
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := &pending{ctx: ctx, edit: e, turn: make(chan struct{}), done: make(chan struct{})}
	all, index := &d.c.edits, v.Index()
	all.join(index, p)
	select {
	case <-p.turn:
		defer all.pass(index)
		b := batch{cap: d.cap, pending: all.take(index)}
		b.write(f)
	case <-p.done:
	case <-ctx.Done():
		all.leave(index, p)
		return context.Cause(ctx)
	}
	return p.err
}

// join gets in line. Whoever finds nobody there has its turn at once.
func (c *commits) join(i storage.Index, p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[i]
	if q == nil {
		q = &queue{}
		if c.queues == nil {
			c.queues = map[storage.Index]*queue{}
		}
		c.queues[i] = q
		close(p.turn)
	}
	q.waiting = append(q.waiting, p)
}

// take empties the queue, for whoever has the turn.
func (c *commits) take(i storage.Index) []*pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[i]
	all := q.waiting
	q.waiting = nil
	return all
}

// pass gives the turn to the first who waits.
func (c *commits) pass(i storage.Index) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passLocked(i)
}

func (c *commits) passLocked(i storage.Index) {
	if q := c.queues[i]; len(q.waiting) > 0 {
		close(q.waiting[0].turn)
		return
	}
	delete(c.queues, i)
}

// leave gives up p's place, and passes the turn on if it was p's.
func (c *commits) leave(i storage.Index, p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[i]
	if q == nil || !slices.Contains(q.waiting, p) {
		return // it is being written
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(x *pending) bool { return x == p })
	select {
	case <-p.turn:
		c.passLocked(i)
	default:
	}
}

// A batch is the edits that go into one version of a directory.
type batch struct {
	cap     caps.Read
	pending []*pending
}

// errCutShort is what the others are told when the one who writes for them panics.
var errCutShort = errors.New("writing the directory was cut short")

// write writes the version and tells everybody.
func (b *batch) write(f editable) {
	ctx, cancel := b.context()
	defer cancel()
	err := errCutShort
	defer func() {
		for _, p := range b.pending {
			p.finish(err)
		}
	}()
	_, err = f.Modify(ctx, MaxDirectory, b.apply)
	if errors.Is(err, ErrTooLarge) && len(b.pending) > 1 {
		all := b.pending
		b.pending = nil
		writeSingly(f, b.cap, all) // it is not the fault of all
	}
}

func writeSingly(f editable, k caps.Read, all []*pending) {
	for _, p := range all {
		one := batch{cap: k, pending: []*pending{p}}
		one.write(f)
	}
}

// finish tells p what became of it. An edit that was refused stays so, whatever became of the others.
func (p *pending) finish(err error) {
	if p.err == nil {
		p.err = err
	}
	close(p.done)
}

// context ends when nobody wants any of the edits any more.
func (b *batch) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(b.pending[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(b.pending)))
	stops := make([]func() bool, 0, len(b.pending))
	for _, p := range b.pending {
		stops = append(stops, context.AfterFunc(p.ctx, func() {
			if left.Add(-1) == 0 {
				cancel(context.Cause(p.ctx))
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// apply makes the edits, one after the other. It is called again when another writer was faster.
func (b *batch) apply(old []byte) ([]byte, error) {
	t, err := dirnode.Parse(old, b.cap)
	if err != nil {
		return nil, err
	}
	draft := dirnode.NewDraft(t)
	for _, p := range b.pending {
		p.err = p.edit.Apply(draft)
	}
	contents, changed := draft.Contents()
	if !changed {
		return nil, mutable.ErrUnchanged
	}
	return contents, nil
}
