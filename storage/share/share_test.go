package share_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

func fill(b byte) storage.Secret {
	return storage.NewSecret([storage.SecretSize]byte(bytes.Repeat([]byte{b}, storage.SecretSize)))
}

func secrets(renew, cancel byte) storage.LeaseSecrets {
	return storage.LeaseSecrets{Renew: fill(renew), Cancel: fill(cancel)}
}

// memory is a file in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(b []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(b, off) }

func (m *memory) WriteAt(b []byte, off int64) (int, error) {
	if grow := off + int64(len(b)) - int64(len(m.b)); grow > 0 {
		m.b = append(m.b, make([]byte, grow)...)
	}
	return copy(m.b[off:], b), nil
}

func (m *memory) apply(patches []share.Patch) {
	for _, p := range patches {
		_, _ = m.WriteAt(p.Data, p.Offset)
	}
}

// unhex reads hexadecimal text with blanks and line ends in it.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestImmutableExample is the example of the package's comment.
func TestImmutableExample(t *testing.T) {
	want := unhex(t, `
		00000002 00000005 00000001
		68656c6c6f
		00000000
		40a94cee0d59896c000581cae57197c0e04310bca32e07620f461edb19ad593b
		f0e9c07993de2011907f2a0f1629527b72d4c5261388a68237e46a7b6ab82dc6
		6a000000`)
	c := share.NewImmutable(5)
	lease := share.NewLease(c.Version, 0, secrets('r', 'c'), time.Unix(0x6a000000, 0), [20]byte{})
	f := &memory{}
	_, _ = f.WriteAt(c.Header(), 0)
	_, _ = f.WriteAt([]byte("hello"), share.ImmutableHeaderSize)
	patches, err := c.PlanLease(f, lease, secrets('r', 'c'))
	if err != nil {
		t.Fatal(err)
	}
	f.apply(patches)
	if !bytes.Equal(f.b, want) {
		t.Errorf("got  %x\nwant %x", f.b, want)
	}
	got, err := share.ParseImmutable(want, int64(len(want)))
	if err != nil || got.Size != 5 || got.Leases != 1 || got.Version != share.V2 || got.Unfinished != 0 {
		t.Errorf("parsed: %+v, %v", got, err)
	}
	for l, err := range got.AllLeases(bytes.NewReader(want)) {
		if err != nil || l != lease || !l.RenewedBy(share.V2, fill('r')) || l.RenewedBy(share.V2, fill('c')) {
			t.Errorf("lease: got %+v, %v; want %+v", l, err, lease)
		}
	}
}

// TestMutableExample describes a mutable container of version 2 byte by byte.
func TestMutableExample(t *testing.T) {
	empty := strings.Repeat("00", share.MutableLeaseSize)
	want := unhex(t, `
		5461686f65206d757461626c6520636f6e7461696e65722076320a c355219925
		`+strings.Repeat("6e", 20)+`
		`+strings.Repeat("77", 32)+`
		0000000000000007
		00000000000001db
		00000001 6a000000
		40a94cee0d59896c000581cae57197c0e04310bca32e07620f461edb19ad593b
		f0e9c07993de2011907f2a0f1629527b72d4c5261388a68237e46a7b6ab82dc6
		`+strings.Repeat("6e", 20)+`
		`+empty+empty+empty+`
		00006d75740a0b
		00000000`)
	node := [20]byte(bytes.Repeat([]byte("n"), 20))
	f := &memory{}
	e, err := share.Create(f, share.NewMutable(node, fill('w')))
	if err != nil {
		t.Fatal(err)
	}
	must(t, e.Write(2, bytes.NewReader([]byte("mut\x0a\x0b"))))
	lease := share.NewLease(e.Version, 1, secrets('r', 'c'), time.Unix(0x6a000000, 0), node)
	must(t, e.Lease(lease, secrets('r', 'c')))
	must(t, e.Finish())
	if !bytes.Equal(f.b, want) {
		t.Errorf("got  %x\nwant %x", f.b, want)
	}
	got, err := share.ReadMutable(bytes.NewReader(want), int64(len(want)))
	if err != nil || got != e.Mutable {
		t.Errorf("parsed: %+v, %v; want %+v", got, err, e.Mutable)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersionOneKeepsSecretsAsTheyAre(t *testing.T) {
	l := share.NewLease(share.V1, 0, secrets('r', 'c'), time.Unix(5, 0), [20]byte{})
	if !l.Renew.Equal(fill('r')) || !l.Cancel.Equal(fill('c')) || !l.RenewedBy(share.V1, fill('r')) || l.RenewedBy(share.V2, fill('r')) {
		t.Errorf("a lease of version 1 does not hold its secrets")
	}
}

func TestExpiryThatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		at   int64
		want uint32
	}{{-5, 0}, {0, 0}, {math.MaxUint32, math.MaxUint32}, {math.MaxUint32 + 1, math.MaxUint32}} {
		if got := share.NewLease(share.V2, 0, secrets(1, 2), time.Unix(c.at, 0), [20]byte{}).Expires; got != c.want {
			t.Errorf("expiry %d: got %d, want %d", c.at, got, c.want)
		}
	}
}

func TestParseImmutable(t *testing.T) {
	const huge = 5 << 32
	for _, c := range []struct {
		name       string
		header     string
		fileSize   int64
		size       int64
		unfinished int64
		bad        bool
	}{
		{name: "no lease", header: "00000002 00000005 00000000", fileSize: 17, size: 5},
		{name: "version 1", header: "00000001 00000005 00000002", fileSize: 17 + 144, size: 5},
		{name: "no data", header: "00000002 00000000 00000001", fileSize: 12 + 72, size: 0},
		{name: "lease half added", header: "00000002 00000005 00000001", fileSize: 17 + 72 + 30, size: 5, unfinished: 30},
		{name: "lease not counted", header: "00000002 00000005 00000001", fileSize: 17 + 72 + 72, size: 5, unfinished: 72},
		{name: "two leases not counted", header: "00000002 00000005 00000001", fileSize: 17 + 72 + 144, size: 5, unfinished: 144},
		{name: "one and a half", header: "00000002 00000005 00000002", fileSize: 17 + 144 + 108, size: 5, unfinished: 108},
		{name: "one byte more than a lease", header: "00000002 00000005 00000001", fileSize: 17 + 72 + 73, size: 5, unfinished: 73},
		{name: "nearly 2^32, lease half added", header: "00000002 fffffffe 00000001", fileSize: 12 + math.MaxUint32 - 1 + 72 + 30, size: math.MaxUint32 - 1, unfinished: 30},
		{name: "huge, lease half added", header: "00000002 ffffffff 00000001", fileSize: 12 + huge + 72 + 30, size: huge + 30},
		{name: "huge, two leases not counted", header: "00000002 ffffffff 00000001", fileSize: 12 + huge + 72 + 144, size: huge + 144},
		{name: "huge, of long ago, lease half added", header: "00000001 00000007 00000001", fileSize: 12 + huge + 7 + 72 + 30, size: huge + 7, unfinished: 30},
		{name: "huge, cut short", header: "00000002 ffffffff 00000000", fileSize: 12 + math.MaxUint32 - 1, bad: true},
		{name: "huge", header: "00000002 ffffffff 00000001", fileSize: 12 + huge + 72, size: huge},
		{name: "huge, of long ago", header: "00000001 00000000 00000001", fileSize: 12 + huge + 72, size: huge},
		{name: "size that just does not fit", header: "00000002 ffffffff 00000000", fileSize: 12 + math.MaxUint32, size: math.MaxUint32},
		{name: "cut short", header: "00000002 00000005 00000001", fileSize: 17 + 71, bad: true},
		{name: "more leases than bytes", header: "00000002 00000005 ffffffff", fileSize: 1000, bad: true},
		{name: "version 0", header: "00000000 00000005 00000000", fileSize: 17, bad: true},
		{name: "version 3", header: "00000003 00000005 00000000", fileSize: 17, bad: true},
		{name: "half a header", header: "00000002 000000", fileSize: 7, bad: true},
		{name: "nothing", bad: true},
	} {
		got, err := share.ParseImmutable(unhex(t, c.header), c.fileSize)
		if c.bad {
			if !errors.Is(err, share.ErrCorrupt) {
				t.Errorf("%s: got error %v, want %v", c.name, err, share.ErrCorrupt)
			}
			continue
		}
		if err != nil || got.Size != c.size || got.Unfinished != c.unfinished || got.FileSize()+got.Unfinished != c.fileSize {
			t.Errorf("%s: got %+v, %v; want %d bytes and %d unfinished", c.name, got, err, c.size, c.unfinished)
		}
	}
}

// Leases that are added to a share with stray bytes behind it change none of its data, and take the place of the strays.
func TestLeaseOverStrayBytes(t *testing.T) {
	c := share.NewImmutable(5)
	f := &memory{append(append(c.Header(), "hello"...), bytes.Repeat([]byte{0xee}, 144)...)}
	for k := range byte(4) {
		now, err := share.ParseImmutable(f.b, int64(len(f.b)))
		must(t, err)
		if want := max(0, 144-int64(k)*share.ImmutableLeaseSize); now.Size != 5 || now.Leases != uint32(k) || now.Unfinished != want {
			t.Errorf("after %d leases: got %+v, want 5 bytes and %d unfinished", k, now, want)
		}
		patches, err := now.PlanLease(f, share.NewLease(now.Version, 1, secrets(k, k), time.Unix(5, 0), [20]byte{}), secrets(k, k))
		must(t, err)
		f.apply(patches)
	}
	if !bytes.Equal(f.b[share.ImmutableHeaderSize:][:5], []byte("hello")) || bytes.Contains(f.b, []byte{0xee}) {
		t.Errorf("got %x, want the data and leases", f.b)
	}
}

func TestReadMutableRefuses(t *testing.T) {
	f := &memory{}
	e, err := share.Create(f, share.NewMutable([20]byte{}, fill('w')))
	must(t, err)
	must(t, e.Write(0, strings.NewReader("some data")))
	must(t, e.Finish())
	for _, c := range []struct {
		name string
		edit func(b []byte) []byte
	}{
		{"other magic", func(b []byte) []byte { b[28] ^= 1; return b }},
		{"cut in the header", func(b []byte) []byte { return b[:99] }},
		{"cut in the data", func(b []byte) []byte { return b[:470] }},
		{"cut in the count", func(b []byte) []byte { return b[:len(b)-1] }},
		{"more data than room", func(b []byte) []byte { b[91] = 200; return b }},
		{"enormous data", func(b []byte) []byte { b[84] = 0xff; return b }},
		{"leases far away", func(b []byte) []byte { b[92] = 0x7f; return b }},
		{"leases within the data", func(b []byte) []byte { b[99]--; return b }},
		{"leases within the header", func(b []byte) []byte { b[98], b[99] = 0, 5; return b }},
		{"more extra leases than bytes", func(b []byte) []byte { b[len(b)-1] = 1; return b }},
	} {
		b := c.edit(bytes.Clone(f.b))
		if _, err := share.ReadMutable(bytes.NewReader(b), int64(len(b))); !errors.Is(err, share.ErrCorrupt) {
			t.Errorf("%s: got error %v, want %v", c.name, err, share.ErrCorrupt)
		}
	}
}

func TestLeasesPrintNoSecret(t *testing.T) {
	l := share.NewLease(share.V1, 1, secrets('r', 'c'), time.Unix(5, 0), [20]byte{})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		for _, v := range []any{l, &l, []share.Lease{l}, share.NewMutable([20]byte{}, fill('r'))} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, "rrrr") || strings.Contains(out, "727272") || strings.Contains(out, "114, 114") || strings.Contains(out, "114 114") {
				t.Errorf("%s of %T shows a secret: %s", verb, v, out)
			}
		}
	}
}

// TestWritingFarIsCheap: a hole behind the container is left to the file system.
func TestWritingFarIsCheap(t *testing.T) {
	f := &counting{}
	e, err := share.Create(f, share.NewMutable([20]byte{}, fill('w')))
	must(t, err)
	must(t, e.Write(1<<50, strings.NewReader("far")))
	must(t, e.Finish())
	if f.written > 4096 {
		t.Errorf("wrote %d bytes for three", f.written)
	}
	if err := e.Write(share.MaxMutable-2, strings.NewReader("far")); !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("got error %v, want %v", err, storage.ErrTooLarge)
	}
}

// counting is an empty file that forgets what is written, and counts it.
type counting struct{ written int }

func (c *counting) WriteAt(b []byte, _ int64) (int, error) { c.written += len(b); return len(b), nil }
func (c *counting) ReadAt(b []byte, _ int64) (int, error)  { clear(b); return len(b), nil }

var _ io.ReaderAt = (*counting)(nil)
