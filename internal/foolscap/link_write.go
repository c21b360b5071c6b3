package foolscap

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	maxPongs   = 16 // that wait: more PINGs than that are not answered
	maxRequest = 1 << 16
	writeChunk = 64 * kib
)

// send queues a message of about size bytes, which encode writes. It waits until there is room for it.
func (l *link) send(ctx context.Context, size int64, encode func(e *encoder)) error {
	joined, stop := l.join(ctx)
	defer stop()
	release, err := l.unsent.Acquire(joined, size)
	if err != nil {
		return l.why(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ctx.Err() != nil {
		release()
		return lost(context.Cause(l.ctx))
	}
	l.enqueue(size, encode, release)
	return nil
}

// join is a context that ends with ctx and with the link.
func (l *link) join(ctx context.Context) (context.Context, func()) {
	joined, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return joined, func() { stop(); cancel() }
}

// why says which of ctx and the link has ended.
func (l *link) why(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lost(context.Cause(l.ctx))
}

// enqueue queues a message; l.mu is held.
func (l *link) enqueue(size int64, encode func(e *encoder), done func()) {
	e := &encoder{b: make([]byte, 0, size), out: l}
	encode(e)
	l.queue = append(l.queue, outgoing{e.b, done})
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) opened() int64 {
	n := l.opens
	l.opens++
	return n
}

func (l *link) export(o Object) (int64, bool) { return l.exports.send(o) }

func nothing() {}

func (l *link) ping() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enqueue(1, func(e *encoder) { e.b = append(e.b, tokPing) }, nothing)
}

// pong answers a PING.
func (l *link) pong(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pongs >= maxPongs {
		return
	}
	l.pongs++
	l.enqueue(12, func(e *encoder) {
		if n == 0 {
			e.b = append(e.b, tokPong)
			return
		}
		e.b = appendToken(e.b, tokPong, n)
	}, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pongs--
	})
}

// write writes what is queued until the link ends, and then, to an end that broke the protocol, why. It closes the connection.
func (l *link) write() {
	defer func() { _ = l.conn.Close() }()
	for l.ctx.Err() == nil {
		select {
		case <-l.wake:
		case <-l.ctx.Done():
		}
		if err := l.flush(); err != nil {
			l.end(fmt.Errorf("%w: %w", ErrDisconnected, err))
			return
		}
	}
	if why := context.Cause(l.ctx); errors.Is(why, ErrProtocol) && !errors.Is(why, errHungUp) {
		text := cut(why.Error(), maxErrorText)
		_, _ = l.conn.Write(append(appendToken(nil, tokError, int64(len(text))), text...))
	}
}

// flush writes what is queued.
func (l *link) flush() error {
	l.mu.Lock()
	queue := l.queue
	l.queue = nil
	l.mu.Unlock()
	for i, o := range queue {
		err := l.writeAll(o.b)
		queue[i].b = nil
		o.done()
		if err != nil {
			for _, o := range queue[i+1:] {
				o.done()
			}
			return err
		}
	}
	return nil
}

// writeAll gives up when the other end takes nothing for as long as it may be silent.
func (l *link) writeAll(b []byte) error {
	for len(b) > 0 {
		if err := l.conn.SetWriteDeadline(time.Now().Add(l.tub.cfg.Disconnect)); err != nil {
			return err
		}
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		n, err := l.conn.Write(b[:min(len(b), writeChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
