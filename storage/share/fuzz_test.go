package share_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tahoe/storage"
	"tahoe/storage/share"
)

// FuzzImmutable: a container that parses has the header that it was parsed from, and its leases can be read, and one be
// added, within the file.
func FuzzImmutable(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x05\x00\x00\x00\x00hello"))
	f.Add(append([]byte("\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x01hello"), make([]byte, 80)...))
	f.Add(append([]byte("\x00\x00\x00\x02\x00\x00\x00\x05\x00\x00\x00\x01hello"), make([]byte, 3*72)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := share.ParseImmutable(b, int64(len(b)))
		if err != nil {
			if !errors.Is(err, share.ErrCorrupt) {
				t.Errorf("got error %v", err)
			}
			return
		}
		if !bytes.Equal(c.Header(), b[:share.ImmutableHeaderSize]) {
			t.Errorf("header: got %x, want %x", c.Header(), b[:share.ImmutableHeaderSize])
		}
		k := uint32(0)
		for l, err := range c.AllLeases(bytes.NewReader(b)) {
			at := c.LeaseAt(k)
			if err != nil || !bytes.Equal(c.Encode(l), b[at:at+share.ImmutableLeaseSize]) {
				t.Fatalf("lease %d: %+v, %v", k, l, err)
			}
			k++
		}
		file := &memory{bytes.Clone(b)}
		lease := share.NewLease(c.Version, 1, secrets(7, 8), time.Unix(1<<31, 0), [20]byte{})
		patches, err := c.PlanLease(file, lease, secrets(7, 8))
		if err != nil {
			t.Fatal(err)
		}
		file.apply(patches)
		after, err := share.ParseImmutable(file.b, int64(len(file.b)))
		if err != nil || after.Size != c.Size || after.Leases != c.Leases+uint32(len(patches)/2) {
			t.Errorf("with a lease more: got %+v, %v; had %+v", after, err, c)
		}
	})
}

// FuzzMutable: likewise, and writing to the container keeps its leases.
func FuzzMutable(f *testing.F) {
	m := &memory{}
	e, err := share.Create(m, share.NewMutable([20]byte{1}, fill('w')))
	must(f, err)
	must(f, e.Write(0, bytes.NewReader([]byte("data"))))
	must(f, e.Finish())
	f.Add(m.b, int64(9), []byte("more"))
	f.Add([]byte("Tahoe mutable container v1\n\x75\x09\x44\x03\x8e"), int64(0), []byte{})
	f.Fuzz(func(t *testing.T, b []byte, offset int64, data []byte) {
		c, err := share.ReadMutable(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, share.ErrCorrupt) {
				t.Errorf("got error %v", err)
			}
			return
		}
		if !bytes.Equal(c.Header(), b[:share.MutableHeaderSize]) {
			t.Errorf("header: got %x, want %x", c.Header(), b[:share.MutableHeaderSize])
		}
		before := leasesOf(t, c, b)
		file := &memory{bytes.Clone(b[:c.FileSize()])}
		e := share.Edit(file, c)
		if err := e.Write(offset%(1<<14), bytes.NewReader(data)); err != nil {
			if offset < 0 && errors.Is(err, storage.ErrTooLarge) {
				return
			}
			t.Fatal(err)
		}
		must(t, e.Finish())
		after, err := share.ReadMutable(file, int64(len(file.b)))
		if err != nil || after != e.Mutable {
			t.Fatalf("got %+v, %v; want %+v", after, err, e.Mutable)
		}
		if got := leasesOf(t, after, file.b); !bytes.Equal(got, before) {
			t.Errorf("leases changed by a write")
		}
	})
}

// leasesOf is the leases of a container as it stores them, in order.
func leasesOf(t *testing.T, c share.Mutable, b []byte) []byte {
	t.Helper()
	var out []byte
	for l, err := range c.AllLeases(bytes.NewReader(b)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c.Encode(l)...)
	}
	return out
}

// TestEditorAgainstModel makes random changes to a container and to a slice of bytes.
func TestEditorAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &memory{}
		e, err := share.Create(f, share.NewMutable([20]byte{}, fill('w')))
		if err != nil {
			t.Fatal(err)
		}
		var model []byte
		leases := map[byte]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				k := rapid.Byte().Draw(t, "lease")
				leases[k] = true
				err = e.Lease(share.NewLease(e.Version, 1, secrets(k, k), time.Unix(1000, 0), [20]byte{}), secrets(k, k))
			case 1:
				n := rapid.IntRange(0, 1200).Draw(t, "length")
				e.Cut(int64(n))
				model = model[:min(n, len(model))]
			default:
				at := rapid.IntRange(0, 1000).Draw(t, "offset")
				data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
				err = e.Write(int64(at), bytes.NewReader(data))
				if grow := at + len(data) - len(model); grow > 0 {
					model = append(model[:len(model):len(model)], make([]byte, grow)...)
				}
				copy(model[at:], data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Finish(); err != nil {
			t.Fatal(err)
		}
		c, err := share.ReadMutable(f, int64(len(f.b)))
		if err != nil || c.FileSize() != int64(len(f.b)) {
			t.Fatalf("got %+v in a file of %d bytes, %v", c, len(f.b), err)
		}
		if got := f.b[share.MutableDataAt : share.MutableDataAt+c.Size]; !bytes.Equal(got, model) {
			t.Errorf("got data %q, want %q", got, model)
		}
		held := 0
		for l, err := range c.AllLeases(f) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Owner != 0 {
				held++
			}
		}
		if held != len(leases) {
			t.Errorf("got %d leases, want %d", held, len(leases))
		}
	})
}
