package storagetest

import (
	"bytes"
	"maps"
	"slices"

	"tahoe/storage"
)

var mutableParts = []part{
	{"slot made", (*suite).slotMade},
	{"slot tests", (*suite).slotTests},
	{"reads come before writes", (*suite).readsBeforeWrites},
	{"wrong write enabler", (*suite).wrongWriteEnabler},
	{"slot lengths", (*suite).slotLengths},
	{"slot deleted", (*suite).slotDeleted},
	{"slot spans", (*suite).slotSpans},
	{"empty share made", (*suite).emptyShareMade},
}

func at(offset int64, data string) storage.Write {
	return storage.Write{Offset: offset, Data: bytes.NewReader([]byte(data))}
}

// is is a test that the share has specimen at offset.
func is(offset int64, specimen string) storage.Test {
	return storage.Test{Offset: offset, Size: int64(len(specimen)), Specimen: []byte(specimen)}
}

// absent is a test that holds for a share that does not exist, or is empty.
var absent = storage.Test{Offset: 0, Size: 1}

// slot makes a change with the usual secrets.
func (s *suite) slot(i storage.Index, shares map[storage.ShareNum]storage.ShareWrite, reads ...storage.Span) storage.SlotResult {
	s.Helper()
	got, err := s.s.TestAndWrite(s.Context(), i, storage.SlotWrite{
		WriteEnabler: secret(50), Lease: lease(1), Shares: shares, Reads: reads,
	})
	s.must(err, "changing the slot")
	return got
}

// change is slot for one share, whose tests must hold.
func (s *suite) change(i storage.Index, n storage.ShareNum, w storage.ShareWrite) {
	s.Helper()
	if !s.slot(i, map[storage.ShareNum]storage.ShareWrite{n: w}).Wrote {
		s.Fatalf("changing share %d: a test failed", n)
	}
}

// wantSlot checks the whole content of a slot.
func (s *suite) wantSlot(i storage.Index, want map[storage.ShareNum]string) {
	s.Helper()
	held, err := s.s.Slot(s.Context(), i)
	s.must(err, "listing the slot")
	if w := slices.Sorted(maps.Keys(want)); !slices.Equal(held, w) {
		s.Errorf("slot: got shares %v, want %v", held, w)
	}
	got, err := s.s.ReadSlot(s.Context(), i, nil, []storage.Span{{Offset: 0, Size: 1 << 20}})
	s.must(err, "reading the slot")
	if len(got) != len(want) {
		s.Errorf("reading the slot: got %d shares, want %d", len(got), len(want))
	}
	for n, data := range want {
		if len(got[n]) != 1 {
			s.Errorf("share %d: got %d values for one span", n, len(got[n]))
			continue
		}
		s.wantBytes("mutable share", got[n][0], []byte(data))
	}
}

func (s *suite) slotMade() {
	got := s.slot(index(1), map[storage.ShareNum]storage.ShareWrite{
		0:   {Tests: []storage.Test{absent}, Writes: []storage.Write{at(0, "zero")}},
		255: {Writes: []storage.Write{at(0, "last")}, NewLength: new(int64(4))},
	}, storage.Span{Offset: 0, Size: 10})
	if !got.Wrote || len(got.Data) != 0 {
		s.Errorf("making a slot: got %+v, want it written and nothing read", got)
	}
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "zero", 255: "last"})
	s.wantSlot(index(2), nil)
	s.wantShares(index(1)) // mutable shares are no buckets
	s.wantLeases(index(1), 0, 1)
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "Z")}})
	s.wantLeases(index(1), 0, 1)
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "Zero", 255: "last"})
}

func (s *suite) slotTests() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "0123456789")}})
	s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "abc")}})
	for _, c := range []struct {
		name  string
		share storage.ShareNum
		tests []storage.Test
		want  bool
	}{
		{"equal", 0, []storage.Test{is(0, "0123")}, true},
		{"equal in the middle", 0, []storage.Test{is(4, "45")}, true},
		{"two that hold", 0, []storage.Test{is(4, "45"), is(0, "0")}, true},
		{"different", 0, []storage.Test{is(0, "x")}, false},
		{"second differs", 0, []storage.Test{is(0, "0"), is(1, "x")}, false},
		{"shorter specimen", 0, []storage.Test{{Offset: 0, Size: 3, Specimen: []byte("01")}}, false},
		{"over the end", 0, []storage.Test{{Offset: 8, Size: 10, Specimen: []byte("89")}}, true},
		{"behind the end", 0, []storage.Test{{Offset: 50, Size: 10}}, true},
		{"nothing", 0, []storage.Test{{Offset: 0, Size: 0}}, true},
		{"no tests", 0, nil, true},
		{"absent but there", 0, []storage.Test{absent}, false},
		{"absent", 9, []storage.Test{absent}, true},
		{"there but absent", 9, []storage.Test{is(0, "0")}, false},
	} {
		shares := map[storage.ShareNum]storage.ShareWrite{c.share: {Tests: c.tests}, 1: {Writes: []storage.Write{at(0, "ABC")}}}
		if got := s.slot(index(1), shares); got.Wrote != c.want {
			s.Errorf("%s: got wrote %v, want %v", c.name, got.Wrote, c.want)
		}
		want := "abc"
		if c.want {
			want = "ABC"
		}
		got, err := s.s.ReadSlot(s.Context(), index(1), []storage.ShareNum{1}, []storage.Span{{Offset: 0, Size: 9}})
		s.must(err, "reading")
		s.wantBytes(c.name+": the other share", got[1][0], []byte(want))
		s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "abc")}})
		if c.share == 9 {
			s.slot(index(1), map[storage.ShareNum]storage.ShareWrite{9: {NewLength: new(int64(0))}})
		}
	}
}

func (s *suite) readsBeforeWrites() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "before")}})
	s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "other")}})
	shares := map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{at(0, "after, longer")}}}
	spans := []storage.Span{{Offset: 0, Size: 3}, {Offset: 2, Size: 100}}
	got := s.slot(index(1), shares, spans...)
	if !got.Wrote || len(got.Data) != 2 || len(got.Data[0]) != 2 || len(got.Data[1]) != 2 {
		s.Fatalf("got %+v, want two values of two shares", got)
	}
	s.wantBytes("first span", got.Data[0][0], []byte("bef"))
	s.wantBytes("second span", got.Data[0][1], []byte("fore"))
	s.wantBytes("share that was not written", got.Data[1][1], []byte("her"))
	shares[0] = storage.ShareWrite{Tests: []storage.Test{is(0, "x")}, Writes: []storage.Write{at(0, "never")}}
	got = s.slot(index(1), shares, spans...)
	if got.Wrote || len(got.Data) != 2 {
		s.Fatalf("failed test: got %+v, want what was read", got)
	}
	s.wantBytes("after a failed test", got.Data[0][1], []byte("ter, longer"))
}

func (s *suite) wrongWriteEnabler() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "mine")}})
	for _, c := range []struct {
		name string
		w    map[storage.ShareNum]storage.ShareWrite
	}{
		{"overwrite", map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{at(0, "theirs")}}}},
		{"delete", map[storage.ShareNum]storage.ShareWrite{0: {NewLength: new(int64(0))}}},
		{"another share", map[storage.ShareNum]storage.ShareWrite{3: {Writes: []storage.Write{at(0, "theirs")}}}},
		{"failing test", map[storage.ShareNum]storage.ShareWrite{0: {Tests: []storage.Test{absent}}}},
		{"nothing", nil},
	} {
		_, err := s.s.TestAndWrite(s.Context(), index(1), storage.SlotWrite{
			WriteEnabler: secret(51), Lease: lease(2), Shares: c.w, Reads: []storage.Span{{Offset: 0, Size: 4}},
		})
		s.wantErr(err, storage.ErrBadSecret, c.name)
	}
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "mine"})
	s.wantLeases(index(1), 0, 1)
}

func (s *suite) slotLengths() {
	for _, c := range []struct {
		name   string
		before string
		w      storage.ShareWrite
		want   string
	}{
		{"append", "abc", storage.ShareWrite{Writes: []storage.Write{at(3, "def")}}, "abcdef"},
		{"overwrite inside", "abc", storage.ShareWrite{Writes: []storage.Write{at(1, "X")}}, "aXc"},
		{"overwrite over the end", "abc", storage.ShareWrite{Writes: []storage.Write{at(2, "XYZ")}}, "abXYZ"},
		{"hole", "abc", storage.ShareWrite{Writes: []storage.Write{at(6, "def")}}, "abc\x00\x00\x00def"},
		{"two writes", "abc", storage.ShareWrite{Writes: []storage.Write{at(0, "12"), at(1, "34")}}, "134"},
		{"cut", "abcdef", storage.ShareWrite{NewLength: new(int64(2))}, "ab"},
		{"cut after writing", "abc", storage.ShareWrite{Writes: []storage.Write{at(0, "123456")}, NewLength: new(int64(4))}, "1234"},
		{"same length", "abc", storage.ShareWrite{NewLength: new(int64(3))}, "abc"},
		{"never longer", "abc", storage.ShareWrite{NewLength: new(int64(10))}, "abc"},
	} {
		s.slot(index(1), map[storage.ShareNum]storage.ShareWrite{0: {NewLength: new(int64(0))}})
		s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, c.before)}})
		s.change(index(1), 0, c.w)
		got, err := s.s.ReadSlot(s.Context(), index(1), nil, []storage.Span{{Offset: 0, Size: 100}})
		s.must(err, "reading")
		s.wantBytes(c.name, got[0][0], []byte(c.want))
	}
	s.change(index(2), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "secret past")}})
	s.change(index(2), 0, storage.ShareWrite{NewLength: new(int64(2))})
	s.change(index(2), 0, storage.ShareWrite{Writes: []storage.Write{at(8, "new")}})
	s.wantSlot(index(2), map[storage.ShareNum]string{0: "se\x00\x00\x00\x00\x00\x00new"})
}

func (s *suite) slotDeleted() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "zero")}})
	s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "one")}})
	s.change(index(1), 0, storage.ShareWrite{NewLength: new(int64(0))})
	s.wantSlot(index(1), map[storage.ShareNum]string{1: "one"})
	s.change(index(1), 0, storage.ShareWrite{NewLength: new(int64(0))})
	s.change(index(1), 1, storage.ShareWrite{Writes: []storage.Write{at(0, "not written")}, NewLength: new(int64(0))})
	s.wantSlot(index(1), nil)
	s.wantErr(s.s.AddLease(s.Context(), index(1), lease(1)), storage.ErrNotFound, "lease on a deleted slot")
	// The slot has gone, and with it its write enabler.
	got, err := s.s.TestAndWrite(s.Context(), index(1), storage.SlotWrite{
		WriteEnabler: secret(77), Lease: lease(2),
		Shares: map[storage.ShareNum]storage.ShareWrite{4: {Writes: []storage.Write{at(0, "anew")}}},
	})
	s.must(err, "making the slot anew")
	if !got.Wrote {
		s.Errorf("making the slot anew: not written")
	}
	s.wantSlot(index(1), map[storage.ShareNum]string{4: "anew"})
}

func (s *suite) slotSpans() {
	s.change(index(1), 0, storage.ShareWrite{Writes: []storage.Write{at(0, "0123456789")}})
	s.change(index(1), 2, storage.ShareWrite{Writes: []storage.Write{at(0, "ab")}})
	spans := []storage.Span{{Offset: 0, Size: 2}, {Offset: 8, Size: 5}, {Offset: 10, Size: 1}, {Offset: 1 << 40, Size: 1}, {Offset: 3, Size: 0}}
	got, err := s.s.ReadSlot(s.Context(), index(1), []storage.ShareNum{0, 1}, spans)
	s.must(err, "reading")
	if len(got) != 1 || len(got[0]) != len(spans) {
		s.Fatalf("got %v, want %d values of share 0 alone", got, len(spans))
	}
	for k, want := range []string{"01", "89", "", "", ""} {
		s.wantBytes("span", got[0][k], []byte(want))
	}
	got, err = s.s.ReadSlot(s.Context(), index(1), nil, nil)
	s.must(err, "reading no spans")
	if len(got) != 2 || len(got[0]) != 0 {
		s.Errorf("reading no spans: got %v, want two shares without values", got)
	}
	if _, err = s.s.ReadSlot(s.Context(), index(1), nil, []storage.Span{{Offset: -1, Size: 1}}); err == nil {
		s.Errorf("reading at -1: got no error")
	}
}

func (s *suite) emptyShareMade() {
	s.change(index(1), 0, storage.ShareWrite{Tests: []storage.Test{absent}})
	s.wantSlot(index(1), map[storage.ShareNum]string{0: ""})
	s.change(index(1), 0, storage.ShareWrite{Tests: []storage.Test{absent}, Writes: []storage.Write{at(0, "x")}})
	s.wantSlot(index(1), map[storage.ShareNum]string{0: "x"})
}
