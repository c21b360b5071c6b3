package immutable

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
)

// CheckerConfig is what a Checker works with. Servers, Lease, Pool and Budget are required; what else is zero has a default.
type CheckerConfig struct {
	Servers grid.Servers
	Lease   func(i storage.Index, tub [20]byte) storage.LeaseSecrets
	Pool    *reactor.Pool
	Budget  *reactor.Budget
	Log     *slog.Logger // discards

	QueryTimeout time.Duration // how long a server may take to list its shares, or to renew leases; 15 s
	Stall        time.Duration // how long a share may yield nothing while it is verified; 30 s
}

// A Checker finds out how CHK files are. It may be used by several goroutines at once.
type Checker struct{ c CheckerConfig }

// NewChecker makes a Checker.
func NewChecker(c CheckerConfig) *Checker {
	orDefault(&c.QueryTimeout, queryTimeout)
	orDefault(&c.Stall, DefaultStall)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Checker{c}
}

// Check asks all connected servers which shares of a file they have. With Verify it reads every share that they say they have, to
// the last hash and block; what no reader looks at, which are two sizes in the header and the plaintext hash tree, is not
// looked at either. The memory of that does not grow with the file but for two hash trees a share, and taken from the budget, but for 64 KiB of each share.
//
// A file in ever so bad a state is a result. The error is that of ctx, or of a capability that cannot be.
func (c *Checker) Check(ctx context.Context, v caps.CHKVerify, o health.Options) (*health.Result, error) {
	if _, err := layoutOf(v); err != nil {
		return nil, err
	}
	k := &check{c: c, cap: v, opts: o}
	defer k.advisers.Wait()
	k.outer = context.WithoutCancel(ctx)
	if err := k.ask(ctx); err != nil {
		return nil, err
	}
	if o.Verify {
		if err := k.verify(ctx); err != nil {
			return nil, err
		}
	}
	return k.result(), nil
}

// A check is one call of Check.
type check struct {
	c        *Checker
	cap      caps.CHKVerify
	opts     health.Options
	outer    context.Context // the caller's, but without its end: for advice
	advisers sync.WaitGroup

	mu         sync.Mutex // guards what follows
	responding []*grid.Server
	failed     []health.Place
	shares     []*checkedShare
	truth      truth

	unrenewed []*grid.Server // of ask
}

// A checkedShare is a share that a server says it has.
type checkedShare struct {
	server *grid.Server
	num    storage.ShareNum
	r      storage.Reader
	header layout.Layout // as the share has it
	err    error         // of its verification; nil also when there was none
}

// errNoSuchShare is what is wrong with a share whose number the file does not have.
var errNoSuchShare = errors.New("the file has no share of this number")

// ask asks all servers, and has them renew leases.
func (k *check) ask(ctx context.Context) error {
	k.c.c.Servers.Settle(ctx, k.cap.Total())
	servers := k.c.c.Servers.Permuted(k.cap.Index())
	k.opts.Meter.Note(func(p *health.Progress) { p.Asked = len(servers) })
	var wg sync.WaitGroup
	if k.opts.AddLease {
		renewal := health.Renewal{Lease: k.c.c.Lease, Timeout: k.c.c.QueryTimeout, Log: k.c.c.Log}
		wg.Go(func() { k.unrenewed = renewal.Renew(ctx, k.cap.Index(), k.opts.Renewing(servers)) })
	}
	health.Each(servers, health.MaxAsked, func(s *grid.Server) { k.askOne(ctx, s) })
	wg.Wait()
	return context.Cause(ctx)
}

func (k *check) askOne(ctx context.Context, s *grid.Server) {
	asking, cancel := context.WithTimeoutCause(ctx, k.c.c.QueryTimeout, errTooSlow)
	defer cancel()
	readers, err := s.Storage().Buckets(asking, k.cap.Index())
	if err != nil {
		err = cause(asking, err)
	}
	defer k.opts.Meter.Answered(len(readers))
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.failed = append(k.failed, health.Place{Server: s, Share: -1, Err: err})
		return
	}
	k.responding = append(k.responding, s)
	for n, r := range readers {
		x := &checkedShare{server: s, num: n, r: r}
		if !n.Valid() || int(n) >= k.cap.Total() {
			x.err = &partError{partHeader, errNoSuchShare}
		}
		k.shares = append(k.shares, x)
	}
}

// verify reads the shares, and advises servers of those that are corrupt.
func (k *check) verify(ctx context.Context) error {
	l, err := layoutOf(k.cap)
	if err != nil {
		return err
	}
	size := l.DataSize
	k.opts.Meter.Note(func(p *health.Progress) { p.ToVerify = size * int64(len(k.shares)) })
	health.Each(k.shares, health.MaxVerified, func(x *checkedShare) {
		reading := k.opts.Meter.Reading(size)
		defer reading.End()
		if x.err == nil && ctx.Err() == nil {
			x.err = k.verifyShare(ctx, x, reading)
		}
	})
	for _, x := range k.shares {
		k.blame(x)
		if p, ok := errors.AsType[*partError](x.err); ok && !errors.Is(p, errIncompatible) {
			k.advisers.Go(func() { k.advise(x, p) })
		}
	}
	return context.Cause(ctx)
}

func (k *check) advise(x *checkedShare, p *partError) {
	ctx, cancel := context.WithTimeout(k.outer, abortTimeout)
	defer cancel()
	k.c.c.Log.Warn("corrupt share", "server", x.server, "index", k.cap.Index().Abbrev(), "share", int(x.num), "part", p.part, "error", p.err)
	err := x.server.Storage().AdviseCorrupt(ctx, storage.Corruption{
		Kind: storage.KindImmutable, Index: k.cap.Index(), Share: x.num, Reason: p.Error(),
	})
	if err != nil {
		k.c.c.Log.Info("advice not taken", "server", x.server, "index", k.cap.Index().Abbrev(), "share", int(x.num), "error", err)
	}
}
