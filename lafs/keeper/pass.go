package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"tahoe/lafs"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// passes makes passes as they become due, until ctx ends.
func (k *Keeper) passes(ctx context.Context) error {
	for {
		due, err := k.passDue()
		if err != nil {
			return err
		}
		if pause := due.Sub(k.c.Clock.Now()); pause > 0 {
			if !k.rest(ctx, min(pause, k.c.Tick), k.search) {
				return context.Cause(ctx)
			}
			continue
		}
		if err := k.pass(ctx); err != nil {
			return err
		}
	}
}

// passDue is when the next pass is due: some time after the last, and at once when there are other roots, or somebody asked for it.
func (k *Keeper) passDue() (time.Time, error) {
	s := k.store.Load()
	ended, err := s.meta(metaPassAt)
	roots, err2 := s.meta(metaRoots)
	asked, err3 := s.meta(metaPassAsked)
	if err = errors.Join(err, err2, err3); err != nil || ended == "" || asked != "" || roots != rootNames(k.watched().Roots) {
		return time.Time{}, err
	}
	at, err := strconv.ParseInt(ended, 10, 64)
	return time.Unix(at, 0).Add(k.c.Policy.Pass), err
}

func rootNames(roots []Root) string {
	var all []string
	for _, r := range roots {
		all = append(all, r.Name)
	}
	return fmt.Sprintf("%q", all)
}

// pass looks for everything that can be reached from the roots. What it does not come to any more is forgotten, unless it may have
// been overlooked.
func (k *Keeper) pass(ctx context.Context) error {
	s := k.store.Load()
	last, err := s.meta(metaPass)
	if err != nil {
		return err
	}
	number, _ := strconv.ParseInt(last, 10, 64)
	number++
	if err := errors.Join(s.setMeta(metaPass, fmt.Sprint(number)), s.setMeta(metaPassAsked, "")); err != nil {
		return err
	}
	k.searching(true)
	defer k.searching(false)
	p := &pass{k: k, ctx: ctx, number: number}
	watch := k.watched()
	for _, root := range watch.Roots {
		if err := p.walk(root); err != nil {
			return err
		}
	}
	return p.finish(watch)
}

func (k *Keeper) searching(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.passing, k.passed = on, 0
}

// A pass is one search.
type pass struct {
	k        *Keeper
	ctx      context.Context // of the pass, which it is a part of
	number   int64
	found    []Found
	files    int
	unread   int // directories that could not be read
	unknown  int // what a later version made, and cannot be kept
	firstErr error
}

// walk goes through all below a root.
func (p *pass) walk(root Root) error {
	err := p.k.c.Files.Walk(p.ctx, root.Cap, func(v lafs.Visit) error { return p.visit(root, v) })
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if err != nil {
		p.missed(fmt.Errorf("%s: %w", root.Name, err))
	}
	return p.flush()
}

// missed notes that something may have been overlooked.
func (p *pass) missed(err error) {
	p.unread++
	if p.firstErr == nil {
		p.firstErr = err
	}
}

const flushAt = 200

func (p *pass) visit(root Root, v lafs.Visit) error {
	if v.Err != nil {
		p.missed(fmt.Errorf("%s:%s: %w", root.Name, strings.Join(v.Path, "/"), v.Err))
	}
	if errors.Is(v.Err, lafs.ErrProhibited) {
		return nil
	}
	if v.Kind() == lafs.KindUnknown {
		p.unknown++
		return nil
	}
	verify, ok := v.Verify()
	if !ok {
		return nil // its capability holds it
	}
	p.files++
	p.found = append(p.found, Found{Verify: verify, Root: root.Name, Path: v.Path})
	if v.Kind() == lafs.KindDirectory {
		if err := p.k.c.Pace.Settle(p.ctx); err != nil {
			return err
		}
	}
	if len(p.found) < flushAt {
		return nil
	}
	return p.flush()
}

func (p *pass) flush() error {
	err := p.k.store.Load().Seen(p.number, p.found, p.k.c.Clock.Now())
	p.found = p.found[:0]
	p.k.mu.Lock()
	p.k.passed = p.files
	p.k.mu.Unlock()
	poke(p.k.wake)
	return err
}

// finish forgets what was not seen, and notes how the pass went.
func (p *pass) finish(w Watch) error {
	s, now := p.k.store.Load(), p.k.c.Clock.Now()
	text := fmt.Sprintf("%d files and directories were found", p.files)
	switch {
	case w.Trouble != nil:
		text += "; not everything that is to be watched could be found out: " + w.Trouble.Error()
	case p.unread > 0:
		text += fmt.Sprintf("; %d directories could not be read, and what was found in them before is still kept (%v)", p.unread, p.firstErr)
	default:
		n, err := s.Forget(p.number)
		if err != nil {
			return err
		}
		if n > 0 {
			text += fmt.Sprintf("; %d are no longer there, and are not kept any more", n)
		}
	}
	if p.unknown > 0 {
		text += fmt.Sprintf("; %d are of a kind that this version does not know and cannot keep", p.unknown)
	}
	was, err := s.meta(metaPassText)
	if err != nil {
		return err
	}
	err = errors.Join(s.setMeta(metaPassText, text), s.setMeta(metaRoots, rootNames(w.Roots)), s.setMeta(metaPassAt, fmt.Sprint(now.Unix())))
	if err == nil && text != was {
		err = s.Tell(Event{At: now, Kind: EventPass, Text: text})
	}
	return err
}
