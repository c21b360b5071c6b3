package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"tahoe/storage"
)

// Run checks that the servers that open makes keep the promises of package storage. Each part gets a server of its own,
// which holds nothing yet, takes shares, and is done with when the part's testing.TB ends.
//
// A server that also has the method LeaseCount(storage.Index, storage.ShareNum) int has its leases counted.
func Run(t *testing.T, open func(t testing.TB) storage.Server) {
	t.Helper()
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			part.run(&suite{T: t, s: open(t)})
		})
	}
}

type part struct {
	name string
	run  func(*suite)
}

var parts = slices.Concat(immutableParts, writerParts, mutableParts, slotParts, otherParts)

// suite is one part of Run: a test and a server of its own, with the steps that parts are made of.
type suite struct {
	*testing.T
	s storage.Server
}

// index makes the index of the kth file of a part.
func index(k byte) storage.Index { return storage.Index{0: 0xa5, 7: k, 15: k ^ 0xff} }

func secret(k byte) storage.Secret { return storage.NewSecret([storage.SecretSize]byte{0: k, 31: 1}) }

func lease(k byte) storage.LeaseSecrets {
	return storage.LeaseSecrets{Renew: secret(k), Cancel: secret(k + 100)}
}

// pattern is n bytes that differ from their neighbours and between seeds.
func pattern(seed byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i*7+i>>8) ^ seed
	}
	return out
}

func (s *suite) must(err error, what string) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

func (s *suite) wantErr(err, want error, what string) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func (s *suite) allocate(i storage.Index, size int64, shares ...storage.ShareNum) storage.Allocated {
	s.Helper()
	got, err := s.s.Allocate(s.Context(), i, storage.Allocation{Shares: shares, Size: size, Lease: lease(1)})
	s.must(err, "allocating")
	return got
}

// writer allocates one share, which must be had.
func (s *suite) writer(i storage.Index, size int64, n storage.ShareNum) storage.Writer {
	s.Helper()
	w := s.allocate(i, size, n).Writers[n]
	if w == nil {
		s.Fatalf("allocating share %d: got no writer", n)
	}
	return w
}

func (s *suite) write(w storage.Writer, offset int64, data []byte) []storage.Span {
	s.Helper()
	missing, err := s.tryWrite(w, offset, data)
	s.must(err, fmt.Sprintf("writing %d bytes at %d", len(data), offset))
	return missing
}

func (s *suite) tryWrite(w storage.Writer, offset int64, data []byte) ([]storage.Span, error) {
	return w.Write(s.Context(), storage.Span{Offset: offset, Size: int64(len(data))}, bytes.NewReader(data))
}

// upload stores one whole share.
func (s *suite) upload(i storage.Index, n storage.ShareNum, data []byte) {
	s.Helper()
	w := s.writer(i, int64(len(data)), n)
	if missing := s.write(w, 0, data); len(missing) > 0 {
		s.Fatalf("after writing everything: %v is missing", missing)
	}
	s.must(w.Close(s.Context()), "closing")
}

func (s *suite) buckets(i storage.Index) map[storage.ShareNum]storage.Reader {
	s.Helper()
	got, err := s.s.Buckets(s.Context(), i)
	s.must(err, "listing buckets")
	return got
}

// wantShares checks which complete immutable shares there are.
func (s *suite) wantShares(i storage.Index, want ...storage.ShareNum) {
	s.Helper()
	if got := slices.Sorted(maps.Keys(s.buckets(i))); !slices.Equal(got, want) {
		s.Errorf("buckets: got shares %v, want %v", got, want)
	}
}

func (s *suite) read(r storage.Reader, offset, size int64) []byte {
	s.Helper()
	stream, err := r.Read(s.Context(), storage.Span{Offset: offset, Size: size})
	s.must(err, fmt.Sprintf("reading %d bytes at %d", size, offset))
	got, err := io.ReadAll(stream)
	s.must(err, "draining the stream")
	s.must(stream.Close(), "closing the stream")
	return got
}

// wantBytes compares without printing kilobytes.
func (s *suite) wantBytes(what string, got, want []byte) {
	s.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got)+len(want) <= 64 {
		s.Errorf("%s: got %q, want %q", what, got, want)
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	s.Errorf("%s: got %d bytes, want %d; they differ from %d on", what, len(got), len(want), at)
}

func (s *suite) wantSpans(got []storage.Span, want ...storage.Span) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("missing spans: got %v, want %v", got, want)
	}
}

// wantLeases checks how many leases a share has, on servers that say so.
func (s *suite) wantLeases(i storage.Index, n storage.ShareNum, want int) {
	s.Helper()
	if c, ok := s.s.(interface {
		LeaseCount(storage.Index, storage.ShareNum) int
	}); ok {
		if got := c.LeaseCount(i, n); got != want {
			s.Errorf("leases of share %d: got %d, want %d", n, got, want)
		}
	}
}
