package grid

import (
	"context"
	"io"
	"sync"
	"time"

	"tahoe/reactor"
	"tahoe/storage"
)

// A Pace bounds the bytes a second that go to servers, and those that come from them, for operations whose context it is in. Who uses one
// works in the background and has time: it leaves the line to others.
//
// What flows as a stream waits as it flows. What is one message goes out at once, and is paid for by who calls Settle before the
// next operation: an operation has limits of time of its own, and would otherwise take a slow pace for a slow server. So in any time
// the bytes are at most the rate times that time, one second's worth, and what the operations of that moment move in single messages.
type Pace struct {
	clock   reactor.Clock
	in, out lane
}

// NewPace makes a pace of so many bytes a second from and to servers, LeastPace at least. 0 is no bound.
func NewPace(clock reactor.Clock, in, out int64) *Pace {
	least := func(rate int64) int64 {
		if rate <= 0 {
			return 0
		}
		return max(rate, LeastPace)
	}
	return &Pace{clock: clock, in: lane{rate: least(in)}, out: lane{rate: least(out)}}
}

type paceKey struct{}

// With is a context in which operations keep the pace.
func (p *Pace) With(ctx context.Context) context.Context { return context.WithValue(ctx, paceKey{}, p) }

// Settle waits until all that was moved is paid for, to a second.
func (p *Pace) Settle(ctx context.Context) error {
	for {
		d := max(p.in.debt(p.clock.Now()), p.out.debt(p.clock.Now()))
		if d <= 0 {
			return context.Cause(ctx)
		}
		if err := reactor.Sleep(ctx, p.clock, d); err != nil {
			return err
		}
	}
}

// Moved is how many bytes came from servers and went to them.
func (p *Pace) Moved() (in, out int64) { return p.in.total(), p.out.total() }

// A lane is one direction: a bucket that a second fills.
type lane struct {
	rate int64

	mu       sync.Mutex
	paid     time.Time // until when what was moved has used up the rate
	streamed time.Time // likewise, of streams alone
	moved    int64
}

const burst = time.Second

// take counts n bytes, and says how long until they are paid for.
func (l *lane) take(now time.Time, n int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved += n
	return l.use(&l.paid, now, n)
}

// stream counts n bytes of a stream, and says how long it should wait. It does not wait for what was moved besides streams.
func (l *lane) stream(now time.Time, n int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved += n
	l.use(&l.paid, now, n)
	return l.use(&l.streamed, now, n)
}

// use pushes a time forward by what n bytes take. l.mu is held.
func (l *lane) use(until *time.Time, now time.Time, n int64) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	if until.Before(now) {
		*until = now
	}
	*until = until.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	return until.Sub(now) - burst
}

func (l *lane) debt(now time.Time) time.Duration { return l.take(now, 0) }

func (l *lane) total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

// piece is how much of a stream is moved at once, so that each of many streams moves something every few seconds: else it would be
// taken for one that hangs.
func (l *lane) piece() int {
	if l.rate <= 0 {
		return largestPiece
	}
	return int(min(max(l.rate/20, 1<<10), largestPiece))
}

const (
	// message is what a question or an answer costs besides the data in it, about.
	message = 500

	largestPiece = 64 << 10

	// LeastPace is the slowest pace at which operations do not take it for slow servers.
	LeastPace = 16 << 10
)

// paceOf is the pace of a context; nil for none.
func paceOf(ctx context.Context) *Pace {
	p, _ := ctx.Value(paceKey{}).(*Pace)
	return p
}

// note counts a question and an answer. It does not wait.
func (p *Pace) note(sent, received int64) {
	if p == nil {
		return
	}
	now := p.clock.Now()
	p.out.take(now, sent+message)
	p.in.take(now, received+message)
}

// flow counts bytes of a stream, and waits for them.
func (p *Pace) flow(ctx context.Context, l *lane, n int) {
	if d := l.stream(p.clock.Now(), int64(n)); d > 0 {
		_ = reactor.Sleep(ctx, p.clock, d) // who reads on notices the end of ctx
	}
}

// received is a reader of what a server sends.
func (p *Pace) received(ctx context.Context, r io.ReadCloser) io.ReadCloser {
	if p == nil {
		return r
	}
	return struct {
		io.Reader
		io.Closer
	}{pacedReader{ctx, p, &p.in, r}, r}
}

// sent is a reader of what is sent to a server. What can be sent again is left as it is, and paid for as one message.
func (p *Pace) sent(ctx context.Context, s storage.Span, r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	if _, ok := r.(io.Seeker); ok {
		p.note(s.Size, 0)
		return r
	}
	p.note(0, 0)
	return pacedReader{ctx, p, &p.out, r}
}

// A pacedReader is a stream that keeps a pace. Its ctx is that of the operation, as with any iterator.
type pacedReader struct {
	ctx  context.Context
	p    *Pace
	lane *lane
	r    io.Reader
}

func (r pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b[:min(len(b), r.lane.piece())])
	if n > 0 {
		r.p.flow(r.ctx, r.lane, n)
	}
	return n, err
}

// valuesSize is how many bytes an answer to ReadSlot holds.
func valuesSize(all map[storage.ShareNum][][]byte) (n int64) {
	for _, values := range all {
		for _, v := range values {
			n += int64(len(v))
		}
	}
	return n
}

// writesSize is how many bytes a change of a slot holds.
func writesSize(w storage.SlotWrite) (n int64) {
	for _, s := range w.Shares {
		for _, v := range s.Writes {
			n += v.Data.Size()
		}
	}
	return n
}
