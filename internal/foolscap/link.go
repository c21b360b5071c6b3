package foolscap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/reactor"
)

// A link is a connection that speaks banana. Its goroutines, which run owns, are a reader, a writer, one that makes the calls
// of the other end one after another, and one that watches over silence; and one for each Later.
type link struct {
	tub  *Tub
	peer TubID
	conn net.Conn
	r    *bufio.Reader

	dialed bool      // this end made the connection
	began  time.Time // by the Clock

	// Of a link that we are the master of: which life of the other Tub this is, and the number of the connection.
	life   string
	number int64

	ctx     context.Context // ends with the link; its cause is why
	end     context.CancelCauseFunc
	ended   chan struct{} // closed when ctx has ended and everybody who waited knows
	heard   atomic.Int64  // when the other end was last heard of, in nanoseconds
	stalled atomic.Bool   // the reader waits for this end
	unsent  *reactor.Budget
	unread  *reactor.Budget // the bytes of calls that wait

	mu       sync.Mutex
	queue    []outgoing    // what the writer is to write
	wake     chan struct{} // of 1
	pongs    int           // in the queue
	opens    int64         // of OPEN tokens sent
	requests map[int64]*request
	last     int64 // request
	exports  exports
	imports  map[int64]*imported
	watchers map[int64]func(error)
	watched  int64
	closed   bool // no more requests, watchers and writing

	calls   chan *inbound // for the one who makes them; as many as Limits.Pending
	pending chan struct{} // a place for each call that is not answered
}

// An outgoing message, and what is to be done when it is written or thrown away.
type outgoing struct {
	b    []byte
	done func()
}

func newLink(t *Tub, conn net.Conn, dialed bool) *link {
	l := &link{
		tub: t, conn: conn, dialed: dialed, began: t.cfg.Clock.Now(),
		ended:    make(chan struct{}),
		unsent:   reactor.NewBudget(int64(t.cfg.Limits.Unsent)),
		unread:   reactor.NewBudget(int64(t.cfg.Limits.Buffered)),
		wake:     make(chan struct{}, 1),
		requests: map[int64]*request{}, imports: map[int64]*imported{}, watchers: map[int64]func(error){},
		exports: newExports(),
		calls:   make(chan *inbound, t.cfg.Limits.Pending),
		pending: make(chan struct{}, t.cfg.Limits.Pending),
	}
	l.r = bufio.NewReaderSize(heardReader{l}, readBuffer)
	l.ctx, l.end = context.WithCancelCause(context.Background())
	l.touch()
	return l
}

func (l *link) touch() { l.heard.Store(l.tub.cfg.Clock.Now().UnixNano()) }

// heardReader notes when something was heard.
type heardReader struct{ l *link }

func (h heardReader) Read(b []byte) (int, error) {
	n, err := h.l.conn.Read(b)
	if n > 0 {
		h.l.touch()
	}
	return n, err
}

// run speaks until the link ends, and says why. When it returns, nothing of the link is left.
func (l *link) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.end(context.Cause(ctx)) })
	defer stop()
	var group sync.WaitGroup
	group.Go(l.write)
	group.Go(func() { l.answerCalls(&group) })
	group.Go(l.watchSilence)
	group.Go(func() {
		<-l.ctx.Done()
		_ = l.conn.SetReadDeadline(longAgo)
		_ = l.conn.SetWriteDeadline(time.Now().Add(lastWords))
	})
	l.end(l.read())
	group.Wait()
	why := context.Cause(l.ctx)
	l.tub.forget(l)
	l.finish(why)
	return why
}

var longAgo = time.Unix(1, 0)

// lastWords is how long it may take to tell the other end why.
const lastWords = 2 * time.Second

// read reads messages until the connection ends.
func (l *link) read() error {
	d := newDecoder(l.r, l, l.tub.cfg.Limits, l.pong)
	for {
		m, err := d.message()
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: the other end hung up", ErrDisconnected)
		}
		if errors.Is(err, ErrProtocol) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
		switch m.kind {
		case msgCall:
			err = l.called(m)
		case msgAnswer, msgError:
			l.answered(m)
		}
		if err != nil {
			return err
		}
	}
}

// finish tells everybody who waits for something of the link that it has ended.
func (l *link) finish(why error) {
	l.mu.Lock()
	l.closed = true
	queue, requests, watchers := l.queue, l.requests, l.watchers
	l.queue, l.requests, l.watchers, l.exports, l.imports = nil, nil, nil, newExports(), nil
	l.mu.Unlock()
	for _, o := range queue {
		o.done()
	}
	for _, q := range requests {
		q.finish(nil, lost(why))
	}
	close(l.ended)
	for _, f := range watchers {
		f(why)
	}
}

// lost is the error of a call whose connection has ended.
func lost(why error) error {
	if why == nil || errors.Is(why, ErrDisconnected) {
		return why
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, why)
}

// watch has f called when the link has ended.
func (l *link) watch(f func(error)) (cancel func()) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		f(context.Cause(l.ctx))
		return func() {}
	}
	defer l.mu.Unlock()
	l.watched++
	n := l.watched
	l.watchers[n] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, n)
	}
}

// useless says whether the other end never asked for an object of ours, though it had the time of a negotiation for it, and this
// end holds none of the other's: places for connections are few.
func (l *link) useless() bool {
	if l.tub.cfg.Clock.Now().Sub(l.began) < l.tub.cfg.Negotiation {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exports.last == 0 && len(l.imports) == 0 && len(l.requests) == 0
}

// watchSilence asks for a sign of life after a silence, and again, and ends the link after a long one.
func (l *link) watchSilence() {
	c := l.tub.cfg
	for asked := l.began; ; {
		now, heard := c.Clock.Now(), time.Unix(0, l.heard.Load())
		if l.stalled.Load() {
			heard = now // nobody listens
		}
		if why := l.hopeless(now, heard); why != nil {
			l.end(why)
			return
		}
		next := later(heard, asked).Add(c.Keepalive)
		if !next.After(now) {
			l.ping()
			asked, next = now, now.Add(c.Keepalive)
		}
		if dead := heard.Add(c.Disconnect); dead.Before(next) {
			next = dead
		}
		if reactor.Sleep(l.ctx, c.Clock, next.Sub(now)) != nil {
			return
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// hopeless says why a link should end.
func (l *link) hopeless(now, heard time.Time) error {
	if c := l.tub.cfg; now.Sub(heard) >= c.Disconnect {
		return fmt.Errorf("%w: nothing was heard for %v", ErrDisconnected, c.Disconnect)
	}
	if l.useless() {
		return fmt.Errorf("%w: neither end has a use for the connection", ErrDisconnected)
	}
	return nil
}
