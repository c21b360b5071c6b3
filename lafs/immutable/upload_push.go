package immutable

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

var errWriteIncomplete = errors.New("took all data and says that some is missing")

// A pusher sends shares to their servers, while nobody else uses the placer.
type pusher struct {
	c      *UploaderConfig
	placer *placer
	pipe   *pipeline

	mu        sync.Mutex          // guards what follows, and the placer's servers
	shares    map[int]*candidate  // being written, or written; not those that were lost
	writes    map[int]*shareWrite // under way, by share
	busyLooks int                 // how many writes the looks of the watcher saw busy, all in all
}

// push writes all shares, and closes them when all are written. It fails as soon as too few are left to be happy. A share
// that was closed stays.
func (p *pusher) push(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := p.writeAll(ctx, cancel); err != nil {
		return err
	}
	return p.each(ctx, cancel, p.close)
}

// writeAll writes all shares, and watches them.
func (p *pusher) writeAll(ctx context.Context, fail context.CancelCauseFunc) error {
	watched, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { p.watching(watched) })
	defer watcher.Wait()
	defer stop()
	return p.each(ctx, fail, p.write)
}

// each does a step for every share that is not lost, at once.
func (p *pusher) each(ctx context.Context, fail context.CancelCauseFunc, step func(context.Context, int, *candidate) error) error {
	var wg sync.WaitGroup
	for share, x := range p.left() {
		wg.Go(func() {
			if err := step(ctx, share, x); err != nil && ctx.Err() == nil {
				if fatal := p.lose(share, x, err); fatal != nil {
					fail(fatal)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// left is a copy of the shares that are not lost.
func (p *pusher) left() map[int]*candidate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.shares)
}

// write streams one share. Then the share holds up the pipeline no more, whatever became of it.
func (p *pusher) write(ctx context.Context, share int, x *candidate) error {
	defer p.pipe.ring.leave(share)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &shareWrite{share: share, stream: p.pipe.stream(share), cancel: cancel}
	defer p.enter(w)()
	missing, err := x.writers[share].Write(ctx, storage.Span{Offset: 0, Size: p.pipe.layout.ShareSize()}, w.stream)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case len(missing) > 0:
		return errWriteIncomplete
	}
	return nil
}

// enter has the watcher look at w until leave is called.
func (p *pusher) enter(w *shareWrite) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes[w.share] = w
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.writes, w.share)
	}
}

func (p *pusher) close(ctx context.Context, share int, x *candidate) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.c.Stall, errWriteStalled)
	defer cancel()
	return x.writers[share].Close(ctx)
}

// lose takes a share out, and returns an error when the rest is not happy without it, or when it was not the server's
// fault: then all shares are lost.
func (p *pusher) lose(share int, x *candidate, err error) error {
	if failed := p.pipe.ring.failure(); failed != nil {
		return failed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares[share] == nil { // the watcher dropped it
		return nil
	}
	p.dropLocked(share, x, err)
	plan := p.planLocked()
	if p.placer.happiness(plan) >= p.placer.enc.Happy {
		return nil
	}
	return p.placer.unhappy(plan)
}

// dropLocked takes a share out. p.mu is held.
func (p *pusher) dropLocked(share int, x *candidate, err error) {
	p.c.Log.Warn("lost a share during upload", "server", x.Name(), "index", p.placer.index.Abbrev(), "share", share, "error", err)
	delete(p.shares, share)
	x.err = fmt.Errorf("share %d: %w", share, err)
}

// planLocked is where shares are written. p.mu is held.
func (p *pusher) planLocked() []int {
	plan := make([]int, p.placer.enc.Total)
	for share := range plan {
		plan[share] = happiness.Nowhere
	}
	for i, x := range p.placer.servers {
		for share := range x.writers {
			if p.shares[share] == x {
				plan[share] = i
			}
		}
	}
	return plan
}
