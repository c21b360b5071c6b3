package mutable

import (
	"bytes"
	"cmp"
	"slices"

	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
)

// A Mode says how hard servers are searched for shares.
type Mode uint8

// The modes, the laziest first.
const (
	ModeAnything Mode = iota // until any version can be rebuilt
	ModeRead                 // 2k servers, and more while there are signs of a version that is newer than what can be rebuilt
	ModeWrite                // until k servers in a row have no share, behind the last that has one
	ModeCheck                // all servers
)

// String is the name that the web API has for the mode.
func (m Mode) String() string {
	switch m {
	case ModeAnything:
		return "MODE_ANYTHING"
	case ModeRead:
		return "MODE_READ"
	case ModeWrite:
		return "MODE_WRITE"
	}
	return "MODE_CHECK"
}

// A shareID is one copy of a share.
type shareID struct {
	server grid.ServerID
	num    storage.ShareNum
}

// A sighting is a share that a server showed.
type sighting struct {
	server *grid.Server
	num    storage.ShareNum
	check  []byte        // its first bytes, as many as a checkstring has: what writers test for
	head   layout.Header // of a good share: verified but for the offsets
	bad    error         // why it is of no use
	first  []byte        // how it begins, as far as that was read
	order  int           // how many servers answered before
}

func (s *sighting) id() shareID { return shareID{s.server.ID(), s.num} }

// An answer is what one server said.
type answer struct {
	server *grid.Server
	shares map[storage.ShareNum]*sighting
	err    error // it did not answer
}

func (a *answer) holds() bool { return len(a.shares) > 0 }

// A Servermap says which shares servers have shown of a mutable file. It is a snapshot, and never changes once it is handed out.
type Servermap struct {
	servers []*grid.Server // in permuted order, as they were connected
	answers map[grid.ServerID]*answer
	whole   bool // a writer need not search further
}

// VersionShares is a version with the shares that were found of it.
type VersionShares struct {
	Version Version
	Shares  map[storage.ShareNum][]*grid.Server
	prefix  layout.Prefix
	seen    map[storage.ShareNum][]*sighting
}

// Recoverable says whether there are enough shares to rebuild the version.
func (v *VersionShares) Recoverable() bool { return len(v.Shares) >= v.Version.Needed }

func newer(a, b layout.Prefix) bool { return comparePrefix(a, b) > 0 }

func comparePrefix(a, b layout.Prefix) int {
	return cmp.Or(cmp.Compare(a.Seqnum, b.Seqnum), bytes.Compare(a.Root[:], b.Root[:]), bytes.Compare(a.Encode(), b.Encode()))
}

func versionOf(p layout.Prefix) Version {
	return Version{Seqnum: p.Seqnum, Root: p.Root, Size: p.Size, Format: p.Format, Needed: p.Needed, Total: p.Total}
}

// Versions are all versions of which shares were found, the newest first. Of those that are of the same age the ones with more
// shares come first: a write that was done has the servers that its writer could reach, and one that was refused there may have
// been accepted by those that he could not.
func (s *Servermap) Versions() []*VersionShares {
	found := make(map[layout.Prefix]*VersionShares)
	for _, a := range s.answers {
		for _, x := range a.shares {
			if x.bad != nil {
				continue
			}
			v := found[x.head.Prefix]
			if v == nil {
				v = &VersionShares{
					Version: versionOf(x.head.Prefix), prefix: x.head.Prefix,
					Shares: make(map[storage.ShareNum][]*grid.Server), seen: make(map[storage.ShareNum][]*sighting),
				}
				found[x.head.Prefix] = v
			}
			v.Shares[x.num] = append(v.Shares[x.num], x.server)
			v.seen[x.num] = append(v.seen[x.num], x)
		}
	}
	out := make([]*VersionShares, 0, len(found))
	for _, v := range found {
		for _, copies := range v.seen {
			slices.SortFunc(copies, func(a, b *sighting) int { return cmp.Compare(a.order, b.order) })
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *VersionShares) int {
		return cmp.Or(cmp.Compare(b.Version.Seqnum, a.Version.Seqnum), cmp.Compare(len(b.Shares), len(a.Shares)), comparePrefix(b.prefix, a.prefix))
	})
	return out
}

// Best is the newest version that can be rebuilt, and nil when there is none.
func (s *Servermap) Best() *VersionShares {
	for _, v := range s.Versions() {
		if v.Recoverable() {
			return v
		}
	}
	return nil
}

// Newer are the versions that have a higher sequence number than the best one and cannot be rebuilt: a write loses them.
func (s *Servermap) Newer() []*VersionShares {
	var out []*VersionShares
	best := s.Best()
	for _, v := range s.Versions() {
		if best == nil || v.Version.Seqnum > best.Version.Seqnum {
			out = append(out, v)
		}
	}
	return out
}

// NeedsMerge says whether several versions with the sequence number of the best one can be rebuilt: uncoordinated writers
// made them, and a write loses all but the best.
func (s *Servermap) NeedsMerge() bool {
	best, n := s.Best(), 0
	for _, v := range s.Versions() {
		if best != nil && v.Recoverable() && v.Version.Seqnum == best.Version.Seqnum {
			n++
		}
	}
	return n > 1
}

// contested says whether there is another version of the same age as the best one, whether it can be rebuilt or not.
func (s *Servermap) contested() bool {
	best := s.Best()
	return best != nil && slices.ContainsFunc(s.Versions(), func(v *VersionShares) bool {
		return v.prefix != best.prefix && v.Version.Seqnum == best.Version.Seqnum
	})
}

// Bad are the shares that did not verify, with what was wrong with them.
func (s *Servermap) Bad() []*grid.CorruptShareError {
	var out []*grid.CorruptShareError
	for _, a := range s.answers {
		for _, x := range a.shares {
			if c, ok := x.bad.(*grid.CorruptShareError); ok {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b *grid.CorruptShareError) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Share, b.Share))
	})
	return out
}

// Answers are what the servers said that were asked, in permuted order.
func (s *Servermap) Answers() grid.Answers {
	var out grid.Answers
	for _, server := range s.servers {
		if a := s.answers[server.ID()]; a != nil {
			out = append(out, a.public())
		}
	}
	return out
}

func (a *answer) public() grid.Answer {
	out := grid.Answer{Server: a.server.Name(), Err: a.err}
	for n, x := range a.shares {
		if x.bad != nil {
			out.Err = x.bad
			continue
		}
		out.Shares = append(out.Shares, n)
	}
	slices.Sort(out.Shares)
	return out
}

// settled says whether v is all there is, so that no writer who does not know it can pass the tests of any server.
func (s *Servermap) settled(v *VersionShares) bool {
	return s.whole && len(s.Versions()) == 1 && len(v.Shares) == v.Version.Total && len(s.Bad()) == 0
}

// complete says whether all servers were asked.
func (s *Servermap) complete() bool { return len(s.answers) == len(s.servers) }

// highest is the highest sequence number of a good share.
func (s *Servermap) highest() uint64 {
	var n uint64
	for _, v := range s.Versions() {
		n = max(n, v.Version.Seqnum)
	}
	return n
}

// short is the error of a file of which no version can be rebuilt.
func (s *Servermap) short() *NotEnoughSharesError {
	e := &NotEnoughSharesError{Asked: s.Answers()}
	for _, v := range s.Versions() {
		if missing := v.Version.Needed - len(v.Shares); e.Need == 0 || missing < e.Need-e.Have {
			e.Have, e.Need = len(v.Shares), v.Version.Needed
		}
	}
	return e
}

// lean is the map without the bytes that were read ahead.
func (s *Servermap) lean() *Servermap {
	out := &Servermap{servers: s.servers, answers: make(map[grid.ServerID]*answer, len(s.answers)), whole: s.whole}
	for id, a := range s.answers {
		b := &answer{server: a.server, shares: make(map[storage.ShareNum]*sighting, len(a.shares)), err: a.err}
		for n, x := range a.shares {
			y := *x
			y.first = nil
			b.shares[n] = &y
		}
		out.answers[id] = b
	}
	return out
}

// sameServers says whether these are the servers among which the map was made.
func (s *Servermap) sameServers(now []*grid.Server) bool { return slices.Equal(s.servers, now) }
