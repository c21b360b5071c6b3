package gbs_test

import (
	"bytes"
	"io"
	"testing"

	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// crowd takes the buffers that many slow peers would have, until the test ends, and returns how large they are together.
func crowd(t *testing.T, peers int) (size int) {
	t.Helper()
	for range peers {
		b := gbs.GetChunk()
		size += len(*b)
		t.Cleanup(func() { gbs.PutChunk(b) })
	}
	return size
}

func TestManyPeersShareMemory(t *testing.T) {
	if got, limit := crowd(t, 1000), 48<<20; got > limit {
		t.Errorf("a thousand peers have buffers of %d bytes, want at most %d", got, limit)
	}
}

// Everything works with small buffers, too.
func TestSmallBuffers(t *testing.T) {
	crowd(t, 100)
	mem := storagetest.NewMem(storagetest.Config{})
	c := overTLS(t, mem, gbs.HandlerConfig{SpoolDir: t.TempDir(), SpoolAbove: 1000})
	data := bytes.Repeat([]byte("0123456789abcdefghij"), 50_000)
	whole := storage.Span{Size: int64(len(data))}
	a, err := c.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: whole.Size})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second compares
		if missing, err := a.Writers[0].Write(t.Context(), whole, bytes.NewReader(data)); err != nil || len(missing) > 0 {
			t.Fatalf("writing: got missing %v, %v", missing, err)
		}
	}
	shares, err := c.Buckets(t.Context(), storage.Index{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := shares[0].Read(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || !bytes.Equal(got, data) {
		t.Errorf("reading: got %d bytes, %v", len(got), err)
	}
	w := storage.SlotWrite{WriteEnabler: secret('w'), Lease: leaseSecrets, Shares: map[storage.ShareNum]storage.ShareWrite{
		1: {Writes: []storage.Write{{Data: bytes.NewReader(data)}}},
	}}
	if _, err := c.TestAndWrite(t.Context(), storage.Index{1}, w); err != nil {
		t.Fatal(err)
	}
	slot, err := c.ReadSlot(t.Context(), storage.Index{1}, nil, []storage.Span{whole})
	if err != nil || len(slot[1]) != 1 || !bytes.Equal(slot[1][0], data) {
		t.Errorf("reading a slot: got %d values, %v", len(slot[1]), err)
	}
}
