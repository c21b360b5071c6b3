package ristorage_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"tahoe/internal/foolscap"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A raw client calls methods as an old one would.
type raw struct {
	*testing.T
	server *foolscap.Remote
}

func newRaw(t *testing.T, s *server) *raw {
	t.Helper()
	r, err := newTub(t).Connect(t.Context(), s.furl)
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t, r}
}

func (r *raw) call(o *foolscap.Remote, method string, args ...foolscap.Value) (foolscap.Value, error) {
	return o.Call(r.Context(), method, foolscap.Positional(args...))
}

func (r *raw) must(v foolscap.Value, err error) foolscap.Value {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return v
}

// writer allocates share 4.
func (r *raw) writer(size int64) *foolscap.Remote {
	r.Helper()
	v := r.must(r.call(r.server, "allocate_buckets", anIndex, aSecret, bSecret, foolscap.Set{int64(4)}, size, &scripted{}))
	writers := v.(tuple)[1].(dict)
	if len(writers) != 1 {
		r.Fatalf("got %v, want one writer", v)
	}
	w := writers[0].Value.(*foolscap.Remote)
	if w.Interface() != "RIBucketWriter" {
		r.Errorf("the writer's interface is %q", w.Interface())
	}
	return w
}

func content(t *testing.T, s storage.Server) []byte {
	t.Helper()
	all, err := s.Buckets(t.Context(), storage.Index{})
	if err != nil || all[4] == nil {
		t.Fatalf("got %v, %v, want share 4", all, err)
	}
	stream, err := all[4].Read(t.Context(), storage.Span{Size: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	b, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHoles: clients of former times leave holes in a share, which are zero; a share that is mostly missing is forgotten.
func TestHoles(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	r := newRaw(t, serve(t, mem))
	w := r.writer(3000)
	r.must(r.call(w, "write", int64(1000), bytes.Repeat([]byte("x"), 1000)))
	r.must(r.call(w, "close"))
	want := append(append(make([]byte, 1000), bytes.Repeat([]byte("x"), 1000)...), make([]byte, 1000)...)
	if got := content(t, mem); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, which are not what was written between zeros", len(got))
	}

	mem = storagetest.NewMem(storagetest.Config{})
	r = newRaw(t, serve(t, mem))
	w = r.writer(1 << 20)
	r.must(r.call(w, "write", int64(0), []byte("x")))
	_, err := r.call(w, "close")
	if e, ok := errors.AsType[*foolscap.RemoteError](err); !ok || e.Type != "builtins.AssertionError" {
		t.Errorf("closing a share that is missing: got %v", err)
	}
	if all, err := mem.Buckets(t.Context(), storage.Index{}); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v, want no share", all, err)
	}
	r.must(r.call(r.writer(10), "abort")) // the share is to be had again
}

// TestPipelinedWrites: calls that nobody waits for are done in their order, and the one that closes comes last.
func TestPipelinedWrites(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	r := newRaw(t, serve(t, mem))
	const pieces, size = 200, 1000
	w := r.writer(pieces * size)
	var want []byte
	for k := range pieces {
		data := bytes.Repeat([]byte{byte(k)}, size)
		want = append(want, data...)
		if err := w.CallOnly(t.Context(), "write", foolscap.Positional(int64(k*size), data)); err != nil {
			t.Fatal(err)
		}
	}
	r.must(r.call(w, "close"))
	if got := content(t, mem); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, which are not what was written", len(got))
	}
	r.must(r.call(w, "abort")) // does nothing any more
	if got := content(t, mem); !bytes.Equal(got, want) {
		t.Errorf("after abort: got %d bytes", len(got))
	}
}

func TestWriterRefusals(t *testing.T) {
	r := newRaw(t, serve(t, storagetest.NewMem(storagetest.Config{})))
	w := r.writer(10)
	r.must(r.call(w, "write", int64(0), []byte("0123456789")))
	for _, c := range []struct {
		name   string
		method string
		args   list
		want   string
	}{
		{"other bytes", "write", list{int64(0), []byte("x")}, "allmydata.interfaces.ConflictingWriteError"},
		{"past the end", "write", list{int64(5), []byte("567890")}, "allmydata.interfaces.DataTooLargeError"},
		{"negative offset", "write", list{int64(-1), []byte("x")}, violation},
		{"text", "write", list{int64(0), "0"}, violation},
		{"no such method", "read", list{int64(0), int64(1)}, violation},
	} {
		_, err := r.call(w, c.method, c.args...)
		if e, ok := errors.AsType[*foolscap.RemoteError](err); !ok || e.Type != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	r.must(r.call(w, "close"))
}

// TestReaders: an advice by a reader, and a read that is too long for one message.
func TestReaders(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	r := newRaw(t, serve(t, mem))
	const size = 17 << 20
	got, err := mem.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{4}, Size: size, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	w := got.Writers[4]
	if _, err := w.Write(t.Context(), storage.Span{Size: size}, bytes.NewReader(make([]byte, size))); err != nil || w.Close(t.Context()) != nil {
		t.Fatal(err)
	}
	readers := r.must(r.call(r.server, "get_buckets", anIndex)).(dict)
	reader := readers[0].Value.(*foolscap.Remote)
	if reader.Interface() != "RIBucketReader" {
		t.Errorf("the reader's interface is %q", reader.Interface())
	}
	if b := r.must(r.call(reader, "read", int64(size-5), int64(1<<31))).([]byte); len(b) != 5 {
		t.Errorf("reading over the end: got %d bytes, want 5", len(b))
	}
	if _, err = r.call(reader, "read", int64(0), int64(size)); err == nil {
		t.Error("reading 17 MiB at once: got no error")
	}
	r.must(r.call(reader, "advise_corrupt_share", []byte("bad hash")))
	if all := mem.Advisories(); len(all) != 1 || all[0].Reason != "bad hash" || all[0].Share != 4 || all[0].Kind != storage.KindImmutable {
		t.Errorf("advice: got %+v", all)
	}
}
