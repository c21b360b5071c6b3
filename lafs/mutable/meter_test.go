package mutable_test

import (
	"context"
	"sync/atomic"

	"tahoe/storage"
)

// A meter counts the bytes that go through a server.
type meter struct {
	storage.Server
	read, written atomic.Int64
}

func (m *meter) ReadSlot(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) (map[storage.ShareNum][][]byte, error) {
	out, err := m.Server.ReadSlot(ctx, i, shares, spans)
	for _, values := range out {
		for _, v := range values {
			m.read.Add(int64(len(v)))
		}
	}
	return out, err
}

func (m *meter) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	for _, s := range w.Shares {
		for _, v := range s.Writes {
			m.written.Add(v.Data.Size())
		}
	}
	return m.Server.TestAndWrite(ctx, i, w)
}

// metered returns a function that tells how much was read since.
func (w *world) metered() func() int64 {
	total := func() (n int64) {
		for _, f := range w.faulty {
			n += f.Next.(*meter).read.Load()
		}
		return n
	}
	before := total()
	return func() int64 { return total() - before }
}

func (w *world) written() (n int64) {
	for _, f := range w.faulty {
		n += f.Next.(*meter).written.Load()
	}
	return n
}

// lose makes a server lose its shares of a file.
func (w *world) lose(server int, i storage.Index) {
	for _, n := range w.mems[server].Shares(i) {
		w.mems[server].Remove(i, n)
	}
}
