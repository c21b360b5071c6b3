package storagetest

import (
	"slices"
	"sync"
	"sync/atomic"

	"tahoe/storage"
)

var immutableParts = []part{
	{"nothing there", (*suite).nothingThere},
	{"write and read", (*suite).writeAndRead},
	{"already have", (*suite).alreadyHave},
	{"allocated twice", (*suite).allocatedTwice},
	{"malformed allocation", (*suite).malformedAllocation},
	{"does not fit", (*suite).doesNotFit},
	{"read spans", (*suite).readSpans},
	{"large share streamed", (*suite).largeShare},
	{"all share numbers", (*suite).allShareNumbers},
	{"indices are apart", (*suite).indicesApart},
	{"concurrent uploads", (*suite).concurrentUploads},
	{"allocation races", (*suite).allocationRaces},
}

func (s *suite) nothingThere() {
	s.wantShares(index(1))
	if n, err := s.s.Slot(s.Context(), index(1)); err != nil || len(n) != 0 {
		s.Errorf("slot of nothing: got %v, %v; want none", n, err)
	}
	got, err := s.s.ReadSlot(s.Context(), index(1), nil, []storage.Span{{Offset: 0, Size: 5}})
	if err != nil || len(got) != 0 {
		s.Errorf("reading a slot that is not there: got %v, %v; want nothing", got, err)
	}
	s.wantErr(s.s.AddLease(s.Context(), index(1), lease(1)), storage.ErrNotFound, "lease on nothing")
}

func (s *suite) writeAndRead() {
	data := pattern(1, 1000)
	w := s.writer(index(1), 1000, 3)
	s.wantShares(index(1))
	s.wantSpans(s.write(w, 0, data[:400]), storage.Span{Offset: 400, Size: 600})
	s.wantShares(index(1))
	s.wantSpans(s.write(w, 400, data[400:]))
	s.must(w.Close(s.Context()), "closing")
	s.must(w.Close(s.Context()), "closing again")
	s.must(w.Abort(s.Context()), "aborting what is closed")
	s.wantShares(index(1), 3)
	s.wantBytes("share", s.read(s.buckets(index(1))[3], 0, 1000), data)
	s.wantLeases(index(1), 3, 1)
}

func (s *suite) alreadyHave() {
	s.upload(index(1), 7, pattern(1, 100))
	s.upload(index(1), 2, pattern(2, 100))
	got := s.allocate(index(1), 100, 2, 4)
	if want := []storage.ShareNum{2, 7}; !slices.Equal(got.Have, want) {
		s.Errorf("have: got %v, want %v", got.Have, want)
	}
	if len(got.Writers) != 1 || got.Writers[4] == nil {
		s.Errorf("writers: got %d, want one for share 4", len(got.Writers))
	}
	s.wantLeases(index(1), 7, 1)
	_, err := s.s.Allocate(s.Context(), index(1), storage.Allocation{Size: 100, Lease: lease(9)})
	s.must(err, "allocating nothing")
	s.wantLeases(index(1), 7, 2)
	s.wantBytes("share with two leases", s.read(s.buckets(index(1))[7], 0, 200), pattern(1, 100))
}

func (s *suite) allocatedTwice() {
	w := s.writer(index(1), 10, 0)
	second := s.allocate(index(1), 10, 0, 1)
	if len(second.Have) != 0 || len(second.Writers) != 1 || second.Writers[1] == nil {
		s.Fatalf("allocating what another upload writes: got have %v and %d writers; want a writer for share 1 alone", second.Have, len(second.Writers))
	}
	s.write(w, 0, pattern(1, 10))
	s.must(w.Close(s.Context()), "closing")
	third := s.allocate(index(1), 10, 0)
	if !slices.Equal(third.Have, []storage.ShareNum{0}) || len(third.Writers) != 0 {
		s.Errorf("allocating what was written: got have %v and %d writers", third.Have, len(third.Writers))
	}
}

func (s *suite) malformedAllocation() {
	for _, c := range []struct {
		name string
		a    storage.Allocation
	}{
		{"negative size", storage.Allocation{Shares: []storage.ShareNum{0}, Size: -1}},
		{"negative share", storage.Allocation{Shares: []storage.ShareNum{-1}, Size: 1}},
		{"share 256", storage.Allocation{Shares: []storage.ShareNum{storage.MaxShares}, Size: 1}},
	} {
		c.a.Lease = lease(1)
		got, err := s.s.Allocate(s.Context(), index(1), c.a)
		s.wantErr(err, storage.ErrMalformed, c.name)
		if len(got.Writers) != 0 {
			s.Errorf("%s: got writers", c.name)
		}
	}
}

func (s *suite) doesNotFit() {
	v, err := s.s.Version(s.Context())
	s.must(err, "asking for the version")
	if v.MaxImmutableShare >= 1<<62 {
		s.Skip("this server has no limit")
	}
	got := s.allocate(index(1), int64(v.MaxImmutableShare)+1<<40, 0)
	if len(got.Writers) != 0 || len(got.Have) != 0 {
		s.Errorf("allocating more than the server has: got have %v and %d writers, want neither", got.Have, len(got.Writers))
	}
}

func (s *suite) readSpans() {
	data := pattern(5, 300)
	s.upload(index(1), 0, data)
	r := s.buckets(index(1))[0]
	for _, c := range []struct {
		name         string
		offset, size int64
		want         []byte
	}{
		{"all", 0, 300, data},
		{"middle", 100, 50, data[100:150]},
		{"first byte", 0, 1, data[:1]},
		{"last byte", 299, 1, data[299:]},
		{"over the end", 290, 100, data[290:]},
		{"far over the end", 0, 1 << 40, data},
		{"from the end", 300, 10, nil},
		{"behind the end", 1000, 10, nil},
		{"nothing", 10, 0, nil},
	} {
		s.wantBytes(c.name, s.read(r, c.offset, c.size), c.want)
	}
	for _, bad := range []storage.Span{{Offset: -1, Size: 2}, {Offset: 0, Size: -1}} {
		if stream, err := r.Read(s.Context(), bad); err == nil {
			_ = stream.Close()
			s.Errorf("reading %v: got no error", bad)
		}
	}
	stream, err := r.Read(s.Context(), storage.Span{Offset: 0, Size: 300})
	s.must(err, "opening a stream")
	s.must(stream.Close(), "closing a stream that was not drained")
}

func (s *suite) largeShare() {
	const size = 3<<20 + 17
	data := pattern(8, size)
	w := s.writer(index(1), size, 0)
	s.wantSpans(s.write(w, 0, data[:2<<20+5]), storage.Span{Offset: 2<<20 + 5, Size: size - 2<<20 - 5})
	s.wantSpans(s.write(w, 2<<20+5, data[2<<20+5:]))
	s.must(w.Close(s.Context()), "closing")
	r := s.buckets(index(1))[0]
	s.wantBytes("whole share", s.read(r, 0, size), data)
	s.wantBytes("its end", s.read(r, size-1<<20, 1<<21), data[size-1<<20:])
}

func (s *suite) allShareNumbers() {
	want := []storage.ShareNum{0, 1, 9, 10, 99, 100, 255}
	got := s.allocate(index(1), 3, want...)
	for _, n := range want {
		w := got.Writers[n]
		if w == nil {
			s.Fatalf("share %d: got no writer", n)
		}
		s.write(w, 0, []byte{byte(n), 1, 2})
		s.must(w.Close(s.Context()), "closing")
	}
	s.wantShares(index(1), want...)
	for n, r := range s.buckets(index(1)) {
		s.wantBytes("share", s.read(r, 0, 3), []byte{byte(n), 1, 2})
	}
}

func (s *suite) indicesApart() {
	s.upload(index(1), 0, pattern(1, 20))
	s.upload(index(2), 0, pattern(2, 30))
	s.wantBytes("first", s.read(s.buckets(index(1))[0], 0, 100), pattern(1, 20))
	s.wantBytes("second", s.read(s.buckets(index(2))[0], 0, 100), pattern(2, 30))
	s.wantShares(index(3))
}

func (s *suite) concurrentUploads() {
	got := s.allocate(index(1), 70000, 0, 1, 2, 3, 4, 5)
	var wg sync.WaitGroup
	for n, w := range got.Writers {
		wg.Go(func() {
			data := pattern(byte(n), 70000)
			for at := 0; at < len(data); at += 10000 {
				if _, err := s.tryWrite(w, int64(at), data[at:at+10000]); err != nil {
					s.Errorf("share %d: writing: %v", n, err)
				}
			}
			if err := w.Close(s.Context()); err != nil {
				s.Errorf("share %d: closing: %v", n, err)
			}
			if _, err := s.s.Buckets(s.Context(), index(1)); err != nil {
				s.Errorf("listing meanwhile: %v", err)
			}
		})
	}
	wg.Wait()
	for n, r := range s.buckets(index(1)) {
		s.wantBytes("share", s.read(r, 0, 70000), pattern(byte(n), 70000))
	}
	s.wantShares(index(1), 0, 1, 2, 3, 4, 5)
}

// allocationRaces lets uploads of the same share race: one of them gets the writer.
func (s *suite) allocationRaces() {
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := s.s.Allocate(s.Context(), index(1), storage.Allocation{Shares: []storage.ShareNum{4}, Size: 10, Lease: lease(1)})
			if err != nil {
				s.Errorf("allocating: %v", err)
			}
			won.Add(int32(len(got.Writers)))
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		s.Errorf("eight uploads of one share: %d got a writer, want one", won.Load())
	}
}
