package keeper

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/health"
)

// batch is how many files that are due are fetched at once.
const batch = 64

// work looks at files as they become due, some at a time, until ctx ends.
func (k *Keeper) work(ctx context.Context) error {
	s := k.store.Load()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, k.c.Parallel)
	for {
		now := k.c.Clock.Now()
		due, next, err := s.Due(now, batch+k.c.Parallel)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			pause := time.Hour
			if !next.IsZero() {
				pause = max(next.Sub(now), k.c.Tick) // what becomes due meanwhile is looked at together
			}
			if !k.rest(ctx, pause, k.wake) {
				return context.Cause(ctx)
			}
			continue
		}
		begun := 0
		for i := range due {
			if !k.enter(&due[i]) {
				continue
			}
			begun++
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				k.leave(&due[i])
				return context.Cause(ctx)
			}
			wg.Go(func() {
				defer func() { <-slots }()
				defer k.leave(&due[i])
				if err := k.visit(ctx, due[i]); err != nil && ctx.Err() == nil {
					k.c.Log.Warn("keeping a file alive", "file", caps.Abbrev(due[i].Verify), "error", err)
				}
			})
		}
		if begun == 0 && !k.rest(ctx, time.Minute, k.wake) { // all that are due are being looked at: one that ends wakes
			return context.Cause(ctx)
		}
	}
}

// enter notes that a file is being looked at; false when it is already.
func (k *Keeper) enter(f *Facts) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := f.Verify.Index()
	if k.visits[i] {
		return false
	}
	k.visits[i] = true
	return true
}

func (k *Keeper) leave(f *Facts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.visits, f.Verify.Index())
	poke(k.wake)
}

// visit looks at a file that is due, does what is needed, and notes how it is then.
func (k *Keeper) visit(ctx context.Context, f Facts) error {
	if err := k.c.Pace.Settle(ctx); err != nil {
		return err
	}
	v := visit{k: k, ctx: ctx, f: &f, was: f.State}
	if err := v.look(k.policy().Options(&f, k.c.Clock.Now())); err != nil {
		return err
	}
	for range repairRounds {
		if !k.policy().Wants(&f, k.c.Clock.Now()) {
			break
		}
		before := f
		if err := v.repair(); err != nil {
			return err
		}
		if f.Tries > 0 {
			break
		}
		if f.State == before.State && f.Good <= before.Good && f.Homeless >= before.Homeless && f.Leaving >= before.Leaving {
			v.failed(errNotAll)
			break
		}
	}
	v.conclude()
	f.Due = k.policy().Next(&f)
	if len(v.events) > 0 {
		k.soil()
	}
	return k.store.Load().Record(&f, v.events...)
}

// repairRounds is how often a file is repaired in one visit: shares that are missing are made first, and then moved where they should be.
const repairRounds = 3

// soil notes that something happened.
func (k *Keeper) soil() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dirty = true
}

// A visit is one look at one file.
type visit struct {
	k      *Keeper
	ctx    context.Context // of the visit, which it is a part of
	f      *Facts
	was    State
	events []Event
}

// now is in whole seconds, as the store keeps times: what follows from them is the same before and after.
func (v *visit) now() time.Time { return v.k.c.Clock.Now().Truncate(time.Second) }

// look checks, and takes in what was found. The error is that of the context.
func (v *visit) look(o health.Options) error {
	r, err := v.k.c.Files.Check(v.ctx, v.f.Verify, o)
	if v.ctx.Err() != nil {
		return context.Cause(v.ctx)
	}
	now := v.now()
	if err != nil {
		v.f.Checked, v.f.Tries, v.f.Note = now, v.f.Tries+1, err.Error()
		if v.f.State == Unseen {
			v.f.become(Unreachable, now)
		}
		return nil
	}
	v.learn(r, o)
	return nil
}

func (v *visit) learn(r *health.Result, o health.Options) {
	now := v.now()
	_, known := v.k.c.Reach()
	all := len(r.Responding) >= known
	v.f.learn(r, o, now, all)
	if o.AddLease && !all && v.f.Renewed.Equal(now) { // the next renewal comes earlier, for the servers that missed this one
		v.f.Renewed = now.Add(-v.k.c.Policy.Renew / 2)
	}
}

// repair makes what is missing, and moves what is to be elsewhere. The error is that of the context.
func (v *visit) repair() error {
	was, corrupt, leaving := *v.f, v.f.corrupt(), v.f.Leaving
	target, err := v.k.power(v.ctx, v.f)
	var r *lafs.RepairResult
	if err == nil {
		r, err = v.k.c.Files.Repair(v.ctx, target, health.Options{Verify: corrupt, Spread: true})
	}
	if v.ctx.Err() != nil {
		return context.Cause(v.ctx)
	}
	if err == nil && r != nil {
		v.learn(r.After, health.Options{})
		err = r.Err
	}
	if err == nil && v.f.Leaving > 0 && v.f.Homeless == 0 && !v.f.Forsaken && v.f.State == Healthy {
		if err := v.look(health.Options{Verify: true}); err != nil { // what was moved has to be good before the rest is given up
			return err
		}
	}
	now := v.now()
	if err != nil {
		v.failed(err)
		return nil
	}
	v.f.Tries, v.f.Note, v.f.Repaired = 0, "", now
	switch {
	case was.State != Healthy && v.f.Good > was.Good || was.State != Healthy && v.f.State == Healthy:
		v.tell(EventRepaired, fmt.Sprintf("it had %d of %d shares, and has %d now", was.Good, was.Total, v.f.Good))
	case was.Homeless > v.f.Homeless || leaving > v.f.Leaving || v.f.Forsaken:
		v.tell(EventMoved, fmt.Sprintf("%d of its shares got other servers%s", was.Homeless-v.f.Homeless, leavingText(leaving, v.f.Leaving)))
	}
	return nil
}

// failed notes a repair that failed.
func (v *visit) failed(err error) {
	v.f.Tries, v.f.Note = v.f.Tries+1, err.Error()
	v.tell(EventFailed, err.Error())
}

func leavingText(before, after int) string {
	switch {
	case before == 0:
		return ""
	case after == 0:
		return ", and none is left at servers that are to be retired"
	}
	return "; copies at servers that are to be retired are no longer renewed"
}

var errNotAll = errors.New("not all shares found a server of their own")

// power is the capability that a repair of the file needs: to write, of what is mutable, which is found on the way from its root.
func (k *Keeper) power(ctx context.Context, f *Facts) (caps.Cap, error) {
	if !f.Mutable() {
		return f.Verify, nil
	}
	for _, root := range k.watched().Roots {
		if root.Name != f.Root {
			continue
		}
		e, err := k.c.Files.Lookup(ctx, root.Cap, f.Path)
		if err != nil {
			return nil, fmt.Errorf("find the capability to write it: %w", err)
		}
		v, ok := e.Verify()
		if !ok || v.Index() != f.Verify.Index() {
			break
		}
		return e.Cap(), nil
	}
	return nil, errMoved
}

var errMoved = errors.New("it is not where it was found last, so that the capability to write it is not known; the next search finds it")

// conclude tells what has become of the file.
func (v *visit) conclude() {
	f := v.f
	if f.State == v.was || v.was == Unseen && f.State == Healthy {
		return
	}
	switch f.State {
	case Healthy:
		if len(v.events) == 0 {
			v.tell(EventHealthy, "all its shares are there again")
		}
	case Damaged:
		v.tell(EventDamaged, fmt.Sprintf("%d of its %d shares were found, and %d are needed", f.Good, f.Total, f.Needed))
	case Unreachable:
		v.tell(EventUnreachable, fmt.Sprintf("%d shares were found, and %d are needed; not all servers answered", f.Good, f.Needed))
	case Lost:
		v.tell(EventLost, fmt.Sprintf("%d shares were found, and %d are needed, though all servers answered", f.Good, f.Needed))
	}
}

func (v *visit) tell(kind, text string) {
	v.events = append(v.events, Event{At: v.now(), Kind: kind, Place: v.f.Place(), Text: text})
}

// Place is where the file was found, for people.
func (f *Facts) Place() string {
	return f.Root + ":" + strings.Join(f.Path, "/")
}

// The kinds of events.
const (
	EventDamaged     = "damaged"
	EventUnreachable = "unreachable"
	EventLost        = "lost"
	EventHealthy     = "healthy"
	EventRepaired    = "repaired"
	EventMoved       = "moved"
	EventFailed      = "repair failed"
	EventPass        = "searched"
	EventRetire      = "retire"
	EventPause       = "paused"
	EventResume      = "resumed"
)
