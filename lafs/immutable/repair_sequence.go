package immutable

import (
	"context"
	"errors"
	"io"
	"sync"
)

// A sequence is the ciphertext of a file, for workers who each take the next piece: reads wait until all that is before them has
// been read. It is fetched once, in order, as it is read.
type sequence struct {
	pipe     *io.PipeReader
	fetching sync.WaitGroup
	stop     context.CancelFunc

	mu   sync.Mutex
	turn sync.Cond
	at   int64
	err  error
}

var errSequenceOver = errors.New("the repair is over")

// newSequence begins to fetch f. It ends with close.
func newSequence(ctx context.Context, f *File) *sequence {
	ctx, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	s := &sequence{pipe: r, stop: stop}
	s.turn.L = &s.mu
	s.fetching.Go(func() { _ = w.CloseWithError(f.Read(ctx, 0, f.Size(), w)) })
	return s
}

// ReadAt reads what begins at off, when all before it has been read. It is called once for every byte.
func (s *sequence) ReadAt(b []byte, off int64) (int, error) {
	s.mu.Lock()
	for s.err == nil && s.at != off {
		s.turn.Wait()
	}
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.pipe, b) // alone: nobody else waits for off
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at += int64(n)
	if err != nil {
		s.err = err
	}
	s.turn.Broadcast()
	return n, err
}

// interrupt ends the fetch, and all reads.
func (s *sequence) interrupt() {
	s.stop()
	_ = s.pipe.CloseWithError(errSequenceOver)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = errSequenceOver
	}
	s.turn.Broadcast()
}

// close ends the fetch and waits for it.
func (s *sequence) close() {
	s.interrupt()
	s.fetching.Wait()
}
