package mutable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
	"tahoe/reactor"
)

// Modify replaces the contents by what edit makes of them. edit is called again on fresh contents when another writer was
// faster, and must not keep or change old. When it returns ErrUnchanged nothing is written, and Modify returns the version
// without an error; any other error ends Modify and is returned as it is. Contents of more than limit bytes, old or new, are
// ErrTooLarge. What edit returns belongs to Modify.
//
// After an *UncoordinatedWriteError Modify waits, longer each time, and begins again; the fourth it returns. Contents that an
// attempt of its own left on the grid are not edited twice, if no other writer has built on them.
func (f *File) Modify(ctx context.Context, limit int64, edit func(old []byte) ([]byte, error)) (Version, error) {
	if !f.Writeable() {
		return Version{}, fmt.Errorf("modify %v: %w", f, ErrReadOnly)
	}
	o := f.begin(ctx)
	defer o.end()
	done, err := o.p.takeTurn(ctx)
	if err != nil {
		return Version{}, err
	}
	defer done()
	c := &change{o: o, limit: min(limit, MaxSDMF), edit: edit, ours: make(map[taghash.Hash]layout.Prefix), mode: ModeWrite}
	return c.run(ctx)
}

// Prepare finds out what a Modify that follows soon would ask the servers for, which has only to write then. Who stores something
// that he is going to link calls it meanwhile. Contents of more than limit bytes are ErrTooLarge.
func (f *File) Prepare(ctx context.Context, limit int64) error {
	if !f.Writeable() {
		return fmt.Errorf("prepare %v: %w", f, ErrReadOnly)
	}
	o := f.begin(ctx)
	defer o.end()
	done, err := o.p.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer done()
	b, err := o.basis(ctx, false, ModeWrite, (*Servermap).Best)
	if err != nil {
		return err
	}
	b, _, _, err = o.contents(ctx, b, min(limit, MaxSDMF), (*Servermap).Best)
	if err == nil && b.s.settled(b.v) {
		o.p.learn(b.s.lean())
	}
	return err
}

// A change is one call of Modify.
type change struct {
	o     *op
	limit int64
	edit  func(old []byte) ([]byte, error)

	fresh    bool // memory was wrong
	mode     Mode
	ours     map[taghash.Hash]layout.Prefix // what earlier attempts followed that may be on the grid, by their roots
	doubt    error                          // the last error of an attempt that may be on the grid
	failures int
}

func (c *change) run(ctx context.Context) (Version, error) {
	for {
		v, again, err := c.try(ctx)
		if err == nil {
			return v, nil
		}
		if !again {
			return v, c.with(err)
		}
		remembered := !c.fresh
		c.fresh = true
		if errors.Is(err, ErrUncoordinated) || c.doubt != nil {
			c.mode = ModeCheck
		}
		if remembered {
			continue
		}
		if c.failures++; c.failures == attempts {
			return v, c.with(err)
		}
		if perr := reactor.Sleep(ctx, c.o.m.c.Clock, pause(c.failures)); perr != nil {
			return v, errors.Join(perr, c.with(err))
		}
	}
}

// with adds what an earlier attempt may have left behind to the error that ended the last one.
func (c *change) with(err error) error {
	if c.doubt == nil {
		return err
	}
	return withDoubt(err, c.doubt)
}

// withDoubt is err, with what an earlier attempt may have left behind, which its error says. What callers find in it says so too.
func withDoubt(err, doubt error) error {
	if err == nil || errors.Is(err, doubt) {
		return err
	}
	if u, ok := errors.AsType[*UncoordinatedWriteError](err); ok {
		u.MayRemain = true
		return err
	}
	if w, ok := errors.AsType[*WriteError](err); ok {
		w.MayRemain = true
		return err
	}
	return errors.Join(err, doubt)
}

// pause is how long to wait after so many failures.
func pause(failures int) time.Duration {
	d := float64(firstPause)
	for range failures - 1 {
		d *= pauseFactor
	}
	return time.Duration(d * max(0, 1+pauseJitter*rand.NormFloat64()))
}

// try reads, edits and publishes once. again says that a fresh attempt may succeed.
func (c *change) try(ctx context.Context) (v Version, again bool, err error) {
	o := c.o
	b, err := o.basis(ctx, c.fresh, c.mode, c.choose)
	if err != nil {
		return Version{}, false, err
	}
	c.fresh = c.fresh || !b.remembered
	b, old, key, err := o.contents(ctx, b, c.limit, c.choose)
	if err != nil {
		return Version{}, b != nil && b.remembered, err
	}
	v = b.v.Version
	next, err := c.next(b, old)
	if err != nil && b.remembered && !o.confirm(ctx, b.v.prefix) {
		return v, true, err // it is not the newest that was edited
	}
	if errors.Is(err, ErrUnchanged) {
		if c.doubt == nil || b.s.settled(b.v) {
			return v, false, nil
		}
		next, err = old, nil // what is there is right, but an attempt is there too
	}
	if err != nil {
		return v, false, err
	}
	if int64(len(next)) > c.limit {
		return v, false, fmt.Errorf("%d bytes, and %d are allowed: %w", len(next), c.limit, ErrTooLarge)
	}
	return c.publish(ctx, b, key, next)
}

// choose picks the version to follow. An attempt of this call that left shares was surprised, so it was not reported as done,
// while what surprised it may have been: it gives way to any version of others that is newer than what it followed.
func (c *change) choose(s *Servermap) *VersionShares {
	var ours *VersionShares
	for _, v := range s.Versions() {
		if !v.Recoverable() {
			continue
		}
		if _, mine := c.ours[v.prefix.Root]; mine {
			if ours == nil {
				ours = v
			}
			continue
		}
		if ours == nil || v.Version.Seqnum > c.ours[ours.prefix.Root].Seqnum {
			return v
		}
	}
	return ours
}

// next is the new contents: those of an earlier attempt, if they are what is followed.
func (c *change) next(b *basis, old []byte) ([]byte, error) {
	if _, mine := c.ours[b.v.prefix.Root]; mine {
		return old, ErrUnchanged
	}
	next, err := c.edit(slices.Clip(old))
	if err == nil && bytes.Equal(next, old) {
		err = ErrUnchanged
	}
	return next, err
}

func (c *change) publish(ctx context.Context, b *basis, key *layout.PrivateKey, next []byte) (Version, bool, error) {
	o := c.o
	g, err := layout.NewGeometry(b.v.Version.Format, b.v.Version.Needed, b.v.Version.Total, int64(len(next)))
	if err != nil {
		return b.v.Version, false, err
	}
	release, err := o.m.c.Budget.Acquire(ctx, encodeMemory(g, g.Segments))
	if err != nil {
		return b.v.Version, false, err
	}
	defer release()
	e, err := o.encode(ctx, g, inMemory(next))
	if err != nil {
		return b.v.Version, false, err
	}
	defer e.close()
	prefix, err := o.publish(ctx, b.s, key, e, false)
	v := versionOf(prefix)
	if err == nil {
		o.m.remember(o.p, prefix, next)
		return v, false, nil
	}
	if mayRemain(err) {
		c.ours[e.roots.Root()] = c.followed(b.v.prefix)
		c.doubt = err
	}
	return v, errors.Is(err, ErrUncoordinated) || b.remembered, err
}

// followed is what is followed by who follows p: of an attempt of this call, what that followed.
func (c *change) followed(p layout.Prefix) layout.Prefix {
	if before, mine := c.ours[p.Root]; mine {
		return before
	}
	return p
}

// mayRemain says whether a failed publish may have left shares.
func mayRemain(err error) bool {
	if u, ok := errors.AsType[*UncoordinatedWriteError](err); ok {
		return u.MayRemain
	}
	w, ok := errors.AsType[*WriteError](err)
	return ok && w.MayRemain
}
