package ristorage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

func (s *Server) allocate(r *reading, args []foolscap.Value) foolscap.Later {
	i, size := r.index(args[0]), r.size(args[4], "the allocated size")
	a := storage.Allocation{Lease: r.lease(args[1], args[2]), Shares: r.shareSet(args[3], "the set of shares")}
	canary := r.remote(args[5], "the canary")
	if size > maxShareSize {
		a.Shares, size = nil, 0 // there is no room for them
	}
	a.Size = int64(size)
	return func(ctx context.Context) (foolscap.Value, error) {
		got, err := s.s.Allocate(ctx, i, a)
		if err != nil {
			return nil, err
		}
		writers := make(foolscap.Dict, 0, len(got.Writers))
		for _, n := range slices.Sorted(maps.Keys(got.Writers)) {
			writers = append(writers, foolscap.Pair{Key: int64(n), Value: newBucketWriter(got.Writers[n], a.Size, canary)})
		}
		return foolscap.Tuple{foolscap.Set(shareValues(got.Have)), writers}, nil
	}
}

// abortGrace is how long a share may take to be forgotten when its connection has gone.
const abortGrace = 30 * time.Second

// A bucketWriter takes one immutable share, and forgets it when the connection goes.
type bucketWriter struct {
	w        storage.Writer
	unwatch  func()
	finished sync.Once

	mu   sync.Mutex
	last chan struct{} // closed when the call that came last has been done

	missing []storage.Span // of the call whose turn it is
}

func newBucketWriter(w storage.Writer, size int64, canary *foolscap.Remote) *bucketWriter {
	b := &bucketWriter{w: w, last: make(chan struct{})}
	close(b.last)
	if size > 0 {
		b.missing = []storage.Span{{Size: size}}
	}
	b.unwatch = canary.OnDisconnect(func(error) { b.lost() })
	return b
}

func (b *bucketWriter) RemoteInterface() string { return writerInterface }

// Call takes calls in their order, whatever runs when, but for abort, which does not wait.
func (b *bucketWriter) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodWrite:
		return bind(args, b.write, "offset", "data")
	case methodClose:
		return bind(args, func(*reading, []foolscap.Value) foolscap.Later { return b.inTurn(b.close) })
	case methodAbort:
		return bind(args, func(*reading, []foolscap.Value) foolscap.Later { return b.abort })
	}
	return nil, noMethod(writerInterface)
}

// inTurn has f wait until the calls that came before have been done.
func (b *bucketWriter) inTurn(f func(context.Context) error) foolscap.Later {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, done := b.last, make(chan struct{})
	b.last = done
	return func(ctx context.Context) (foolscap.Value, error) {
		select {
		case <-before:
			defer close(done)
			return nil, f(ctx)
		case <-ctx.Done(): // and so it is for those that wait for done
			return nil, context.Cause(ctx)
		}
	}
}

func (b *bucketWriter) write(r *reading, args []foolscap.Value) foolscap.Later {
	offset, data := r.number(args[0], "the offset", math.MaxInt64), r.bytes(args[1], "the data", math.MaxInt64)
	if r.err != nil {
		return nil
	}
	return b.inTurn(func(ctx context.Context) error {
		missing, err := b.w.Write(ctx, storage.Span{Offset: offset, Size: int64(len(data))}, bytes.NewReader(data))
		if err == nil {
			b.missing = missing
		}
		return err
	})
}

// close makes the share visible. Clients of former times reserve more room than they write to: the rest is zero.
func (b *bucketWriter) close(ctx context.Context) error {
	err := b.fill(ctx)
	if err == nil {
		err = b.w.Close(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, b.finish(ctx, true))
	}
	if err == nil {
		return b.finish(ctx, false)
	}
	return err
}

func (b *bucketWriter) fill(ctx context.Context) error {
	var hole int64
	for _, s := range b.missing {
		if hole += s.Size; hole > maxHole {
			return fmt.Errorf("more than %d bytes were never written: %w", maxHole, storage.ErrIncomplete)
		}
	}
	for _, s := range b.missing {
		if _, err := b.w.Write(ctx, s, io.LimitReader(zeros{}, s.Size)); err != nil {
			return err
		}
	}
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (b *bucketWriter) abort(ctx context.Context) (foolscap.Value, error) {
	return nil, b.finish(ctx, true)
}

// finish ends the watch of the connection, and forgets the share unless it is to stay.
func (b *bucketWriter) finish(ctx context.Context, forget bool) (err error) {
	b.finished.Do(func() {
		b.unwatch()
		if forget {
			err = b.w.Abort(ctx)
		}
	})
	return err
}

// lost forgets the share because its connection has gone.
func (b *bucketWriter) lost() {
	b.finished.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), abortGrace)
		defer cancel()
		_ = b.w.Abort(ctx) // a writer that cannot be aborted now is by its server later
	})
}
