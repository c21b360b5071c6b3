package mutable

import (
	"fmt"
	"slices"
	"strings"

	"tahoe/lafs/grid"
	"tahoe/lafs/health"
)

// health sums up what a map shows.
func (o *op) health(s *Servermap) *health.Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := &health.Result{Index: o.f.key.index, Needed: DefaultEncoding().Needed, Expected: DefaultEncoding().Total, Unrenewed: o.unrenewed}
	for _, a := range s.answers {
		if a.err != nil {
			r.Failed = append(r.Failed, health.Place{Server: a.server, Share: -1, Err: a.err})
			continue
		}
		r.Responding = append(r.Responding, a.server)
		for _, x := range a.shares {
			if c, ok := x.bad.(*grid.CorruptShareError); ok {
				r.Corrupt = append(r.Corrupt, health.Place{Server: x.server, Share: x.num, Part: c.Part, Err: c.Err})
			} else if x.bad != nil {
				r.Failed = append(r.Failed, health.Place{Server: x.server, Share: x.num, Err: x.bad})
			}
		}
	}
	health.SortServers(r.Responding)
	health.ByServer(r.Failed)
	health.ByServer(r.Corrupt)
	summarize(r, s.Versions())
	return r
}

// summarize counts versions, and says in words what is wrong.
func summarize(r *health.Result, versions []*VersionShares) {
	var best *VersionShares
	var shares []health.Share
	var can, cannot []string
	for _, v := range versions {
		copies := 0
		for n, servers := range v.Shares {
			copies += len(servers)
			shares = append(shares, health.Share{Num: n, Version: v.Version.name(), Servers: slices.Clone(servers)})
		}
		text := fmt.Sprintf("%d*%s", copies, v.Version.name())
		if v.Recoverable() {
			can = append(can, text)
			if best == nil {
				best = v
			}
		} else {
			cannot = append(cannot, text)
		}
	}
	r.Versions, r.Lost, r.Recoverable = len(can), len(cannot), best != nil
	r.SetShares(shares)
	counted := best
	if counted == nil && len(versions) > 0 {
		counted = versions[0]
	}
	if counted != nil {
		countShares(r, counted, versions)
	}
	describe(r, best, can, cannot)
}

// name is the version as results spell it.
func (v Version) name() string { return "seq" + v.String() }

// countShares counts the shares of v, and those of others as wrong.
func countShares(r *health.Result, v *VersionShares, versions []*VersionShares) {
	r.Version = v.Version.name()
	r.Needed, r.Expected, r.Good = v.Version.Needed, v.Version.Total, len(v.Shares)
	hosts := make(map[grid.ServerID]bool)
	for _, servers := range v.Shares {
		for _, s := range servers {
			hosts[s.ID()] = true
		}
	}
	r.Hosts = len(hosts)
	for _, other := range versions {
		for _, servers := range other.Shares {
			if other != v {
				r.Wrong += len(servers)
			}
		}
	}
}

// describe says whether the file is healthy, and in words what is wrong. The summary is as the original spells it, since programs
// may look for its parts.
func describe(r *health.Result, best *VersionShares, can, cannot []string) {
	var wrong []string
	say := func(short, long string) {
		wrong = append(wrong, short)
		r.Report = append(r.Report, long)
	}
	if len(can) > 0 {
		r.Report = append(r.Report, "Shares of versions that can be rebuilt: "+strings.Join(can, ", "))
	}
	if len(cannot) > 0 {
		r.Report = append(r.Report, "Shares of versions that cannot: "+strings.Join(cannot, ", "))
		say("some versions are unrecoverable", "A newer write may be lost, or an older one left shares behind.")
	}
	if len(can) == 0 {
		say("no versions are recoverable", "No version has enough shares.")
	}
	if len(can) > 1 {
		say("multiple versions are recoverable", "Several versions can be rebuilt: two writers did not know of each other, or some servers were not reached by a write.")
	}
	if best != nil && r.Good < r.Expected {
		say(fmt.Sprintf("%d shares (enc %d-of-%d)", r.Good, r.Needed, r.Expected),
			fmt.Sprintf("The best version, %s, has %d of its %d shares.", best.Version.name(), r.Good, r.Expected))
	}
	r.Healthy = len(wrong) == 0
	if len(r.Corrupt) > 0 {
		wrong = append(wrong, "Corrupt Shares:")
		for _, p := range r.Corrupt {
			wrong = append(wrong, fmt.Sprintf("%s-sh%d", p.Server.ID().Abbrev(), p.Share))
			r.Report = append(r.Report, fmt.Sprintf("Share %d at %s is corrupt in its %s.", p.Share, p.Server.Name(), p.Part))
		}
	}
	r.Summary = "Healthy"
	if !r.Healthy {
		r.Summary = "Unhealthy: " + strings.Join(wrong, " ")
	}
}
