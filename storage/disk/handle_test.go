package disk

import (
	"bytes"
	"os"
	"testing"

	"tahoe/storage"
	"tahoe/storage/share"
)

// growing is a share file to which a lease is added after its size has been asked for and before its header is read.
type growing struct {
	*bytes.Reader
	after  []byte
	before int64
}

func (g *growing) Size() (int64, error) {
	if g.before > 0 {
		size := g.before
		g.before = 0
		return size, nil
	}
	return int64(len(g.after)), nil
}

func (g *growing) Stat() (os.FileInfo, error) { return nil, os.ErrInvalid }

// A share to which a lease is being added is there all the time, and has its size.
func TestLeaseAddedWhileReading(t *testing.T) {
	data := []byte("immutable")
	c := share.NewImmutable(int64(len(data)))
	c.Leases = 2
	immutable := append(append(c.Header(), data...), make([]byte, 2*share.ImmutableLeaseSize)...)

	m := share.NewMutable([20]byte{}, storage.Secret{})
	mutable := append(m.Header(), make([]byte, share.MutableDataAt-share.MutableHeaderSize)...)
	mutable = append(append(mutable, 0, 0, 0, 1), make([]byte, share.MutableLeaseSize)...)

	for _, c := range []struct {
		name   string
		after  []byte
		before int
		kind   storage.Kind
		size   int64
	}{
		{"immutable", immutable, len(immutable) - share.ImmutableLeaseSize, storage.KindImmutable, int64(len(data))},
		{"mutable", mutable, len(mutable) - share.MutableLeaseSize, storage.KindMutable, 0},
	} {
		h, err := parse(&growing{bytes.NewReader(c.after), c.after, int64(c.before)})
		if err != nil {
			t.Errorf("%s: got %v, want the share", c.name, err)
			continue
		}
		if got := h.immutable.Size + h.mutable.Size; h.kind != c.kind || got != c.size {
			t.Errorf("%s: got kind %v of %d bytes, want %v of %d", c.name, h.kind, got, c.kind, c.size)
		}
	}
}
