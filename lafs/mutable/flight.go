package mutable

import (
	"context"
	"errors"
	"maps"
	"time"

	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/storage"
)

// leastWriteRate is how many bytes a second a server has to take, on top of Config.WriteTimeout.
const leastWriteRate = 32 << 10

// A flight is the writes that are under way.
type flight struct {
	p    *publication
	ctx  context.Context
	out  chan outcome
	stop map[grid.ServerID]context.CancelFunc
}

// run makes changes, all at once, and waits for them: for servers that have shares until their time is up, for others a
// moment longer than for the rest, because the shares can go elsewhere.
func (f *flight) run(targets map[grid.ServerID]*target, changes map[grid.ServerID]storage.SlotWrite) []outcome {
	began := f.p.o.m.c.Clock.Now()
	base, cancel := context.WithCancel(f.p.o.outer)
	defer cancel()
	waiting := maps.Clone(targets)
	known := 0
	for id, t := range targets {
		ctx, stop := context.WithTimeout(base, f.p.o.m.c.WriteTimeout+sendTime(changes[id]))
		defer stop()
		f.stop[id] = stop
		f.p.o.meter.Note(func(p *health.Progress) { p.ToPush += bytesOf(changes[id]) })
		if t.known {
			known++
		}
		go f.write(ctx, t, changes[id])
	}
	var outcomes []outcome
	hurry := make(<-chan time.Time)
	done := f.ctx.Done()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for len(waiting) > 0 {
		select {
		case o := <-f.out:
			delete(waiting, o.server.ID())
			if !errors.Is(o.err, errLate) {
				f.p.slowest = max(f.p.slowest, f.p.o.m.c.Clock.Now().Sub(began), 1)
			}
			if o.known {
				known--
			}
			f.p.o.meter.Note(func(p *health.Progress) { p.Pushed += bytesOf(changes[o.server.ID()]) })
			outcomes = append(outcomes, o)
		case <-ticker.C:
			if known == 0 && f.p.slowest > 0 && f.p.o.m.c.Clock.Now().Sub(began) > f.p.o.m.c.Hedge+3*f.p.slowest {
				cancel()
			}
		case <-done:
			done = nil
			timer := time.NewTimer(f.p.o.m.c.Hedge)
			defer timer.Stop()
			hurry = timer.C
		case <-hurry:
			cancel()
		}
	}
	return outcomes
}

// sendTime is the time for the bytes of a change.
func sendTime(w storage.SlotWrite) time.Duration {
	return time.Duration(bytesOf(w)/leastWriteRate) * time.Second
}

func bytesOf(w storage.SlotWrite) (n int64) {
	for _, s := range w.Shares {
		for _, v := range s.Writes {
			n += v.Data.Size()
		}
	}
	return n
}

func (f *flight) write(ctx context.Context, t *target, w storage.SlotWrite) {
	r, err := t.server.Storage().TestAndWrite(ctx, f.p.o.f.key.index, w)
	if err != nil && ctx.Err() != nil && !refused(err) {
		err = errLate
		if f.ctx.Err() != nil {
			err = context.Cause(f.ctx)
		}
	}
	f.out <- outcome{t, r, err}
}
