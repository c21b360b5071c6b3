package rihelper

import (
	"context"
	"sync"

	"tahoe/internal/foolscap"
	"tahoe/lafs/immutable"
)

// maxAnswer is how much ciphertext one answer holds; who asks for more gets so much.
const maxAnswer = 1 << 20

// A reader is a file whose ciphertext a helper may read, until it is closed.
type reader struct {
	f immutable.Sealed

	mu      sync.Mutex
	closed  bool
	reading sync.WaitGroup
	most    int64 // what was read ends here
}

func (r *reader) RemoteInterface() string { return readerInterface }

func (r *reader) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodSize:
		return r.f.Size, nil
	case methodEncoding:
		e := r.f.Encoding
		return foolscap.Tuple{int64(e.Needed), int64(e.Happy), int64(e.Total), e.MaxSegment}, nil
	case methodRead:
		return r.bind(args)
	case methodClose:
		return nil, nil // it is the upload's to close
	}
	return nil, noMethod(readerInterface)
}

func (r *reader) bind(args foolscap.Args) (foolscap.Value, error) {
	values, err := args.Bind([]string{"offset", "length"})
	if err != nil {
		return nil, err
	}
	off, ok := values[0].(int64)
	n, ok2 := values[1].(int64)
	if !ok || !ok2 || off < 0 || n < 0 || off > r.f.Size {
		return nil, &foolscap.CallError{Type: violation, Message: "there is no such part of the file"}
	}
	n = min(n, r.f.Size-off, maxAnswer)
	return foolscap.Later(func(context.Context) (foolscap.Value, error) { return r.read(off, n) }), nil
}

func (r *reader) read(off, n int64) (foolscap.Value, error) {
	if !r.enter() {
		return nil, &foolscap.CallError{Type: failure, Message: "the upload is over"}
	}
	defer r.reading.Done()
	b := make([]byte, n)
	if _, err := r.f.Data.ReadAt(b, off); err != nil {
		return nil, &foolscap.CallError{Type: failure, Message: "the file could not be read"}
	}
	r.mu.Lock()
	r.most = max(r.most, off+n)
	r.mu.Unlock()
	return []foolscap.Value{b}, nil
}

func (r *reader) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.reading.Add(1)
	return true
}

// reached is how far the helper has read.
func (r *reader) reached() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

// close ends all reading, and waits for what is under way.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.reading.Wait()
}
