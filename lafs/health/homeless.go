package health

import (
	"maps"
	"slices"

	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

// Homes says which of the shares of a file, or of one version of it, should be at other servers too.
type Homes struct {
	Leaving []storage.ShareNum // only servers that are to be retired have them
	Crowded []storage.ShareNum // they have no server of their own, and free servers could take them
}

// All are both.
func (h Homes) All() []storage.ShareNum { return slices.Concat(h.Leaving, h.Crowded) }

// Homeless looks for shares that should be at other servers too, when so many servers that stay have none and would take some. Of
// shares that crowd servers, as many stay as can have servers of their own: adding one after the other finds most.
func Homeless(shares []Share, free int) Homes {
	var h Homes
	holds, own := map[grid.ServerID][]int{}, 0
	for _, s := range shares {
		stay := Staying(s.Servers)
		if len(stay) == 0 {
			h.Leaving = append(h.Leaving, s.Num)
			continue
		}
		with := maps.Clone(holds)
		for _, server := range stay {
			with[server.ID()] = append(slices.Clip(with[server.ID()]), int(s.Num))
		}
		if n := happiness.Measure(slices.Collect(maps.Values(with))); n > own {
			holds, own = with, n
		} else {
			h.Crowded = append(h.Crowded, s.Num)
		}
	}
	h.Crowded = h.Crowded[:min(len(h.Crowded), max(0, free-len(h.Leaving)))]
	return h
}

// Staying are those of the servers that are not to be retired.
func Staying(servers []*grid.Server) []*grid.Server {
	return slices.DeleteFunc(slices.Clone(servers), (*grid.Server).Retiring)
}

// Free are the servers that answered, have no good share of the file, and would take one of so many bytes.
func (r *Result) Free(size uint64) []*grid.Server {
	return slices.DeleteFunc(slices.Clone(r.Responding), func(s *grid.Server) bool {
		return s.Barred() != nil || s.Version().MaxImmutableShare < max(size, 1) ||
			slices.ContainsFunc(r.Shares, func(x Share) bool { return slices.Contains(x.Servers, s) })
	})
}

// Leaving is how many copies of good shares are at servers that are to be retired.
func (r *Result) Leaving() (copies int) {
	for _, s := range r.Shares {
		copies += len(s.Servers) - len(Staying(s.Servers))
	}
	return copies
}

// Without are the shares but those that are named.
func Without(shares []Share, nums []storage.ShareNum) []Share {
	return slices.DeleteFunc(slices.Clone(shares), func(s Share) bool { return slices.Contains(nums, s.Num) })
}
