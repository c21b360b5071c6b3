package immutable_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
	"testing"
	"testing/synctest"

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
