package ristorage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tahoe/internal/foolscap"
	"tahoe/storage"
	"tahoe/storage/ristorage"
	"tahoe/storage/storagetest"
)

func secret(c byte) storage.Secret {
	return storage.NewSecret([storage.SecretSize]byte(bytes.Repeat([]byte{c}, storage.SecretSize)))
}

var lease = storage.LeaseSecrets{Renew: secret('r'), Cancel: secret('c')}

// allocate gets a writer for share 0 of the index of zeros.
func allocate(t *testing.T, c storage.Server, size int64) storage.Writer {
	t.Helper()
	got, err := c.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: size, Lease: lease})
	if err != nil || got.Writers[0] == nil {
		t.Fatalf("allocating: got %+v, %v", got, err)
	}
	return got.Writers[0]
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 500 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not within five seconds", what)
}

// TestLostConnection: shares that were being written go with the connection, and the client makes a new one.
func TestLostConnection(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	s := serve(t, mem)
	lost := make(chan error, 10)
	c := connect(t, s, ristorage.ClientConfig{OnDisconnect: func(err error) { lost <- err }})
	w := allocate(t, c, 100)
	if _, err := w.Write(t.Context(), storage.Span{Size: 50}, bytes.NewReader(make([]byte, 50))); err != nil {
		t.Fatal(err)
	}
	if got, err := mem.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: 100}); err != nil || len(got.Writers) != 0 {
		t.Fatalf("a share that is being written: got %d writers, %v", len(got.Writers), err)
	}
	s.cut()
	if err := <-lost; err == nil {
		t.Error("the connection was lost without a reason")
	}
	eventually(t, "the share is forgotten", func() bool {
		got, err := mem.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range got.Writers {
			_ = w.Abort(t.Context())
		}
		return len(got.Writers) == 1
	})
	if _, err := w.Write(t.Context(), storage.Span{Offset: 50, Size: 50}, bytes.NewReader(make([]byte, 50))); err == nil {
		t.Error("a writer whose connection has gone: got no error")
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Errorf("aborting what is forgotten: %v", err)
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Errorf("over a new connection: %v", err)
	}
	w = allocate(t, c, 1)
	if _, err := w.Write(t.Context(), storage.Span{Size: 1}, strings.NewReader("x")); err != nil || w.Close(t.Context()) != nil {
		t.Errorf("over a new connection: %v", err)
	}
	s.cut()
	if <-lost == nil {
		t.Error("the second connection was lost without a reason")
	}
}

// TestClosedClient: Close ends calls under way, and its callers hear no more of the connection.
func TestClosedClient(t *testing.T) {
	s := serve(t, storagetest.NewMem(storagetest.Config{}))
	c := connect(t, s, ristorage.ClientConfig{OnDisconnect: func(err error) { t.Errorf("told of the end of the connection: %v", err) }})
	w := allocate(t, c, 100)
	r, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := w.Write(t.Context(), storage.Span{Size: 100}, r)
		_ = r.Close()
		done <- err
	}()
	_, _ = feed.Write(make([]byte, 10))
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	_, _ = feed.Write(make([]byte, 90))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "closed") || errors.Is(err, context.Canceled) {
		t.Errorf("write under way: got %v, want that the client is closed, and not its caller's context ended", err)
	}
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed client: got %v", err)
	}
	s.cut()
}

// TestServerGone: an error says what was done, where, and nothing secret.
func TestServerGone(t *testing.T) {
	furl := "pb://" + strings.Repeat("a", 32) + "@tcp:127.0.0.1:1/" + swissnum
	c, err := ristorage.NewClient(newTub(t), furl, ristorage.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Version(t.Context())
	if err == nil || !strings.Contains(err.Error(), "asking for the version at server 127.0.0.1:1: ") {
		t.Errorf("got %v", err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, err) + fmt.Sprintf(format, c); strings.Contains(s, swissnum) {
			t.Errorf("%s: the swissnum is printed: %s", format, s)
		}
	}
	if _, err := ristorage.NewClient(newTub(t), "pb://nonsense", ristorage.ClientConfig{}); !errors.Is(err, foolscap.ErrMalformed) {
		t.Errorf("no FURL: got %v", err)
	}
}

// refusing is a server that fails in one way.
type refusing struct {
	storage.Server
	err error
}

func (r refusing) AddLease(context.Context, storage.Index, storage.LeaseSecrets) error {
	return fmt.Errorf("adding lease: %w", r.err)
}

func TestErrorsCrossTheWire(t *testing.T) {
	all := []error{
		storage.ErrConflict, storage.ErrBadSecret, storage.ErrNoSpace, storage.ErrRange, storage.ErrTooLarge, storage.ErrMalformed,
		storage.ErrIncomplete,
	}
	for _, want := range all {
		t.Run(want.Error(), func(t *testing.T) {
			err := connect(t, serve(t, refusing{err: want}), ristorage.ClientConfig{}).AddLease(t.Context(), storage.Index{}, lease)
			for _, other := range all {
				if got := errors.Is(err, other); got != (other == want) {
					t.Errorf("got %v, which is %q: %v", err, other, got)
				}
			}
		})
	}
	err := connect(t, serve(t, refusing{err: errors.New("disk on fire in /secret/place")}), ristorage.ClientConfig{}).AddLease(t.Context(), storage.Index{}, lease)
	if refused, ok := errors.AsType[*foolscap.RemoteError](err); !ok || strings.Contains(err.Error(), "fire") {
		t.Errorf("got %v (%v), want a failure without the server's inner error", err, refused)
	}
	err = connect(t, serve(t, refusing{err: storage.ErrReadOnly}), ristorage.ClientConfig{}).AddLease(t.Context(), storage.Index{}, lease)
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("read-only: got %v, want %v", err, storage.ErrNoSpace)
	}
}

// scripted answers each method with a value or an error.
type scripted map[string]foolscap.Value

func (s *scripted) RemoteInterface() string { return "RIStorageServer.tahoe.allmydata.com" }

func (s *scripted) Call(_ context.Context, method string, _ foolscap.Args) (foolscap.Value, error) {
	if err, ok := (*s)[method].(error); ok {
		return nil, err
	}
	return (*s)[method], nil
}

// TestBadAnswers: an answer that does not follow the protocol is an error, and none of those that callers branch on.
func TestBadAnswers(t *testing.T) {
	ctx := t.Context()
	version := func(c storage.Server) error { _, err := c.Version(ctx); return err }
	allocate := func(c storage.Server) error {
		_, err := c.Allocate(ctx, storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{1}, Size: 1})
		return err
	}
	buckets := func(c storage.Server) error { _, err := c.Buckets(ctx, storage.Index{}); return err }
	spans := []storage.Span{{Size: 3}}
	slot := func(c storage.Server) error { _, err := c.ReadSlot(ctx, storage.Index{}, nil, spans); return err }
	change := func(c storage.Server) error {
		_, err := c.TestAndWrite(ctx, storage.Index{}, storage.SlotWrite{Reads: spans})
		return err
	}
	read := func(c storage.Server) error {
		all, err := c.Buckets(ctx, storage.Index{})
		if err != nil {
			return err
		}
		_, err = all[0].Read(ctx, spans[0])
		return err
	}
	reader := &scripted{"read": []byte("more than was asked for")}
	for _, c := range []struct {
		name   string
		method string
		answer foolscap.Value
		call   func(c storage.Server) error
	}{
		{"version is no dictionary", "get_version", list{}, version},
		{"version of text", "get_version", dict{{Key: []byte("application-version"), Value: "text"}}, version},
		{"negative size", "get_version", dict{{Key: []byte("http://allmydata.org/tahoe/protocols/storage/v1"),
			Value: dict{{Key: []byte("available-space"), Value: int64(-1)}}}}, version},
		{"nothing allocated", "allocate_buckets", nil, allocate},
		{"writers in a list", "allocate_buckets", tuple{noShares, list{}}, allocate},
		{"no writer", "allocate_buckets", tuple{noShares, dict{{Key: int64(1), Value: nil}}}, allocate},
		{"share that was not asked for", "allocate_buckets", tuple{noShares, dict{{Key: int64(2), Value: reader}}}, allocate},
		{"held share 256", "allocate_buckets", tuple{foolscap.Set{int64(256)}, dict{}}, allocate},
		{"no reader", "get_buckets", dict{{Key: int64(1), Value: int64(5)}}, buckets},
		{"reader of share -1", "get_buckets", dict{{Key: int64(-1), Value: reader}}, buckets},
		{"reader of a huge share", "get_buckets", dict{{Key: new(big.Int).Lsh(big.NewInt(1), 70), Value: reader}}, buckets},
		{"read too much", "get_buckets", dict{{Key: int64(0), Value: reader}}, read},
		{"slot is a list", "slot_readv", list{}, slot},
		{"no values", "slot_readv", dict{{Key: int64(1), Value: list{}}}, slot},
		{"value too long", "slot_readv", dict{{Key: int64(1), Value: list{[]byte("four")}}}, slot},
		{"value of text", "slot_readv", dict{{Key: int64(1), Value: list{"one"}}}, slot},
		{"result without data", "slot_testv_and_readv_and_writev", tuple{true}, change},
		{"result is a number", "slot_testv_and_readv_and_writev", tuple{int64(1), dict{}}, change},
		{"too many values", "slot_testv_and_readv_and_writev", tuple{true, dict{{Key: int64(1), Value: list{[]byte{}, []byte{}}}}}, change},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(t, serveObject(t, &scripted{c.method: c.answer}), ristorage.ClientConfig{})
			err := c.call(client)
			if err == nil || !strings.Contains(err.Error(), "answer not understood") || !strings.Contains(err.Error(), "at server 127.0.0.1:") {
				t.Errorf("got %v, want that the answer was not understood, and whose", err)
			}
			if errors.Is(err, storage.ErrMalformed) || errors.Is(err, storage.ErrNotFound) {
				t.Errorf("got %v, which seems to be the caller's fault", err)
			}
		})
	}
}

// TestOldServer: what a server of former times leaves out has the meaning that it had then.
func TestOldServer(t *testing.T) {
	c := connect(t, serveObject(t, &scripted{"get_version": dict{}}), ristorage.ClientConfig{})
	v, err := c.Version(t.Context())
	if err != nil || v.MaxImmutableShare != 1<<32-1 || v.Available == 0 || v.Application == "" {
		t.Errorf("got %+v, %v", v, err)
	}
}

// TestOtherKind: the original fails when it is asked for shares of one kind and has those of the other.
func TestOtherKind(t *testing.T) {
	const prefix = "allmydata.storage.common.Unknown"
	c := connect(t, serveObject(t, &scripted{
		"get_buckets": &foolscap.CallError{Type: prefix + "ImmutableContainerVersionError"},
		"slot_readv":  &foolscap.CallError{Type: prefix + "MutableContainerVersionError"},
	}), ristorage.ClientConfig{})
	if got, err := c.Buckets(t.Context(), storage.Index{}); err != nil || len(got) != 0 {
		t.Errorf("buckets: got %v, %v; want none", got, err)
	}
	if got, err := c.Slot(t.Context(), storage.Index{}); err != nil || len(got) != 0 {
		t.Errorf("slot: got %v, %v; want none", got, err)
	}
}

// TestLongSlot: a span that is longer than a message is read in pieces, of each share as far as it goes.
func TestLongSlot(t *testing.T) {
	c := connect(t, serve(t, storagetest.NewMem(storagetest.Config{})), ristorage.ClientConfig{})
	long, short := bytes.Repeat([]byte("0123456789abcde"), 100_000), []byte("short")
	write := func(b []byte) storage.ShareWrite {
		return storage.ShareWrite{Writes: []storage.Write{{Data: bytes.NewReader(b)}}}
	}
	if _, err := c.TestAndWrite(t.Context(), storage.Index{}, storage.SlotWrite{
		WriteEnabler: secret('w'), Lease: lease, Shares: map[storage.ShareNum]storage.ShareWrite{1: write(long), 2: write(short), 3: write(nil)},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := c.ReadSlot(t.Context(), storage.Index{}, nil, []storage.Span{{Size: 1 << 40}, {Offset: 2, Size: 2}, {Offset: 1, Size: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[storage.ShareNum][]byte{1: long, 2: short, 3: nil} {
		upTo := func(from, to int) []byte { return want[min(from, len(want)):min(to, len(want))] }
		if len(got[n]) != 3 || !bytes.Equal(got[n][0], want) || !bytes.Equal(got[n][1], upTo(2, 4)) || !bytes.Equal(got[n][2], upTo(1, 1+1<<20)) {
			t.Errorf("share %d: got %d values, which are not what was written", n, len(got[n]))
		}
	}
	if got, err := c.ReadSlot(t.Context(), storage.Index{}, []storage.ShareNum{}, []storage.Span{{Size: 1}}); err != nil || len(got) != 0 {
		t.Errorf("reading none of the shares: got %v, %v", got, err)
	}
}

// huge is data that nobody should take memory for.
type huge struct{}

func (huge) Size() int64                           { return 1 << 40 }
func (huge) ReadAt(b []byte, _ int64) (int, error) { return len(b), nil }

func TestHugeChange(t *testing.T) {
	c := connect(t, serve(t, storagetest.NewMem(storagetest.Config{})), ristorage.ClientConfig{})
	_, err := c.TestAndWrite(t.Context(), storage.Index{}, storage.SlotWrite{
		Shares: map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{{Data: huge{}}}}},
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, storage.ErrTooLarge)
	}
}

// TestWriterStreams: a share is sent while it is read, not gathered first.
func TestWriterStreams(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	c := connect(t, serve(t, mem), ristorage.ClientConfig{})
	const size = 5 << 20
	w := allocate(t, c, size)
	data := bytes.Repeat([]byte("share data "), size/11+1)[:size]
	if missing, err := w.Write(t.Context(), storage.Span{Size: size}, iotest.HalfReader(bytes.NewReader(data))); err != nil || len(missing) != 0 {
		t.Fatalf("got %v, %v", missing, err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := c.Buckets(t.Context(), storage.Index{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := all[0].Read(t.Context(), storage.Span{Offset: 1, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(iotest.OneByteReader(io.LimitReader(stream, 1000)))
	rest, err2 := io.ReadAll(stream)
	if err != nil || err2 != nil || !bytes.Equal(append(got, rest...), data[1:]) {
		t.Errorf("got %d bytes, %v, %v; want the %d that were written", len(got)+len(rest), err, err2, size-1)
	}
	_ = stream.Close()
	if _, err := stream.Read(make([]byte, 1)); err == nil {
		t.Error("reading a closed stream: got no error")
	}
}
