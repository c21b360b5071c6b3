package storagetest

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"testing"

	"tahoe/storage"
)

// Bench measures what clients do most: uploading ten shares at once, reading a share, changing a small slot.
func Bench(b *testing.B, open func(b testing.TB) storage.Server) {
	b.Run("upload 10 shares of 350 KB", func(b *testing.B) { benchUpload(b, open(b)) })
	b.Run("read 1 MiB", func(b *testing.B) { benchRead(b, open(b)) })
	b.Run("change a slot of 4 KiB", func(b *testing.B) { benchSlot(b, open(b)) })
}

func benchUpload(b *testing.B, s storage.Server) {
	const size = 350 * 1000
	data := pattern(1, size)
	b.SetBytes(10 * size)
	b.ReportAllocs()
	var k uint64
	for b.Loop() {
		var i storage.Index
		k++
		binary.BigEndian.PutUint64(i[:], k*0x9e3779b97f4a7c15)
		got, err := s.Allocate(b.Context(), i, storage.Allocation{
			Shares: []storage.ShareNum{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Size: size, Lease: lease(1),
		})
		if err != nil || len(got.Writers) != 10 {
			b.Fatalf("allocating: got %d writers, %v", len(got.Writers), err)
		}
		var wg sync.WaitGroup
		for _, w := range got.Writers {
			wg.Go(func() {
				if _, err := w.Write(b.Context(), storage.Span{Size: size}, bytes.NewReader(data)); err != nil {
					b.Error(err)
				}
				if err := w.Close(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func benchRead(b *testing.B, s storage.Server) {
	const size = 1 << 20
	st := &benchStore{b, s}
	st.upload(index(1), 0, pattern(1, size))
	buckets, err := s.Buckets(b.Context(), index(1))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		stream, err := buckets[0].Read(b.Context(), storage.Span{Size: size})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, stream); n != size || err != nil {
			b.Fatalf("read %d bytes, %v", n, err)
		}
		_ = stream.Close()
	}
}

type benchStore struct {
	*testing.B
	s storage.Server
}

func (b *benchStore) upload(i storage.Index, n storage.ShareNum, data []byte) {
	got, err := b.s.Allocate(b.Context(), i, storage.Allocation{Shares: []storage.ShareNum{n}, Size: int64(len(data)), Lease: lease(1)})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := got.Writers[n].Write(b.Context(), storage.Span{Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
		b.Fatal(err)
	}
	if err := got.Writers[n].Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func benchSlot(b *testing.B, s storage.Server) {
	data := pattern(1, 4096)
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		got, err := s.TestAndWrite(b.Context(), index(1), storage.SlotWrite{
			WriteEnabler: secret(1), Lease: lease(1), Reads: []storage.Span{{Size: 100}},
			Shares: map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{{Data: bytes.NewReader(data)}}}},
		})
		if err != nil || !got.Wrote {
			b.Fatalf("changing: %v, %v", got.Wrote, err)
		}
	}
}
