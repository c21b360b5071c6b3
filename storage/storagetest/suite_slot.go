package storagetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"tahoe/storage"
)

var slotParts = []part{
	{"large data from a section", (*suite).largeData},
	{"malformed slot write", (*suite).malformedSlotWrite},
	{"data that fails", (*suite).dataThatFails},
	{"concurrent increments", (*suite).concurrentIncrements},
}

var otherParts = []part{
	{"leases", (*suite).leases},
	{"advisories", (*suite).advisories},
	{"version", (*suite).version},
}

func (s *suite) largeData() {
	const size = 2<<20 + 11
	data := pattern(4, size+100)
	section := io.NewSectionReader(bytes.NewReader(data), 50, size)
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{{Offset: 3, Data: section}}})
	got, err := s.s.ReadSlot(s.Context(), index(1), nil, []storage.Span{{Offset: 3, Size: size}, {Offset: 0, Size: 3}, {Offset: size, Size: 100}})
	s.must(err, "reading")
	if len(got[0]) != 3 {
		s.Fatalf("got %d values, want 3", len(got[0]))
	}
	s.wantBytes("data", got[0][0], data[50:50+size])
	s.wantBytes("hole", got[0][1], make([]byte, 3))
	s.wantBytes("end", got[0][2], data[50+size-3:50+size])
}

func (s *suite) malformedSlotWrite() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "kept")}})
	for _, c := range []struct {
		name  string
		share storage.ShareNum
		w     storage.ShareWrite
	}{
		{"share 256", storage.MaxShares, storage.ShareWrite{Writes: []storage.Write{at(0, "x")}}},
		{"share -1", -1, storage.ShareWrite{Writes: []storage.Write{at(0, "x")}}},
		{"negative offset", 0, storage.ShareWrite{Writes: []storage.Write{at(-1, "x")}}},
		{"negative length", 0, storage.ShareWrite{NewLength: new(int64(-1))}},
		{"negative test", 0, storage.ShareWrite{Tests: []storage.Test{{Offset: -1, Size: 1}}}},
		{"endless share", 0, storage.ShareWrite{Writes: []storage.Write{at(1<<62, "x")}}},
	} {
		_, err := s.s.TestAndWrite(s.Context(), index(1), storage.SlotWrite{
			WriteEnabler: secret(50), Lease: lease(1), Shares: map[storage.ShareNum]storage.ShareWrite{c.share: c.w},
		})
		if err == nil {
			s.Errorf("%s: got no error", c.name)
		}
	}
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "kept"})
}

// broken is Data that cannot be read to its end.
type broken struct{}

func (broken) Size() int64 { return 1 << 20 }

func (broken) ReadAt(b []byte, off int64) (int, error) {
	if off > 1<<19 {
		return 0, fmt.Errorf("broken data")
	}
	return len(b), nil
}

// dataThatFails: no share of the slot changes when the data of one cannot be read.
func (s *suite) dataThatFails() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "kept")}})
	s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "kept too")}})
	_, err := s.s.TestAndWrite(s.Context(), index(1), storage.SlotWrite{
		WriteEnabler: secret(50), Lease: lease(1),
		Shares: map[storage.ShareNum]storage.ShareWrite{
			0: {Writes: []storage.Write{at(0, "x")}},
			1: {Writes: []storage.Write{{Offset: 2, Data: broken{}}}},
			2: {Writes: []storage.Write{at(0, "x")}},
		},
	})
	if err == nil {
		s.Errorf("writing data that cannot be read: got no error")
	}
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "kept", 1: "kept too"})
}

// concurrentIncrements lets eight writers count one share up, each with test-and-write.
func (s *suite) concurrentIncrements() {
	const writers, rounds = 8, 5
	number := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, number(0))}})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				if err := s.increment(index(1), number); err != nil {
					s.Errorf("counting: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.wantSlot(index(1), map[storage.ShareNum]string{0: number(writers * rounds)})
}

func (s *suite) increment(i storage.Index, number func(uint64) string) error {
	w := storage.SlotWrite{WriteEnabler: secret(50), Lease: lease(1), Reads: []storage.Span{{Offset: 0, Size: 8}}}
	var seen uint64
	for {
		w.Shares = map[storage.ShareNum]storage.ShareWrite{0: {
			Tests:  []storage.Test{is(0, number(seen))},
			Writes: []storage.Write{at(0, number(seen+1))},
		}}
		got, err := s.s.TestAndWrite(s.Context(), i, w)
		if err != nil || got.Wrote {
			return err
		}
		if len(got.Data[0]) != 1 || len(got.Data[0][0]) != 8 {
			return fmt.Errorf("read %v, want one number", got.Data)
		}
		seen = binary.BigEndian.Uint64(got.Data[0][0])
	}
}

func (s *suite) leases() {
	s.upload(index(1), 0, pattern(1, 10))
	s.upload(index(1), 5, pattern(1, 10))
	s.change(index(2), 3, storage.ShareWrite{Writes: []storage.Write{at(0, "mutable")}})
	for _, k := range []byte{1, 2, 2, 3, 4, 5, 6, 2} {
		s.must(s.s.AddLease(s.Context(), index(1), lease(k)), "adding a lease to immutable shares")
		s.must(s.s.AddLease(s.Context(), index(2), lease(k)), "adding a lease to a slot")
	}
	s.wantLeases(index(1), 0, 6)
	s.wantLeases(index(1), 5, 6)
	s.wantLeases(index(2), 3, 6)
	s.wantBytes("share with leases", s.read(s.buckets(index(1))[0], 0, 1000), pattern(1, 10))
	s.change(index(2), 3, storage.ShareWrite{Writes: []storage.Write{at(7, strings.Repeat(" and more", 100))}})
	s.wantSlot(index(2), map[storage.ShareNum]string{3: "mutable" + strings.Repeat(" and more", 100)})
	s.wantLeases(index(2), 3, 6)
	s.wantErr(s.s.AddLease(s.Context(), index(3), lease(1)), storage.ErrNotFound, "lease on nothing")
}

func (s *suite) advisories() {
	s.upload(index(1), 2, pattern(1, 10))
	s.change(index(2), 3, storage.ShareWrite{Writes: []storage.Write{at(0, "mutable")}})
	advise := func(k storage.Kind, i storage.Index, n storage.ShareNum, reason string) error {
		return s.s.AdviseCorrupt(s.Context(), storage.Corruption{Kind: k, Index: i, Share: n, Reason: reason})
	}
	s.must(advise(storage.KindImmutable, index(1), 2, "block 3 — bad hash"), "advising about an immutable share")
	s.must(advise(storage.KindImmutable, index(1), 2, "block 3 — bad hash"), "advising twice")
	s.must(advise(storage.KindMutable, index(2), 3, "bad signature"), "advising about a mutable share")
	s.must(advise(storage.KindImmutable, index(1), 2, strings.Repeat("x", storage.MaxReason)), "the longest reason")
	s.wantErr(advise(storage.KindImmutable, index(1), 3, "no"), storage.ErrNotFound, "a share that is not held")
	s.wantErr(advise(storage.KindImmutable, index(9), 2, "no"), storage.ErrNotFound, "an index that is not held")
	if advise(storage.KindImmutable, index(1), 2, strings.Repeat("x", storage.MaxReason+1)) == nil {
		s.Errorf("a reason that is too long: got no error")
	}
}

func (s *suite) version() {
	v, err := s.s.Version(s.Context())
	s.must(err, "asking for the version")
	if v.Application == "" || v.MaxImmutableShare == 0 || v.MaxMutableShare == 0 || v.Available == 0 {
		s.Errorf("got %+v, want a server that says what it is and takes shares", v)
	}
}
