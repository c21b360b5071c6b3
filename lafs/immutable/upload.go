package immutable

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
)

// UploaderConfig is what an Uploader works with. Servers and Lease are required; what else is zero has a default.
type UploaderConfig struct {
	Servers     grid.Servers
	Lease       func(i storage.Index, tub [20]byte) storage.LeaseSecrets
	Pool        *reactor.Pool   // for hashing, encryption and encoding; a pool of its own
	Budget      *reactor.Budget // bounds the memory of all transfers together; DefaultBudget bytes of its own
	Encoding    Encoding        // DefaultEncoding
	Convergence []byte          // the secret that makes keys of equal files equal; secret
	SpoolDir    string          // for sources that can be read only once; the system's
	Stall       time.Duration   // how long the write of a share may hang; DefaultStall
	Helper      Helper          // encodes and places files in our stead, while it is there; nil: nobody does
	Clock       reactor.Clock   // the system's
	Log         *slog.Logger    // discards
}

// DefaultBudget is the size of the byte budget of an Uploader that is given none.
const DefaultBudget = 64 << 20

// Format hides the convergence secret, whatever the verb.
func (UploaderConfig) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "uploader config") }

// An Uploader puts files on the grid. It may be used by several goroutines at once.
type Uploader struct {
	c           UploaderConfig // without the secret
	secret      func() []byte  // a function, which nothing prints
	readBuffers sync.Pool      // of *[]byte, readBuffer each
	slots       sync.Pool      // of *[]byte, of any size
	busy        indexLocks
}

// NewUploader makes an Uploader.
func NewUploader(c UploaderConfig) *Uploader {
	secret := slices.Clone(c.Convergence)
	c.Convergence = nil
	if c.Pool == nil {
		c.Pool = reactor.NewPool(0)
	}
	if c.Budget == nil {
		c.Budget = reactor.NewBudget(DefaultBudget)
	}
	if c.Encoding == (Encoding{}) {
		c.Encoding = DefaultEncoding()
	}
	if c.Stall <= 0 {
		c.Stall = DefaultStall
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u := &Uploader{c: c, secret: func() []byte { return secret }}
	u.readBuffers.New = func() any { b := make([]byte, readBuffer); return &b }
	return u
}

// UploadOptions say how one file is uploaded.
type UploadOptions struct {
	Size      int64          // of the source; -1 when it is not known
	RandomKey bool           // a new key, rather than the one that equal files share
	Encoding  *Encoding      // nil: the uploader's
	Progress  func(Progress) // called often, by one goroutine at a time; it must not wait; may be nil
}

// Upload stores what src yields, and returns the capability to read it. A source of known size that is an io.ReaderAt is
// read twice, from offset 0, and must not change meanwhile: its key is that of what was there first, and so are shares of
// it that exist, so that the capability could not be read. That is noticed by the time of change if src is an *os.File, and
// else if it becomes shorter. Any other source is read once, to its end, into an encrypted spool. A source that is shorter
// or longer than stated is an error. Small files become literals and touch no server.
//
// When Upload fails, no server keeps a share of this upload, except where an *UnhappyError came after the last byte. It
// returns when everything that it began has ended, and not before a Read of src that is under way has returned.
func (u *Uploader) Upload(ctx context.Context, src io.Reader, o UploadOptions) (caps.Read, *UploadResult, error) {
	begun := u.c.Clock.Now()
	enc := u.c.Encoding
	if o.Encoding != nil {
		enc = *o.Encoding
	}
	if err := enc.Validate(); err != nil {
		return nil, nil, err
	}
	if o.Size > caps.MaxLiteral { // what cannot be stored is told before it is read
		if _, _, err := geometryOf(enc, o.Size); err != nil {
			return nil, nil, err
		}
	}
	m := newUploadMeter(max(o.Size, -1), o.Progress)
	pass := firstPass{u: u, enc: enc, size: max(o.Size, -1), keyed: !o.RandomKey, meter: m}
	plain, err := pass.read(ctx, src)
	if err != nil {
		return nil, nil, err
	}
	defer plain.close()
	hashing := u.c.Clock.Now().Sub(begun)
	r, err := u.store(ctx, plain, enc, m)
	if err != nil {
		return nil, nil, err
	}
	r.Size = plain.size
	r.Timings.Hashing, r.Timings.Total = hashing, u.c.Clock.Now().Sub(begun)
	m.tell()
	return r.Cap, r, nil
}

// store puts a source that has been read once on the grid, or into a literal.
func (u *Uploader) store(ctx context.Context, plain *plaintext, enc Encoding, m *uploadMeter) (*UploadResult, error) {
	if plain.size <= caps.MaxLiteral {
		c, err := literal(plain, plain.size)
		return &UploadResult{Cap: c}, err
	}
	g, l, err := geometryOf(enc, plain.size)
	if err != nil {
		return nil, err
	}
	var r *UploadResult
	if u.c.Helper != nil {
		r, err = u.assisted(ctx, plain, g, l, enc.Happy, m)
		if err != nil || r != nil {
			return r, err
		}
	}
	if r, err = u.send(ctx, taghash.StorageIndex(plain.key), plain, g, l, enc, m); err != nil {
		return nil, err
	}
	r.Cap, err = readCap(plain, g, taghash.UEB(r.UEB))
	return r, err
}

// readCap is the capability to read a file of this geometry.
func readCap(plain *plaintext, g layout.Geometry, ueb taghash.Hash) (caps.Read, error) {
	return caps.NewCHK(caps.CHKParams{Key: plain.key, UEBHash: ueb, Needed: g.Needed, Total: g.Total, Size: g.Size})
}

// send puts a source on the grid, as the shares of index.
func (u *Uploader) send(ctx context.Context, index storage.Index, source *plaintext, g layout.Geometry, l layout.Layout, enc Encoding, m *uploadMeter) (*UploadResult, error) {
	// Whoever uploads the same file finds it there afterwards, instead of servers that are busy with it.
	unlock, err := u.busy.lock(ctx, index)
	if err != nil {
		return nil, err
	}
	defer unlock()
	u.c.Servers.Settle(ctx, enc.Total)
	pipe, done, err := u.pipeline(ctx, source, g, l, m)
	if err != nil {
		return nil, err
	}
	defer done()
	placer := newPlacer(&u.c, enc, index, l.ShareSize())
	t := &transfer{c: &u.c, place: placer.place, pipe: pipe, placer: placer, result: &UploadResult{Index: index}}
	if _, err := t.run(ctx); err != nil {
		return nil, err
	}
	t.result.UEB = pipe.ring.end.ueb
	return t.result, nil
}

// pipeline makes a pipeline, with its memory: taken after the first pass and at once, so that no upload holds memory while it waits
// for its source or for more.
func (u *Uploader) pipeline(ctx context.Context, source *plaintext, g layout.Geometry, l layout.Layout, m *uploadMeter) (*pipeline, func(), error) {
	release, err := u.c.Budget.Acquire(ctx, pipelineMemory(g))
	if err != nil {
		return nil, nil, err
	}
	bufs, putBack := u.buffers(slotsFor(g), int(slotSize(g)))
	done := func() {
		putBack()
		release()
	}
	pipe, err := newPipeline(g, l, source, u.c.Pool, m, bufs)
	if err != nil {
		done()
		return nil, nil, err
	}
	return pipe, done, nil
}

// buffers takes n buffers out of the pool that all uploads share.
func (u *Uploader) buffers(n, size int) (bufs [][]byte, done func()) {
	kept := make([]*[]byte, n)
	bufs = make([][]byte, n)
	for i := range bufs {
		b, _ := u.slots.Get().(*[]byte)
		if b == nil || cap(*b) < size {
			fresh := make([]byte, size)
			b = &fresh
		}
		kept[i], bufs[i] = b, (*b)[:size]
	}
	return bufs, func() {
		for _, b := range kept {
			u.slots.Put(b)
		}
	}
}

// A transfer encodes one file and sends its shares.
type transfer struct {
	c      *UploaderConfig
	place  func(context.Context) (map[int]*candidate, error) // finds servers for the shares
	pipe   *pipeline
	placer *placer
	result *UploadResult
}

// run encodes while servers are found, and sends shares while they are encoded. It returns the hash of the UEB.
func (t *transfer) run(ctx context.Context) (taghash.Hash, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var ueb taghash.Hash
	var encoding sync.WaitGroup
	encoding.Go(func() {
		var err error
		if ueb, err = t.pipe.run(ctx); err != nil {
			cancel(err)
		}
	})
	placing, stopPlacing := context.WithCancel(ctx)
	sent, err := t.deliver(ctx, placing)
	if err != nil {
		cancel(err)
	}
	encoding.Wait()
	failed := ctx.Err() != nil
	t.placer.finish(placing, stopPlacing, func(share int, x *candidate) bool { return !failed && sent[share] == x })
	if failed {
		return taghash.Hash{}, context.Cause(ctx)
	}
	return ueb, nil
}

// deliver finds servers and sends them their shares. It returns where shares were sent.
func (t *transfer) deliver(ctx, placing context.Context) (map[int]*candidate, error) {
	begun := t.c.Clock.Now()
	targets, err := t.place(placing)
	if err != nil {
		return nil, err
	}
	placed := t.c.Clock.Now()
	for share := range t.pipe.geometry.Total {
		if targets[share] == nil {
			t.pipe.ring.leave(share)
		}
	}
	t.placer.giveBack(placing, func(share int, x *candidate) bool { return targets[share] == x })
	t.pipe.meter.toPush.Store(t.pipe.layout.ShareSize() * int64(len(targets)))
	p := &pusher{c: t.c, placer: t.placer, pipe: t.pipe, shares: targets, writes: map[int]*shareWrite{}}
	if err := p.push(ctx); err != nil {
		return nil, err
	}
	t.result.Timings.Placing, t.result.Timings.Pushing = placed.Sub(begun), t.c.Clock.Now().Sub(placed)
	t.describe(p)
	return p.shares, nil
}

// describe notes where the shares are.
func (t *transfer) describe(p *pusher) {
	r := t.result
	r.Pushed = len(p.shares)
	r.Sharemap = map[storage.ShareNum][]*grid.Server{}
	r.Servermap = map[grid.ServerID][]storage.ShareNum{}
	existing := map[int]bool{}
	plan := p.planLocked()
	r.Happiness = t.placer.happiness(plan)
	for i, held := range t.placer.layout(plan) {
		x := t.placer.servers[i]
		for _, n := range slices.Sorted(slices.Values(held)) {
			share := storage.ShareNum(n)
			r.Sharemap[share] = append(r.Sharemap[share], x.Server)
			r.Servermap[x.ID()] = append(r.Servermap[x.ID()], share)
		}
		for _, n := range x.holds {
			existing[n] = true
		}
	}
	r.Preexisting = len(existing)
}
