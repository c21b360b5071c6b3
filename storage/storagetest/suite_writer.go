package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"tahoe/storage"
)

var writerParts = []part{
	{"out of order", (*suite).outOfOrder},
	{"same bytes twice", (*suite).sameBytesTwice},
	{"conflicting bytes", (*suite).conflictingBytes},
	{"out of range", (*suite).outOfRange},
	{"incomplete close", (*suite).incompleteClose},
	{"reader ends early", (*suite).readerEndsEarly},
	{"reader fails", (*suite).readerFails},
	{"abort", (*suite).abort},
	{"abort during write", (*suite).abortDuringWrite},
	{"context ends during write", (*suite).contextEndsDuringWrite},
	{"context ended", (*suite).contextEnded},
}

func (s *suite) outOfOrder() {
	data := pattern(3, 100)
	w := s.writer(index(1), 100, 0)
	s.wantSpans(s.write(w, 80, data[80:]), storage.Span{Offset: 0, Size: 80})
	s.wantSpans(s.write(w, 20, data[20:40]), storage.Span{Offset: 0, Size: 20}, storage.Span{Offset: 40, Size: 40})
	s.wantSpans(s.write(w, 0, data[:20]), storage.Span{Offset: 40, Size: 40})
	s.wantSpans(s.write(w, 40, data[40:80]))
	s.must(w.Close(s.Context()), "closing")
	s.wantBytes("share", s.read(s.buckets(index(1))[0], 0, 100), data)
}

func (s *suite) sameBytesTwice() {
	data := pattern(3, 100)
	w := s.writer(index(1), 100, 0)
	s.write(w, 0, data[:50])
	s.wantSpans(s.write(w, 0, data[:50]), storage.Span{Offset: 50, Size: 50})
	s.wantSpans(s.write(w, 10, data[10:20]), storage.Span{Offset: 50, Size: 50})
	s.wantSpans(s.write(w, 40, data[40:60]), storage.Span{Offset: 60, Size: 40})
	s.wantSpans(s.write(w, 0, data))
	s.must(w.Close(s.Context()), "closing")
	s.wantBytes("share", s.read(s.buckets(index(1))[0], 0, 100), data)
}

func (s *suite) conflictingBytes() {
	data := pattern(3, 100)
	bad := slices.Clone(data)
	bad[49] ^= 0x80
	w := s.writer(index(1), 100, 0)
	s.write(w, 0, data[:50])
	for _, span := range [][2]int{{0, 50}, {49, 50}, {40, 60}, {0, 100}} {
		_, err := s.tryWrite(w, int64(span[0]), bad[span[0]:span[1]])
		s.wantErr(err, storage.ErrConflict, "writing different bytes")
	}
	s.write(w, 50, data[50:])
	s.must(w.Close(s.Context()), "closing")
	s.wantBytes("share after conflicts", s.read(s.buckets(index(1))[0], 0, 100), data)
}

func (s *suite) outOfRange() {
	w := s.writer(index(1), 100, 0)
	for _, offset := range []int64{95, 100, 1000, 1 << 62, -1, -10} {
		_, err := s.tryWrite(w, offset, pattern(1, 10))
		s.wantErr(err, storage.ErrRange, "writing out of range")
	}
	s.wantSpans(s.write(w, 90, pattern(1, 10)), storage.Span{Offset: 0, Size: 90})
}

func (s *suite) incompleteClose() {
	data := pattern(1, 100)
	w := s.writer(index(1), 100, 0)
	s.wantErr(w.Close(s.Context()), storage.ErrIncomplete, "closing an empty share")
	s.write(w, 0, data[:99])
	s.wantErr(w.Close(s.Context()), storage.ErrIncomplete, "closing an incomplete share")
	s.wantShares(index(1))
	s.write(w, 99, data[99:])
	s.must(w.Close(s.Context()), "closing a complete share")
	s.wantShares(index(1), 0)
}

func (s *suite) readerEndsEarly() {
	data := pattern(1, 100)
	w := s.writer(index(1), 100, 0)
	_, err := w.Write(s.Context(), storage.Span{Offset: 0, Size: 100}, bytes.NewReader(data[:60]))
	if err == nil {
		s.Errorf("writing from a reader that ends early: got no error")
	}
	s.wantShares(index(1))
	s.write(w, 0, data)
	s.must(w.Close(s.Context()), "closing")
	s.wantBytes("share", s.read(s.buckets(index(1))[0], 0, 100), data)
}

func (s *suite) readerFails() {
	data := pattern(1, 100)
	broken := errors.New("broken reader")
	w := s.writer(index(1), 100, 0)
	r := io.MultiReader(bytes.NewReader(data[:60]), failing{broken})
	if _, err := w.Write(s.Context(), storage.Span{Offset: 0, Size: 100}, r); err == nil {
		s.Errorf("writing from a reader that fails: got no error")
	}
	s.write(w, 0, data)
	s.must(w.Close(s.Context()), "closing")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (s *suite) abort() {
	w := s.writer(index(1), 100, 0)
	s.write(w, 0, pattern(1, 50))
	s.must(w.Abort(s.Context()), "aborting")
	s.must(w.Abort(s.Context()), "aborting again")
	if _, err := s.tryWrite(w, 50, pattern(1, 50)); err == nil {
		s.Errorf("writing after abort: got no error")
	}
	if err := w.Close(s.Context()); err == nil {
		s.Errorf("closing after abort: got no error")
	}
	s.wantShares(index(1))
	s.upload(index(1), 0, pattern(2, 30))
	s.must(w.Abort(s.Context()), "aborting while another upload has finished")
	s.wantBytes("share of the second upload", s.read(s.buckets(index(1))[0], 0, 100), pattern(2, 30))
}

// abortDuringWrite aborts while Write waits for its reader, which then goes on: Write must fail.
func (s *suite) abortDuringWrite() {
	w := s.writer(index(1), 1000, 0)
	r, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := w.Write(s.Context(), storage.Span{Offset: 0, Size: 1000}, r)
		_ = r.CloseWithError(errors.New("writer has gone"))
		done <- err
	}()
	_, err := feed.Write(pattern(1, 100))
	s.must(err, "feeding the writer")
	s.must(w.Abort(s.Context()), "aborting")
	_, _ = feed.Write(pattern(1, 900)) // fails when Write has noticed already
	_ = feed.Close()
	if err := <-done; err == nil {
		s.Errorf("write during which the share was aborted: got no error")
	}
	s.wantShares(index(1))
	s.upload(index(1), 0, pattern(2, 30))
}

func (s *suite) contextEndsDuringWrite() {
	w := s.writer(index(1), 1000, 0)
	ctx, cancel := context.WithCancel(s.Context())
	r, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := w.Write(ctx, storage.Span{Offset: 0, Size: 1000}, r)
		_ = r.CloseWithError(errors.New("writer has gone"))
		done <- err
	}()
	_, err := feed.Write(pattern(1, 100))
	s.must(err, "feeding the writer")
	cancel()
	_, _ = feed.Write(pattern(1, 900))
	_ = feed.Close()
	if err := <-done; err == nil {
		s.Errorf("write whose context ended: got no error")
	}
	s.wantShares(index(1))
}

func (s *suite) contextEnded() {
	s.upload(index(1), 0, pattern(1, 10))
	w := s.writer(index(1), 10, 1)
	r := s.buckets(index(1))[0]
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	i := index(1)
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Version", func() error { _, err := s.s.Version(ctx); return err }},
		{"Allocate", func() error { _, err := s.s.Allocate(ctx, i, storage.Allocation{Size: 1}); return err }},
		{"Buckets", func() error { _, err := s.s.Buckets(ctx, i); return err }},
		{"Slot", func() error { _, err := s.s.Slot(ctx, i); return err }},
		{"ReadSlot", func() error { _, err := s.s.ReadSlot(ctx, i, nil, nil); return err }},
		{"TestAndWrite", func() error { _, err := s.s.TestAndWrite(ctx, i, storage.SlotWrite{}); return err }},
		{"AddLease", func() error { return s.s.AddLease(ctx, i, lease(1)) }},
		{"AdviseCorrupt", func() error { return s.s.AdviseCorrupt(ctx, storage.Corruption{Index: i}) }},
		{"Write", func() error {
			_, err := w.Write(ctx, storage.Span{Offset: 0, Size: 10}, bytes.NewReader(pattern(1, 10)))
			return err
		}},
		{"Read", func() error {
			stream, err := r.Read(ctx, storage.Span{Offset: 0, Size: 10})
			if err == nil {
				_, err = io.ReadAll(stream)
				_ = stream.Close()
			}
			return err
		}},
	} {
		s.wantErr(c.call(), context.Canceled, c.name+" with an ended context")
	}
	s.wantShares(i, 0)
}
