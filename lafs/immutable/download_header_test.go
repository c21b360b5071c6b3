package immutable_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A farUEB serves a share with a header of version 2 that has the UEB at a far offset, and has it there.
type farUEB struct {
	storage.Server
	at int64
	e  encoded
}

func (s farUEB) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	m, err := s.Server.Buckets(ctx, i)
	for n := range m {
		m[n] = farReader{s, n}
	}
	return m, err
}

type farReader struct {
	s farUEB
	n storage.ShareNum
}

func (r farReader) Read(_ context.Context, s storage.Span) (io.ReadCloser, error) {
	share, l := r.s.e.shares[r.n], r.s.e.l
	near := binary.BigEndian.AppendUint32(nil, 2)
	for _, v := range []int64{1, 1, 0x44, 0x44, 0x44, 0x44, r.s.at - int64(l.ChainSize()), r.s.at} {
		near = binary.BigEndian.AppendUint64(near, uint64(v))
	}
	ueb := share[l.UEB+int64(l.FieldSize()):]
	far := append(binary.BigEndian.AppendUint64(nil, uint64(len(ueb))), ueb...)
	var b []byte
	switch {
	case s.Offset < int64(len(near)):
		b = near[s.Offset:]
	case s.Offset >= r.s.at && s.Offset < r.s.at+int64(len(far)):
		b = far[s.Offset-r.s.at:]
	}
	return io.NopCloser(bytes.NewReader(b[:min(int64(len(b)), s.Size)])), nil
}

// A header decides neither how much memory a reader takes, nor whether it goes on.
func TestHeaderThatPlacesSectionsFarApart(t *testing.T) {
	for _, size := range []int{500, 3 * mib} {
		e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, size)
		for _, at := range []int64{1 << 33, math.MaxInt64 / 4} {
			synctest.Test(t, func(t *testing.T) {
				w := e.world(t, 10)
				for i := range 7 {
					w.servers[i] = newUpServer(t, i, farUEB{w.faulty[i], at, e})
				}
				readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
				if got := len(w.advisories()); got == 0 {
					t.Error("no server was advised of its share")
				}
			})
		}
	}
}

// An onlyUEB has nothing of its shares but the UEB, where today's geometry has it.
type onlyUEB struct {
	storage.Server
	l   layout.Layout
	ueb []byte
}

func (s onlyUEB) Buckets(context.Context, storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	return map[storage.ShareNum]storage.Reader{0: s, 1: s, 2: s}, nil
}

func (s onlyUEB) Read(_ context.Context, span storage.Span) (io.ReadCloser, error) {
	b := make([]byte, s.l.ShareSize()+100)
	copy(b[s.l.UEB:], s.l.AppendUEB(nil, s.ueb))
	b = b[min(span.Offset, int64(len(b))):]
	return io.NopCloser(bytes.NewReader(b[:min(int64(len(b)), span.Size)])), nil
}

// A capability that stands for large hash trees takes no memory for them before they come, and one that stands for
// gigabytes of them is refused.
func TestHugeTreesThatAreNotThere(t *testing.T) {
	for _, tc := range []struct {
		name     string
		segments int64
		refused  bool
		most     uint64
	}{
		{"128 MiB", 1 << 19, false, 64 * mib},
		{"4 GiB", 1 << 24, true, 256 * mib},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, chk := worldOfUEBs(t, 3*tc.segments)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := w.downloader().Open(chk).Read(t.Context(), 0, 3, io.Discard)
			runtime.ReadMemStats(&after)
			if _, short := errors.AsType[*immutable.NotEnoughSharesError](err); short == tc.refused {
				t.Errorf("got %v", err)
			}
			if tc.refused && (!errors.Is(err, layout.ErrTooLong) || !strings.Contains(err.Error(), "take 4095 MiB, over the limit of 256 MiB")) {
				t.Errorf("got %v, want one that names the limit", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > tc.most {
				t.Errorf("it took %d MiB, want at most %d", took/mib, tc.most/mib)
			}
			if a := w.advisories(); tc.refused && len(a) > 0 {
				t.Errorf("got advice %v", a)
			}
		})
	}
}

// worldOfUEBs has three servers of shares that consist of a UEB, of a file of size bytes in segments of three.
func worldOfUEBs(t *testing.T, size int64) (*world, caps.CHK) {
	const k, n = 3, 10
	g, err := layout.NewGeometry(k, n, size, k)
	must(t, err)
	u := layout.NewUEB(g)
	u.CiphertextHash[0], u.CiphertextRoot[0], u.ShareRoot[0] = 1, 1, 1
	ueb := u.Encode()
	chk, err := caps.NewCHK(caps.CHKParams{UEBHash: taghash.UEB(ueb), Needed: k, Total: n, Size: size})
	must(t, err)
	today, err := layout.NewGeometry(k, n, size, mib)
	must(t, err)
	l, err := today.Layout(len(ueb))
	must(t, err)
	w := newWorld(t, 3)
	for i := range w.servers {
		w.servers[i] = newUpServer(t, i, onlyUEB{w.mems[i], l, ueb})
	}
	return w, chk
}
