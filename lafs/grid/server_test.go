package grid_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func announce(id string) grid.Announcement {
	return grid.Announcement{ID: grid.ServerID(id), FURL: furl, NURLs: []string{nurl}}
}

func server(t testing.TB, id string, s storage.Server) *grid.Server {
	t.Helper()
	a := announce(id)
	a.Seed = []byte(id)
	out, err := grid.NewServer(a, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func names(servers []*grid.Server) string {
	var b strings.Builder
	for _, s := range servers {
		b.WriteString(string(s.ID()))
	}
	return b.String()
}

// TestPermutedOrder compares with orders made by another program: the format depends on them.
func TestPermutedOrder(t *testing.T) {
	var servers []*grid.Server
	for _, id := range []string{"0", "1", "2", "3", "4"} {
		servers = append(servers, server(t, id, nil))
	}
	f := grid.Fixed(servers...)
	tests := []struct {
		name  string
		index storage.Index
		want  string
	}{
		{"counting", storage.Index{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, "34120"},
		{"all ones", storage.Index(bytes.Repeat([]byte{255}, 16)), "02413"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the order of before is not the input of the next
				if got := names(f.Permuted(test.index)); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
		})
	}
	if got := grid.Fixed().Permuted(storage.Index{}); len(got) != 0 {
		t.Errorf("of no servers: got %v, want none", got)
	}
}

// TestStorageConforms: a server's storage keeps the contract of what it wraps.
func TestStorageConforms(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storage.Server {
		return server(t, "s", storagetest.NewMem(storagetest.Config{})).Storage()
	})
}

func TestServerTells(t *testing.T) {
	s := server(t, "attic", storagetest.NewMem(storagetest.Config{Capacity: 1000}))
	id := s.TubID()
	if !bytes.Equal(id[:], decode(t, tub)) || string(s.Seed()) != "attic" || s.Name() != "attic" {
		t.Errorf("got tub %x, seed %q, name %q", id, s.Seed(), s.Name())
	}
	if got := s.Status(); got.State != grid.Connected || !got.LastSeen.IsZero() || got.TubID != tub {
		t.Errorf("status at first: got %+v", got)
	}
	if got := s.Version().MaxImmutableShare; got < 1<<62 {
		t.Errorf("largest share before it was asked: got %d, want no limit", got)
	}
	v, err := s.Storage().Version(t.Context())
	if err != nil || s.Version() != v || v.Available != 1000 {
		t.Errorf("got %+v, then %+v, %v; want the same, 1000 available", v, s.Version(), err)
	}
	if s.Status().LastSeen.IsZero() {
		t.Error("an answer was not seen")
	}
	if _, err := grid.NewServer(grid.Announcement{ID: "x"}, nil); err == nil || !strings.Contains(err.Error(), "announcement of server x") {
		t.Errorf("without a FURL: got %v", err)
	}
}

var one = storage.Index{1}

// stored is a server with share 0 of one, of so many bytes, behind faults.
func stored(t *testing.T, size int64) (*grid.Server, *storagetest.Faulty) {
	t.Helper()
	f := storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}))
	s := server(t, "attic", f)
	out, err := s.Storage().Allocate(t.Context(), one, storage.Allocation{Shares: []storage.ShareNum{0}, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	w := out.Writers[0]
	if _, err := w.Write(t.Context(), storage.Span{Size: size}, bytes.NewReader(make([]byte, size))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, f
}

func TestErrorsNameServerAndOperation(t *testing.T) {
	broken := errors.New("connection reset")
	ctx := t.Context()
	tests := []struct {
		op   storagetest.Op
		want string
		call func(s storage.Server) error
	}{
		{storagetest.OpVersion, "version", func(s storage.Server) error { _, err := s.Version(ctx); return err }},
		{storagetest.OpAllocate, "allocate shares", func(s storage.Server) error {
			_, err := s.Allocate(ctx, one, storage.Allocation{})
			return err
		}},
		{storagetest.OpBuckets, "list shares", func(s storage.Server) error { _, err := s.Buckets(ctx, one); return err }},
		{storagetest.OpSlot, "list mutable shares", func(s storage.Server) error { _, err := s.Slot(ctx, one); return err }},
		{storagetest.OpReadSlot, "read mutable shares", func(s storage.Server) error { _, err := s.ReadSlot(ctx, one, nil, nil); return err }},
		{storagetest.OpTestAndWrite, "write mutable shares", func(s storage.Server) error {
			_, err := s.TestAndWrite(ctx, one, storage.SlotWrite{})
			return err
		}},
		{storagetest.OpAddLease, "add lease", func(s storage.Server) error { return s.AddLease(ctx, one, storage.LeaseSecrets{}) }},
		{storagetest.OpAdvise, "advise of a corrupt share", func(s storage.Server) error { return s.AdviseCorrupt(ctx, storage.Corruption{}) }},
		{storagetest.OpRead, "read share", func(s storage.Server) error {
			b, err := s.Buckets(ctx, one)
			if err != nil {
				return err
			}
			_, err = b[0].Read(ctx, storage.Span{Size: 1})
			return err
		}},
	}
	for _, test := range tests {
		t.Run(string(test.op), func(t *testing.T) {
			s, f := stored(t, 10)
			f.Add(storagetest.FailAll(test.op, broken))
			err := test.call(s.Storage())
			se, ok := errors.AsType[*grid.ServerError](err)
			if !ok || se.Server != "attic" || se.Op != test.want || !errors.Is(err, broken) {
				t.Fatalf("got %#v, want server attic, operation %q", err, test.want)
			}
			if got, want := err.Error(), "server attic: "+test.want+": connection reset"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestStreamThatBreaksNamesItsServer(t *testing.T) {
	s, f := stored(t, 1000)
	f.Add(storagetest.VanishReading(0, 100))
	b, err := s.Storage().Buckets(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	body, err := b[0].Read(t.Context(), storage.Span{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	n, err := io.Copy(io.Discard, body)
	if se, ok := errors.AsType[*grid.ServerError](err); !ok || se.Op != "read share" || n != 100 {
		t.Errorf("got %d bytes, %v; want 100 and a ServerError", n, err)
	}
}

func TestCallersOwnErrorsAreNotTheServers(t *testing.T) {
	mine := errors.New("source broke")
	s := server(t, "attic", storagetest.NewMem(storagetest.Config{}))
	out, err := s.Storage().Allocate(t.Context(), one, storage.Allocation{Shares: []storage.ShareNum{0}, Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	_, err = out.Writers[0].Write(t.Context(), storage.Span{Size: 10}, io.MultiReader(strings.NewReader("abc"), failingReader{mine}))
	if !errors.Is(err, mine) {
		t.Errorf("source: got %v, want %v", err, mine)
	}
	if _, blamed := errors.AsType[*grid.ServerError](err); blamed {
		t.Errorf("source: the server is blamed: %v", err)
	}
	if err := out.Writers[0].Abort(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(mine)
	_, err = s.Storage().Version(ctx)
	if _, blamed := errors.AsType[*grid.ServerError](err); blamed || err == nil {
		t.Errorf("canceled: got %v, want the caller's own", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// TestDeadlineNamesTheServer: a caller's deadline says that the server was too slow.
func TestDeadlineNamesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, "attic", storagetest.NewFaulty(storagetest.NewMem(storagetest.Config{}), storagetest.HangAll(storagetest.OpVersion)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Storage().Version(ctx)
		if _, ok := errors.AsType[*grid.ServerError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a ServerError with the deadline", err)
		}
	})
}

func BenchmarkPermuted(b *testing.B) {
	var servers []*grid.Server
	for i := range 100 {
		servers = append(servers, server(b, string(rune('a'+i)), nil))
	}
	f := grid.Fixed(servers...)
	b.ReportAllocs()
	for b.Loop() {
		if got := f.Permuted(one); len(got) != 100 {
			b.Fatal(len(got))
		}
	}
}

// zeros is a share without end.
type zeros struct{ storage.Server }

func (zeros) Buckets(context.Context, storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	return map[storage.ShareNum]storage.Reader{0: zeroReader{}}, nil
}

type zeroReader struct{}

func (zeroReader) Read(context.Context, storage.Span) (io.ReadCloser, error) {
	return io.NopCloser(zeroStream{}), nil
}

type zeroStream struct{}

func (zeroStream) Read(p []byte) (int, error) { return len(p), nil }

// BenchmarkStream is what guarding a stream costs for each 32 KiB of a share.
func BenchmarkStream(b *testing.B) {
	buckets, err := server(b, "s", zeros{}).Storage().Buckets(b.Context(), one)
	if err != nil {
		b.Fatal(err)
	}
	body, err := buckets[0].Read(b.Context(), storage.Span{Size: 1 << 60})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	p := make([]byte, 32<<10)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := body.Read(p); err != nil {
			b.Fatal(err)
		}
	}
}
