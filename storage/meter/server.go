package meter

import (
	"context"
	"io"
	"sync"

	"tahoe/storage"
)

// Server is s, counted and timed.
func (m *Meter) Server(s storage.Server) storage.Server { return server{s, m} }

type server struct {
	storage.Server
	m *Meter
}

func (s server) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	defer s.m.begin(Allocate)()
	out, err := s.Server.Allocate(ctx, i, a)
	for n, w := range out.Writers {
		out.Writers[n] = writer{w, s.m}
	}
	return out, err
}

func (s server) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	defer s.m.begin(Get)()
	out, err := s.Server.Buckets(ctx, i)
	for n, r := range out {
		out[n] = reader{r, s.m}
	}
	return out, err
}

func (s server) Slot(ctx context.Context, i storage.Index) ([]storage.ShareNum, error) {
	defer s.m.begin(ReadV)()
	return s.Server.Slot(ctx, i)
}

func (s server) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, v []storage.Span) (map[storage.ShareNum][][]byte, error) {
	defer s.m.begin(ReadV)()
	return s.Server.ReadSlot(ctx, i, shares, v)
}

func (s server) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	defer s.m.begin(WriteV)()
	out, err := s.Server.TestAndWrite(ctx, i, w)
	if err == nil && out.Wrote {
		for _, sw := range w.Shares {
			for _, v := range sw.Writes {
				s.m.bytes.Add(v.Data.Size())
			}
		}
	}
	return out, err
}

func (s server) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	defer s.m.begin(AddLease)()
	return s.Server.AddLease(ctx, i, l)
}

type writer struct {
	storage.Writer
	m *Meter
}

func (w writer) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	defer w.m.begin(Write)()
	missing, err := w.Writer.Write(ctx, s, r)
	if err == nil {
		w.m.bytes.Add(s.Size)
	}
	return missing, err
}

func (w writer) Close(ctx context.Context) error {
	defer w.m.begin(Close)()
	return w.Writer.Close(ctx)
}

func (w writer) Abort(ctx context.Context) error {
	defer w.m.begin(Abort)()
	return w.Writer.Abort(ctx)
}

type reader struct {
	storage.Reader
	m *Meter
}

// Read is timed until the stream is open. How fast it flows is the line's business; but somebody is being served until it is closed.
func (r reader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	defer r.m.begin(Read)()
	inner, err := r.Reader.Read(ctx, s)
	if err != nil {
		return nil, err
	}
	r.m.active.Add(1)
	return &stream{ReadCloser: inner, m: r.m}, nil
}

type stream struct {
	io.ReadCloser
	m    *Meter
	once sync.Once
}

// WriteTo hands on to what the stream can do by itself.
func (s *stream) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, s.ReadCloser) }

func (s *stream) Close() error {
	s.once.Do(func() { s.m.active.Add(-1) })
	return s.ReadCloser.Close()
}
