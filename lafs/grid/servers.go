package grid

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"tahoe/internal/taghash"
	"tahoe/storage"
)

// Servers chooses servers for an index.
type Servers interface {
	// Permuted returns the connected servers, those first that should hold the shares of i. It does not wait.
	Permuted(i storage.Index) []*Server

	// Settle waits a moment, or until ctx ends, if fewer than n servers are connected and it is not known yet whether
	// others are. Who needs n servers calls it before Permuted.
	Settle(ctx context.Context, n int)
}

// Fixed are always the same servers, all of them connected.
func Fixed(servers ...*Server) Servers { return fixed(slices.Clone(servers)) }

type fixed []*Server

func (f fixed) Permuted(i storage.Index) []*Server { return permute(slices.Clone(f), i, nil) }

func (f fixed) Settle(context.Context, int) {}

// permute sorts servers for i, preferred ones first, in place.
func permute(servers []*Server, i storage.Index, preferred map[ServerID]bool) []*Server {
	type ranked struct {
		*Server
		later bool
		rank  [20]byte
	}
	order := make([]ranked, len(servers))
	for n, s := range servers {
		order[n] = ranked{s, !preferred[s.ID()], taghash.PermutedRank(i, s.seed)}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		if a.later != b.later {
			if a.later {
				return 1
			}
			return -1
		}
		return cmp.Or(bytes.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.ID(), b.ID()))
	})
	for n, r := range order {
		servers[n] = r.Server
	}
	return servers
}
