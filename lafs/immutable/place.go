package immutable

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/happiness"
	"tahoe/reactor"
	"tahoe/storage"
)

const (
	// queryTimeout is how long a server may take to answer one question.
	queryTimeout = 15 * time.Second

	// abortTimeout is how long a server may take to give back room; after that it finds out by itself.
	abortTimeout = 5 * time.Second

	// hedgeAfter is how long the others are waited for, at least, once enough servers have answered to make the file
	// happy without them. Where the answers took longer to come, so do the others have longer.
	hedgeAfter   = time.Second
	hedgeListing = 200 * time.Millisecond // for those that were asked only what they hold
	hedgeFactor  = 4

	// busyTries is how often servers are asked again that have room but gave none, since another client is uploading the
	// same file to them; the first time after busyDelay, then after twice that, and so on: 15 s in all. Then that client is
	// taken for dead, and they are asked for other shares, otherTries times.
	busyTries  = 5
	busyDelay  = 500 * time.Millisecond
	otherTries = 3
)

var (
	errTakesNone = errors.New("takes no new share of this size")
	errGaveNone  = errors.New("gave no room for some shares: it is full, or another upload of this file is in progress or was interrupted (then try again in a few minutes, or else in half an hour)")
	errTooSlow   = errors.New("did not answer in time")
)

// A placer finds servers for the shares of one file. It asks for room at once, for the placement that would be right if
// there were no shares yet: servers tell what they hold in the same answer, so a new file is placed in one round trip.
// Where the answers make another placement better, the room that is not needed is given back. Servers that take nothing,
// or would get nothing, are asked for what they hold.
//
// All its fields belong to the goroutine that calls its methods; what servers answer comes through answers.
type placer struct {
	c       *UploaderConfig
	enc     Encoding
	index   storage.Index
	size    int64 // of a share
	servers []*candidate
	barred  []*grid.Server // they would get shares, but no grid manager certifies them, or they are to be retired
	answers chan answer
	running sync.WaitGroup // questions, renewals and aborts under way
}

// A candidate is what is known of a server that may get shares.
type candidate struct {
	*grid.Server
	room    bool // it may be asked for room
	waiting bool // a question is under way
	pressed bool // for room, by that question
	slow    bool // nobody waits for its answer
	known   bool // it has answered
	holds   []int
	refused []int // shares that it gave no room for
	spoiled []int // shares that it says it holds, and that are no good
	writers map[int]storage.Writer
	err     error // why it is of no use, or of less
	dead    bool  // it has failed
}

func newPlacer(c *UploaderConfig, enc Encoding, i storage.Index, size int64) *placer {
	p := &placer{c: c, enc: enc, index: i, size: size}
	servers := p.certified(c.Servers.Permuted(i))
	for _, s := range servers[:min(len(servers), 2*enc.Total)] {
		x := &candidate{Server: s, room: s.Version().MaxImmutableShare >= uint64(size), writers: map[int]storage.Writer{}}
		if !x.room {
			x.err = errTakesNone
		}
		p.servers = append(p.servers, x)
	}
	// One question to each server is under way at most, so that nobody who answers ever waits.
	p.answers = make(chan answer, len(p.servers))
	return p
}

// certified are the servers that may get shares now.
func (p *placer) certified(servers []*grid.Server) []*grid.Server {
	out := make([]*grid.Server, 0, len(servers))
	for _, s := range servers {
		if s.Certified() {
			out = append(out, s)
		} else {
			p.barred = append(p.barred, s)
		}
	}
	return out
}

// place finds a home for every share, as happily as the servers allow, and returns where shares have to be sent. Whatever
// it returns, finish has to be called.
func (p *placer) place(ctx context.Context) (map[int]*candidate, error) {
	if len(p.servers)+len(p.barred) == 0 {
		return nil, grid.ErrNoServers
	}
	if len(p.servers) < p.enc.Happy { // whatever they answer
		return nil, p.unhappy(p.hope())
	}
	p.askAll(ctx)
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		if err := p.settle(ctx); err != nil {
			return nil, err
		}
		plan := p.plan()
		if p.happiness(plan) >= p.enc.Happy {
			return p.writing(plan), nil
		}
		if try == busyTries+otherTries || !p.busy() {
			return nil, p.unhappy(plan)
		}
		if try < busyTries {
			if err := reactor.Sleep(ctx, p.c.Clock, busyDelay<<try); err != nil {
				return nil, err
			}
		}
		p.retry(try < busyTries)
	}
}

// settle asks for room until the plan needs no more. Every round either gets what it asked for, or finds a server that
// gives no more, so there are no more rounds than servers.
func (p *placer) settle(ctx context.Context) error {
	for {
		if p.askRest(ctx, p.plan()) == 0 {
			return nil
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
}

// plan is the best placement by what is known now, as a list of servers by share. A file that is whole and happy stays as
// it is.
func (p *placer) plan() []int {
	servers := make([]happiness.Server, len(p.servers))
	for i, x := range p.servers {
		if x.usable() {
			servers[i] = happiness.Server{Holds: x.holds, Granted: slices.Sorted(maps.Keys(x.writers)), Writable: x.room, Refused: x.refused}
		}
	}
	if !p.whole() {
		return happiness.Place(servers, p.enc.Total)
	}
	for i := range servers {
		servers[i].Granted, servers[i].Writable = nil, false
	}
	return happiness.Place(servers, p.enc.Total)
}

// hope is the placement of a new file, if all servers take what they say they do.
func (p *placer) hope() []int {
	servers := make([]happiness.Server, len(p.servers))
	for i, x := range p.servers {
		servers[i].Writable = x.room
	}
	return happiness.Place(servers, p.enc.Total)
}

// usable says whether a placement may count on x. A question that it has not answered yet may be the one that it never does.
func (x *candidate) usable() bool { return x.known && !x.dead && !x.waiting }

// whole says whether every share is held, and that happily.
func (p *placer) whole() bool {
	held := map[int]bool{}
	holds := make([][]int, len(p.servers))
	for i, x := range p.servers {
		holds[i] = x.holds
		for _, n := range x.holds {
			held[n] = true
		}
	}
	return len(held) >= p.enc.Total && happiness.Measure(holds) >= p.enc.Happy
}

// happiness is that of the shares that are held or, by the plan, will be.
func (p *placer) happiness(plan []int) int { return happiness.Measure(p.layout(plan)) }

func (p *placer) layout(plan []int) [][]int {
	holds := make([][]int, len(p.servers))
	for i, x := range p.servers {
		holds[i] = slices.Clone(x.holds)
	}
	for share, s := range plan {
		if s != happiness.Nowhere && !slices.Contains(holds[s], share) {
			holds[s] = append(holds[s], share)
		}
	}
	return holds
}

// writing is where the shares go that have to be sent.
func (p *placer) writing(plan []int) map[int]*candidate {
	out := map[int]*candidate{}
	for share, s := range plan {
		if s != happiness.Nowhere && p.servers[s].writers[share] != nil {
			out[share] = p.servers[s]
		}
	}
	return out
}

// busy says whether a server with room gave none.
func (p *placer) busy() bool {
	return slices.ContainsFunc(p.servers, func(x *candidate) bool { return x.err == errGaveNone })
}

// retry lets servers that gave no room be asked again: for the same shares, or for other ones.
func (p *placer) retry(same bool) {
	for _, x := range p.servers {
		if x.err != errGaveNone {
			continue
		}
		x.room = true
		if same {
			x.refused = nil
		}
	}
}

// unhappy is the error of a plan that is not good enough.
func (p *placer) unhappy(plan []int) error {
	e := &UnhappyError{
		Needed: p.enc.Needed, Happy: p.enc.Happy, Total: p.enc.Total,
		Happiness: p.happiness(plan), Answers: p.report(plan),
	}
	for _, held := range p.layout(plan) {
		if len(held) > 0 {
			e.Servers++
		}
	}
	for _, s := range plan {
		if s != happiness.Nowhere {
			e.Placed++
		}
	}
	return e
}

// report is what each server said.
func (p *placer) report(plan []int) grid.Answers {
	var out grid.Answers
	for i, held := range p.layout(plan) {
		x := p.servers[i]
		a := grid.Answer{Server: x.Name(), Err: x.err}
		for _, n := range held {
			a.Shares = append(a.Shares, storage.ShareNum(n))
		}
		if x.waiting {
			a.Err = errTooSlow
		}
		out = append(out, a)
	}
	for _, s := range p.barred {
		out = append(out, grid.Answer{Server: s.Name(), Err: s.Barred()})
	}
	return out
}
