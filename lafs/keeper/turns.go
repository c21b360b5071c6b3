package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tahoe/reactor"
)

var errPaused = errors.New("paused")

// again does something while the keeper is neither paused nor out of reach of the grid, until ctx ends.
func (k *Keeper) again(ctx context.Context, do func(ctx context.Context) error) {
	for {
		turn, done, err := k.turn(ctx)
		if err != nil {
			return
		}
		err = do(turn)
		paused := turn.Err() != nil
		done()
		if err != nil && !paused {
			k.c.Log.Warn("keeping files alive", "error", err)
			_ = reactor.Sleep(ctx, k.c.Clock, k.c.Tick)
		}
	}
}

// turn waits until work may be done, and gives the context of it, which a pause ends.
func (k *Keeper) turn(ctx context.Context) (turn context.Context, done func(), err error) {
	for {
		paused, changed := k.state()
		switch {
		case ctx.Err() != nil:
			return nil, nil, context.Cause(ctx)
		case paused:
			select {
			case <-changed:
			case <-ctx.Done():
			}
		case !k.inReach():
			_ = reactor.Sleep(ctx, k.c.Clock, reachPause)
		default:
			if turn, done := k.take(ctx); turn != nil {
				return turn, done, nil
			}
		}
	}
}

// reachPause is between looks at how many servers there are.
const reachPause = 10 * time.Second

// inReach says whether enough servers are there for a check to mean something.
func (k *Keeper) inReach() bool {
	connected, known := k.c.Reach()
	return connected > 0 && connected >= min(k.c.Least, known)
}

// take begins a turn, unless the keeper was paused.
func (k *Keeper) take(ctx context.Context) (context.Context, func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.paused {
		return nil, nil
	}
	turn, cancel := context.WithCancelCause(k.c.Pace.With(ctx))
	k.turns[&cancel] = true
	return turn, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.turns, &cancel)
		cancel(nil)
	}
}

func (k *Keeper) state() (paused bool, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.paused, k.changed
}

// Pause breaks off what goes on, and begins nothing until Resume, also after a restart.
func (k *Keeper) Pause() error { return k.set(true) }

// Resume goes on after Pause.
func (k *Keeper) Resume() error { return k.set(false) }

func (k *Keeper) set(paused bool) error {
	s, err := k.open()
	if err != nil {
		return err
	}
	value, e := "", Event{At: k.c.Clock.Now(), Kind: EventResume, Text: "files are kept alive again"}
	if paused {
		value, e.Kind, e.Text = "yes", EventPause, "paused: nothing is renewed, checked or repaired"
	}
	if was, _ := k.state(); was == paused {
		return nil
	}
	if err := errors.Join(s.setMeta(metaPaused, value), s.Tell(e)); err != nil {
		return fmt.Errorf("note the pause: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.paused = paused
	close(k.changed)
	k.changed = make(chan struct{})
	for cancel := range k.turns {
		if paused {
			(*cancel)(errPaused)
		}
	}
	return nil
}

var (
	// ErrIdle means that there is nothing to do: no root is watched.
	ErrIdle = errors.New("the keeper watches nothing: say what with tahoe keeper add")
	// ErrClosed means that the keeper does not work. Its Status says why, if it is not that its node stops.
	ErrClosed = errors.New("the keeper is not running: tahoe keeper status may say why")
)

// openTime is how long an order waits for a store that is being opened.
const openTime = 10 * time.Second

// open is the store. A keeper that has something to do only since a moment is opening it, or is about to.
func (k *Keeper) open() (*Store, error) {
	if k.store.Load() == nil {
		if !k.needed() {
			return nil, ErrIdle
		}
		poke(k.steer)
		t := k.c.Clock.NewTimer(openTime)
		defer t.Stop()
		select {
		case <-k.opened:
		case <-t.C():
		}
	}
	if s := k.store.Load(); s != nil {
		return s, nil
	}
	return nil, ErrClosed
}

// Now has everything looked at that is not being looked at, whether it is due or not, and what is to be watched too.
func (k *Keeper) Now() error {
	s, err := k.open()
	if err != nil {
		return err
	}
	k.look()
	now := k.c.Clock.Now()
	if err := errors.Join(s.Hasten(now, now), s.setMeta(metaPassAsked, "yes")); err != nil {
		return err
	}
	poke(k.steer)
	poke(k.search)
	poke(k.wake)
	return nil
}
