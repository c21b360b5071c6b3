package ristorage

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"tahoe/storage"
)

// A pieceStream is a span of a share that comes in pieces. It carries the context of the Read that it belongs to.
type pieceStream struct {
	ctx     context.Context
	release func()
	r       *shareReader
	op      string
	next    int64 // offset of the piece to be asked for next
	end     int64
	queue   []*pending // asked for and not begun to be read, in order
	head    []byte     // rest of the piece that is being read
	err     error      // what comes behind head
	calls   sync.WaitGroup
}

// A pending piece belongs to the goroutine that asks for it until done is closed.
type pending struct {
	span storage.Span
	done chan struct{}
	data []byte
	err  error
}

var errStreamClosed = errors.New("stream is closed")

func newPieceStream(ctx context.Context, r *shareReader, op string, s storage.Span) *pieceStream {
	sub, release := r.c.until(ctx)
	end := s.End()
	if end < s.Offset {
		end = math.MaxInt64
	}
	p := &pieceStream{ctx: sub, release: release, r: r, op: op, next: s.Offset, end: end}
	p.ask()
	return p
}

// ask has the window of pieces under way.
func (p *pieceStream) ask() {
	for len(p.queue) < window && p.next < p.end {
		w := &pending{span: storage.Span{Offset: p.next, Size: min(piece, p.end-p.next)}, done: make(chan struct{})}
		p.next = w.span.End()
		p.queue = append(p.queue, w)
		p.calls.Go(func() {
			defer close(w.done)
			w.data, w.err = p.r.piece(p.ctx, p.op, w.span)
		})
	}
}

// piece reads one piece, which is shorter where the share ends.
func (r *shareReader) piece(ctx context.Context, op string, s storage.Span) ([]byte, error) {
	v, err := r.c.callOn(ctx, r.remote, op, methodRead, s.Offset, s.Size)
	if err != nil {
		return nil, err
	}
	got := &reading{}
	b := got.bytes(v, "the answer", s.Size)
	if got.err != nil {
		return nil, r.c.badAnswer(op, got.err)
	}
	return b, nil
}

// await waits for the next piece, unless there is something to read, and returns what keeps it from coming.
func (p *pieceStream) await() error {
	for len(p.head) == 0 && p.err == nil {
		if len(p.queue) == 0 {
			p.err = io.EOF
			break
		}
		w := p.queue[0]
		<-w.done // soon, once the context has ended
		p.queue = p.queue[1:]
		p.head = w.data
		switch {
		case w.err != nil:
			p.err = w.err
		case int64(len(w.data)) < w.span.Size:
			p.err = io.EOF // the share ends here
		default:
			p.ask()
		}
	}
	if len(p.head) > 0 || p.err == io.EOF {
		return nil
	}
	return p.err
}

func (p *pieceStream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := p.await(); err != nil {
		return 0, err
	}
	if len(p.head) == 0 {
		return 0, p.err
	}
	n := copy(b, p.head)
	p.head = p.head[n:]
	return n, nil
}

// Close ends the stream, and waits for the calls under way to give up.
func (p *pieceStream) Close() error {
	p.release()
	p.calls.Wait()
	p.queue, p.head = nil, nil
	if p.err == nil {
		p.err = errStreamClosed
	}
	return nil
}
