package immutable

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A Find is a file that is on the grid with all of its shares, as its servers say: nothing of it is verified, since only whoever
// has its capability can.
type Find struct {
	UEB      layout.UEB
	UEBHash  taghash.Hash
	Sharemap map[storage.ShareNum][]grid.ServerID
}

// findTimeout is how long a server may take to say which shares it holds, or to show the end of one.
const findTimeout = 20 * time.Second

// FindWhole looks for a file of which no more is known than its index. It is nil unless all shares are there; then their leases are
// renewed.
func (u *Uploader) FindWhole(ctx context.Context, index storage.Index) (*Find, error) {
	u.c.Servers.Settle(ctx, u.c.Encoding.Total)
	servers := u.c.Servers.Permuted(index)
	held := make(map[grid.ServerID]map[storage.ShareNum]storage.Reader, len(servers))
	var mu sync.Mutex
	health.Each(servers, health.MaxAsked, func(s *grid.Server) {
		ctx, cancel := context.WithTimeout(ctx, findTimeout)
		defer cancel()
		shares, _ := s.Storage().Buckets(ctx, index) // who does not answer has nothing
		mu.Lock()
		defer mu.Unlock()
		held[s.ID()] = shares
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f := &Find{Sharemap: map[storage.ShareNum][]grid.ServerID{}}
	var holders []*grid.Server
	for _, s := range servers {
		for n := range held[s.ID()] {
			f.Sharemap[n] = append(f.Sharemap[n], s.ID())
		}
		if len(held[s.ID()]) > 0 {
			holders = append(holders, s)
		}
	}
	if !f.describe(ctx, holders, held) || len(f.Sharemap) < int(f.UEB.Total) {
		return nil, nil
	}
	health.Renewal{Lease: u.c.Lease, Timeout: findTimeout, Log: u.c.Log}.Renew(ctx, index, holders)
	return f, nil
}

// describe reads the UEB of any of the shares.
func (f *Find) describe(ctx context.Context, holders []*grid.Server, held map[grid.ServerID]map[storage.ShareNum]storage.Reader) bool {
	for _, s := range holders {
		shares := held[s.ID()]
		for _, n := range slices.Sorted(maps.Keys(shares)) {
			raw, err := readUEB(ctx, shares[n])
			if err != nil {
				continue
			}
			if f.UEB, err = layout.ParseUEB(raw); err == nil && f.UEB.Total > 0 {
				f.UEBHash = taghash.UEB(raw)
				return true
			}
		}
	}
	return false
}

// readUEB reads what a share has as its UEB.
func readUEB(ctx context.Context, r storage.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	var m meter
	head, err := readSpan(ctx, r, storage.Span{Size: layout.MaxHeaderSize}, &m)
	if err != nil {
		return nil, err
	}
	l, err := layout.ParseHeader(head)
	if err != nil {
		return nil, err
	}
	b, err := readSpan(ctx, r, storage.Span{Offset: l.UEB, Size: maxUEB}, &m)
	if err != nil {
		return nil, err
	}
	n, err := l.UEBLength(b)
	if err != nil {
		return nil, err
	}
	if b = b[l.FieldSize():]; len(b) < n {
		return nil, errShortShare
	}
	return b[:n], nil
}
