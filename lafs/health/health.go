// Package health says how a file is: what a check found, and what a repair did. It is for those who check, lafs/immutable and
// lafs/mutable, and for those who tell people and programs of it.
//
// The invariant: a Result counts a share as good only where nothing that was looked at speaks against it. How much was
// looked at is up to the options of the check.
package health

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/happiness"
	"tahoe/storage"
)

// Options say how hard to look.
type Options struct {
	Verify   bool   // read all shares and check every hash, instead of asking which shares there are
	AddLease bool   // renew the leases of all shares, and make them where there are none
	Force    bool   // repair also where that gives up a version of a mutable file: see Repair.Err
	Spread   bool   // repair also what Homeless says: shares that have no server of their own that stays
	Forsake  bool   // AddLease leaves out servers that are to be retired
	Meter    *Meter // is told how far it is; nil: nobody asks
}

// Renewing are those of the servers that are asked to renew leases.
func (o Options) Renewing(servers []*grid.Server) []*grid.Server {
	if o.Forsake {
		return Staying(servers)
	}
	return servers
}

// A Result is how a file is.
type Result struct {
	Index            storage.Index
	Needed, Expected int // of how many shares any few rebuild the file
	Healthy          bool
	Recoverable      bool
	Good             int            // different good shares; of a mutable file those of the best version
	Hosts            int            // servers that have a good share of that
	Happiness        int            // servers that have a share of their own
	Wrong            int            // shares of other versions
	Versions         int            // that can be rebuilt
	Lost             int            // versions that cannot
	Version          string         // of a mutable file, whose shares are counted: the best one
	Shares           []Share        // the good ones, of all versions
	Corrupt          []Place        // shares that do not verify
	Incompatible     []Place        // shares that a later program wrote
	Responding       []*grid.Server // servers that answered
	Failed           []Place        // what servers failed at; of a whole server the Share is -1
	Unrenewed        []*grid.Server // servers that did not renew leases when they were asked to
	Summary          string         // a line for people; may be empty
	Report           []string       // more lines for people, of mutable files
}

// A Share is a good share and who has it.
type Share struct {
	Num     storage.ShareNum
	Version string // names the version of a mutable file; empty of an immutable one
	Servers []*grid.Server
}

// Name is how results list the share.
func (s Share) Name() string {
	n := strconv.Itoa(int(s.Num))
	if s.Version == "" {
		return n
	}
	return s.Version + "-sh" + n
}

// A Place is a share at a server with which something is wrong.
type Place struct {
	Server *grid.Server
	Share  storage.ShareNum
	Part   string // of the share: "header", "block 3", …; empty where that is not known
	Err    error
}

// A Repair is what a repair did.
type Repair struct {
	Attempted  bool // false where nothing was missing, and where the capability does not allow to repair
	Successful bool // the file is healthy now
	Before     *Result
	After      *Result // Before where nothing changed
	Placed     int     // shares that servers took
	Err        error   // why the file is not healthy afterwards
}

// ByServer sorts places by server and share.
func ByServer(places []Place) {
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Server.ID(), b.Server.ID()), cmp.Compare(a.Share, b.Share))
	})
}

// SortServers sorts servers by their identifiers.
func SortServers(s []*grid.Server) {
	slices.SortFunc(s, func(a, b *grid.Server) int { return cmp.Compare(a.ID(), b.ID()) })
}

// SetShares puts shares in order, and counts what follows from where they are: happiness.
func (r *Result) SetShares(shares []Share) {
	for _, s := range shares {
		SortServers(s.Servers)
	}
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Num, b.Num)) })
	r.Shares = shares
	r.Happiness = Happiness(shares)
}

// Happiness is how many servers have a share of their own.
func Happiness(shares []Share) int {
	holds := map[grid.ServerID][]int{}
	for i, s := range shares {
		for _, server := range s.Servers {
			holds[server.ID()] = append(holds[server.ID()], i)
		}
	}
	return happiness.Measure(slices.Collect(maps.Values(holds)))
}

// Hosts is how many servers have any of the shares.
func Hosts(shares []Share) int {
	hosts := map[grid.ServerID]bool{}
	for _, s := range shares {
		for _, server := range s.Servers {
			hosts[server.ID()] = true
		}
	}
	return len(hosts)
}
