package lafs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/internal/base32"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func newClient(t testing.TB) (*lafs.Client, []*storagetest.Mem) {
	t.Helper()
	servers, mems := newServers(t)
	return clientOf(servers), mems
}

// newServers makes ten servers in memory.
func newServers(t testing.TB) (grid.Servers, []*storagetest.Mem) {
	t.Helper()
	var mems []*storagetest.Mem
	servers := newServersOf(t, func() storage.Server {
		m := storagetest.NewMem(storagetest.Config{})
		mems = append(mems, m)
		return m
	})
	return servers, mems
}

// newServersOf makes ten servers of what next gives.
func newServersOf(t testing.TB, next func() storage.Server) grid.Servers {
	t.Helper()
	var servers []*grid.Server
	for i := range 10 {
		tub := make([]byte, 20)
		tub[0] = byte(i)
		a := grid.Announcement{ID: grid.ServerID(fmt.Sprintf("server%d", i)), FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}
		s, err := grid.NewServer(a, next())
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	return grid.Fixed(servers...)
}

// TestPutAndOpen: what was put is read back, also when seven of ten servers have lost it.
func TestPutAndOpen(t *testing.T) {
	for _, size := range []int{0, 1, 55, 56, 1000, 131_071, 131_073, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c, mems := newClient(t)
			data := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
			r, err := c.Put(t.Context(), io.MultiReader(bytes.NewReader(data)), lafs.PutOptions{Size: -1})
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range mems[:7] {
				for _, n := range m.Shares(r.Index) {
					if !m.Remove(r.Index, n) {
						t.Fatalf("server %d keeps share %d", i, n)
					}
				}
			}
			f := open(t, c, r.Cap)
			if f.Size() != int64(size) || f.Cap().Encode() != r.Cap.Encode() {
				t.Errorf("file of %d bytes, want %d", f.Size(), size)
			}
			for _, span := range []storage.Span{{Offset: 0, Size: int64(size)}, {Offset: int64(size) / 3, Size: 7}, {Offset: int64(size), Size: 5}} {
				var got bytes.Buffer
				if err := f.Read(t.Context(), span.Offset, span.Size, &got); err != nil {
					t.Fatalf("read %+v: %v", span, err)
				}
				want := data[span.Offset:min(int64(size), span.End())]
				if !bytes.Equal(got.Bytes(), want) {
					t.Errorf("read %+v: got %d other bytes, want %d", span, got.Len(), len(want))
				}
			}
			if err := f.Read(t.Context(), -1, 1, io.Discard); !errors.Is(err, storage.ErrRange) {
				t.Errorf("read at -1: got %v, want %v", err, storage.ErrRange)
			}
		})
	}
}

func open(t testing.TB, c *lafs.Client, k caps.Cap) lafs.File {
	t.Helper()
	n, err := c.Open(k)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := n.(lafs.File)
	if !ok {
		t.Fatalf("got a %T, want a file", n)
	}
	return f
}

func TestOpenWrongKind(t *testing.T) {
	c, _ := newClient(t)
	verify, _ := chk(t, 1, 100).Verify()
	for _, x := range []struct {
		c    caps.Cap
		want string
	}{
		{verify, "allows to verify, and not to read"},
		{nil, "there is no capability"},
	} {
		_, err := c.Open(x.c)
		if !errors.Is(err, lafs.ErrWrongKind) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: got %v, want %q", x.c, err, x.want)
		}
	}
}

// TestOpen: each capability opens what it names, and keeps its text.
func TestOpen(t *testing.T) {
	c, _ := newClient(t)
	write := caps.NewMutableWrite(caps.MDMF, [16]byte{1}, [32]byte{2})
	lit, err := caps.NewLiteral([]byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	directory := func(k caps.Read) caps.Read {
		d, err := caps.NewDirectory(k)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, x := range []struct {
		k                  caps.Cap
		want               string
		writeable, mutable bool
		format             lafs.Format
	}{
		{k: chk(t, 1, 100), want: "lafs.chkFile", format: lafs.CHK},
		{k: lit, want: "lafs.literalFile"},
		{k: write, want: "*lafs.MutableFile", writeable: true, mutable: true, format: lafs.MDMF},
		{k: write.ReadOnly(), want: "*lafs.MutableFile", mutable: true, format: lafs.MDMF},
		{k: directory(chk(t, 1, 100)), want: "*lafs.Directory", format: lafs.CHK},
		{k: directory(lit), want: "*lafs.Directory"},
		{k: directory(write), want: "*lafs.Directory", writeable: true, mutable: true, format: lafs.MDMF},
		{k: directory(write.ReadOnly()), want: "*lafs.Directory", mutable: true, format: lafs.MDMF},
		{k: parse(t, "x-tahoe-future-test-writeable:URI:NEW:thing"), want: "*lafs.UnknownNode"},
	} {
		n, err := c.Open(x.k)
		if err != nil {
			t.Errorf("%v: %v", x.k, err)
			continue
		}
		if got := fmt.Sprintf("%T", n); got != x.want || n.Cap() != x.k || lafs.FormatOf(x.k) != x.format {
			t.Errorf("%v: got a %s with %v of format %q, want a %s", x.k, got, n.Cap(), lafs.FormatOf(x.k), x.want)
		}
		if w, ok := n.(interface{ Writeable() bool }); ok && w.Writeable() != x.writeable {
			t.Errorf("%v: writeable is %v", x.k, w.Writeable())
		}
		if d, ok := n.(*lafs.Directory); ok && d.Mutable() != x.mutable {
			t.Errorf("%v: mutable is %v", x.k, d.Mutable())
		}
	}
}

func TestPutFails(t *testing.T) {
	c, _ := newClient(t)
	r, err := c.Put(t.Context(), strings.NewReader("hello"), lafs.PutOptions{Size: 4})
	if err == nil || r.Cap != nil {
		t.Errorf("got %+v, %v; want an error", r, err)
	}
}

// TestListingHidesItsEntries: printing what a directory holds shows no capability.
func TestListingHidesItsEntries(t *testing.T) {
	c, _ := newMemoryClient(t)
	child := literal(t, "name", "a literal secret")
	l, err := mkdir(t, c, child).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secret := child.Read.Encode()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{l, *l, lafs.Visit{Listing: l}} {
			got := fmt.Sprintf(verb, v)
			for _, s := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
				if strings.Contains(got, s) {
					t.Errorf("%s of a %T shows %s", verb, v, got)
				}
			}
		}
	}
}

// TestNodeHidesItsCapability: printing a node shows no secret.
func TestNodeHidesItsCapability(t *testing.T) {
	c, _ := newClient(t)
	for _, text := range []string{"a literal secret", strings.Repeat("secret", 100)} {
		r, err := c.Put(t.Context(), strings.NewReader(text), lafs.PutOptions{Size: int64(len(text))})
		if err != nil {
			t.Fatal(err)
		}
		secret := strings.Split(r.Cap.Encode(), ":")[2]
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			for _, v := range []any{open(t, c, r.Cap), r, &r} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, secret) || strings.Contains(got, "secret") {
					t.Errorf("%s of a %T shows the capability", verb, v)
				}
			}
		}
	}
}
