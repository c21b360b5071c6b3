package immutable

import (
	"errors"
	"fmt"

	"tahoe/lafs/health"
	"tahoe/storage"
)

// result sums up.
func (k *check) result() *health.Result {
	r := &health.Result{Index: k.cap.Index(), Needed: k.cap.Needed(), Expected: k.cap.Total(), Responding: k.responding, Failed: k.failed, Unrenewed: k.unrenewed}
	health.SortServers(r.Responding)
	good := map[storage.ShareNum]*health.Share{}
	for _, x := range k.shares {
		p, bad := errors.AsType[*partError](x.err)
		switch {
		case x.err == nil:
			s := good[x.num]
			if s == nil {
				s = &health.Share{Num: x.num}
				good[x.num] = s
			}
			s.Servers = append(s.Servers, x.server)
		case !bad:
			r.Failed = append(r.Failed, health.Place{Server: x.server, Share: x.num, Err: x.err})
		case errors.Is(p, errIncompatible):
			r.Incompatible = append(r.Incompatible, health.Place{Server: x.server, Share: x.num, Part: p.part, Err: p.err})
		default:
			r.Corrupt = append(r.Corrupt, health.Place{Server: x.server, Share: x.num, Part: p.part, Err: p.err})
		}
	}
	for _, places := range [][]health.Place{r.Failed, r.Incompatible, r.Corrupt} {
		health.ByServer(places)
	}
	shares := make([]health.Share, 0, len(good))
	for _, s := range good {
		shares = append(shares, *s)
	}
	conclude(r, shares)
	return r
}

// conclude says what follows from the good shares.
func conclude(r *health.Result, shares []health.Share) {
	r.SetShares(shares)
	r.Good, r.Hosts = len(shares), health.Hosts(shares)
	r.Healthy, r.Recoverable = r.Good >= r.Expected, r.Good >= r.Needed
	r.Versions, r.Lost = 1, 0
	if !r.Recoverable {
		r.Versions, r.Lost = 0, 1
	}
	r.Summary = "Healthy"
	if !r.Healthy {
		r.Summary = fmt.Sprintf("Not Healthy: %d shares (enc %d-of-%d)", r.Good, r.Needed, r.Expected)
	}
}
