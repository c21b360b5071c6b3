package immutable

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

const (
	// DefaultStall is how long the write of one share may make no progress before it is given up. All shares advance
	// together, so one that hangs holds up the others for that long.
	DefaultStall = 30 * time.Second

	// stallChecks is how many times in that time progress is looked at.
	stallChecks = 8
)

var (
	errWriteStalled    = errors.New("took no data for too long")
	errWriteIncomplete = errors.New("took all data and says that some is missing")
)

// A pusher sends shares to their servers, while nobody else uses the placer.
type pusher struct {
	c      *UploaderConfig
	placer *placer
	pipe   *pipeline
	size   int64 // of a share

	mu     sync.Mutex         // guards shares, and the placer's servers
	shares map[int]*candidate // being written, or written; not those that were lost
}

// push writes all shares, and closes them when all are written. It fails as soon as too few are left to be happy. A share
// that was closed stays.
func (p *pusher) push(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, step := range []func(context.Context, int, *candidate) error{p.write, p.close} {
		var wg sync.WaitGroup
		for share, x := range p.left() {
			wg.Go(func() {
				if err := step(ctx, share, x); err != nil && ctx.Err() == nil {
					if fatal := p.lose(share, x, err); fatal != nil {
						cancel(fatal)
					}
				}
			})
		}
		wg.Wait()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
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
	s := p.pipe.stream(share)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(ctx, s, cancel)
	}()
	defer func() {
		cancel(nil)
		<-watched
	}()
	missing, err := x.writers[share].Write(ctx, storage.Span{Offset: 0, Size: p.size}, s)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errWriteStalled):
		return errWriteStalled
	case err != nil:
		return err
	case len(missing) > 0:
		return errWriteIncomplete
	}
	return nil
}

// watch gives up a write that makes no progress, though there is something to write.
func (p *pusher) watch(ctx context.Context, s *shareStream, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(p.c.Stall / stallChecks)
	defer tick.Stop()
	idle, seen := 0, int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		moves := s.moves.Load()
		if !s.busy.Load() || moves != seen {
			idle, seen = 0, moves
			continue
		}
		if idle++; idle >= stallChecks {
			cancel(errWriteStalled)
			return
		}
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
	p.c.Log.Warn("lost a share during upload", "server", x.Name(), "index", p.placer.index.Abbrev(), "share", share, "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.shares, share)
	x.err = fmt.Errorf("share %d: %w", share, err)
	plan := p.planLocked()
	if p.placer.happiness(plan) >= p.placer.enc.Happy {
		return nil
	}
	return p.placer.unhappy(plan)
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
