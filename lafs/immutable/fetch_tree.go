package immutable

import (
	"context"
	"fmt"

	"tahoe/internal/gather"
	"tahoe/internal/taghash"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// needSegmentHashes waits until the hashes of the segments are known. Mostly they are, since they come with the shares;
// large trees, and those that were wrong, are fetched here, from whichever share is first to give a good one.
func (x *fetch) needSegmentHashes(ctx context.Context) error {
	f := x.f
	m := &f.tree
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	tried := make(map[*share]bool)
	for {
		var untried []*share
		if err := x.await(ctx, func() bool {
			untried = x.untried(tried)
			return len(untried) > 0 || f.segments != nil || x.search.over()
		}); err != nil {
			return err
		}
		if x.segmentHashesKnown() {
			return nil
		}
		if len(untried) == 0 {
			err := fmt.Errorf("no share of %s has a good %s", f.index.Abbrev(), partCiphertextTree)
			x.cancel(err)
			return err
		}
		segments, err := gather.Run(ctx, 1, f.d.Hedge, x.treeTasks(untried, tried, m))
		if ctx.Err() != nil && err != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			f.mu.Lock()
			f.segments = segments[0]
			f.mu.Unlock()
			return nil
		}
	}
}

func (x *fetch) segmentHashesKnown() bool {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return x.f.segments != nil
}

// untried are the usable shares that are not in tried. When there are none, more are asked for. f.mu is held.
func (x *fetch) untried(tried map[*share]bool) (out []*share) {
	for _, s := range x.f.shares {
		if x.usable(s) && !tried[s] {
			out = append(out, s)
		}
	}
	if len(out) == 0 && !x.search.wanted {
		x.search.wanted = true
		x.signal()
	}
	return out
}

// treeTasks makes a task of each share that fetches its ciphertext hash tree.
func (x *fetch) treeTasks(shares []*share, tried map[*share]bool, m *meter) []gather.Task[[]taghash.Hash] {
	var tasks []gather.Task[[]taghash.Hash]
	for _, s := range shares {
		tried[s] = true
		tasks = append(tasks, func(ctx context.Context) ([]taghash.Hash, error) { return x.fetchTree(ctx, s, m) })
	}
	return tasks
}

func (x *fetch) fetchTree(ctx context.Context, s *share, m *meter) ([]taghash.Hash, error) {
	t := x.f.proved()
	at, err := x.treeOffset(ctx, s, m)
	if err != nil {
		return nil, err
	}
	b, err := readSpan(ctx, x.reader(s), storage.Span{Offset: at, Size: t.g.TreeSize()}, m)
	if err != nil {
		return nil, err
	}
	segments, err := verifyCiphertextTree(t, b)
	if err != nil {
		x.f.mu.Lock()
		defer x.f.mu.Unlock()
		x.adviseError(s, err)
		return nil, err
	}
	return segments, nil
}

// treeOffset is where s has the ciphertext hash tree. A share that has not proved itself may be of either version, and
// says so in its header.
func (x *fetch) treeOffset(ctx context.Context, s *share, m *meter) (int64, error) {
	x.f.mu.Lock()
	r, l, proved := s.r, s.layout, s.proved()
	x.f.mu.Unlock()
	if proved {
		return l.CiphertextHashes, nil
	}
	head, err := readSpan(ctx, r, storage.Span{Size: layout.MaxHeaderSize}, m)
	if err != nil {
		return 0, err
	}
	if l, err = layout.ParseHeader(head); err != nil {
		err = &partError{partHeader, err}
		x.f.mu.Lock()
		defer x.f.mu.Unlock()
		x.adviseError(s, err)
	}
	return l.CiphertextHashes, err
}
