package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tahoe/caps"
	"tahoe/internal/zfec"
	"tahoe/lafs/mutable/layout"
)

// recorded is a file whose shares the original wrote: see testdata/README.md.
type recorded struct {
	Name, Cap     string
	Needed, Total int
	Size          int64
	Seqnum        uint64
	Shares        []int
}

func recordedFiles(t testing.TB) (files []recorded) {
	t.Helper()
	b, err := os.ReadFile("testdata/original/files.json")
	if err == nil {
		err = json.Unmarshal(b, &files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (r recorded) cap(t testing.TB) caps.MutableWrite {
	t.Helper()
	c, err := caps.Parse(r.Cap)
	if err != nil {
		t.Fatal(err)
	}
	return c.(caps.MutableWrite)
}

func (r recorded) share(t testing.TB, n int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "original", fmt.Sprintf("%s.%d", r.Name, n)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func contents(size int64) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(7*i + i/251 + 1)
	}
	return b
}

// dataOf are the data of a share.
func dataOf(h layout.Header, share []byte) []byte {
	s := h.Span(layout.PartData)
	return share[s.Offset:s.End()]
}

// What the original wrote verifies, and packing it again gives the same bytes.
func TestRecordedShares(t *testing.T) {
	for _, r := range recordedFiles(t) {
		c := r.cap(t)
		for _, n := range r.Shares {
			t.Run(fmt.Sprint(r.Name, " share ", n), func(t *testing.T) {
				share := r.share(t, n)
				h, p, err := layout.VerifyShare(bytes.NewReader(share), n, c.Fingerprint())
				if err != nil {
					t.Fatal(err)
				}
				g, err := layout.NewGeometry(c.FileFormat(), r.Needed, r.Total, r.Size)
				if err != nil {
					t.Fatal(err)
				}
				if want := g.Prefix(h.Checkstring); h.Prefix != want || h.Seqnum != r.Seqnum {
					t.Errorf("got prefix %+v, want %+v with seqnum %d", h.Prefix, want, r.Seqnum)
				}
				packed, err := p.Pack(bytes.NewReader(dataOf(h, share)))
				if err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, packed); !bytes.Equal(got, share[:h.ShareSize()]) {
					t.Errorf("packed again the share differs:\n%x\n%x", got, share[:h.ShareSize()])
				}
				if _, _, err := layout.VerifyShare(bytes.NewReader(share), (n+1)%r.Total, c.Fingerprint()); r.Total > 1 && err == nil {
					t.Error("it passes for another share too")
				}
				key, err := layout.DecryptPrivateKey(c.Key(), p.PrivateKey)
				if err != nil {
					t.Fatal(err)
				}
				if got := key.Cap(c.FileFormat()); got != c {
					t.Errorf("the private key gives another capability")
				}
				if !bytes.Equal(key.Encrypted(), p.PrivateKey) || !bytes.Equal(key.Public().DER(), p.PublicKey) {
					t.Error("the keys are written in another way")
				}
			})
		}
	}
}

func readAll(t testing.TB, r interface {
	io.ReaderAt
	Size() int64
}) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Files that the original wrote are decoded and decrypted.
func TestRecordedContents(t *testing.T) {
	decoded := 0
	for _, r := range recordedFiles(t) {
		if len(r.Shares) < r.Needed {
			continue
		}
		decoded++
		t.Run(r.Name, func(t *testing.T) {
			if got := r.decode(t); !bytes.Equal(got, contents(r.Size)) {
				t.Errorf("got %x", got)
			}
		})
	}
	if decoded < 5 {
		t.Errorf("decoded %d files; too few", decoded)
	}
}

func (r recorded) decode(t *testing.T) (plain []byte) {
	code, err := zfec.New(r.Needed, r.Total)
	if err != nil {
		t.Fatal(err)
	}
	h, err := layout.ParseHeader(r.share(t, r.Shares[0]))
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.Geometry()
	if err != nil {
		t.Fatal(err)
	}
	read := r.cap(t).ReadOnly().(caps.MutableRead).Key()
	for s := range g.Segments {
		salt, blocks := h.Salt, make([][]byte, r.Total)
		for _, n := range r.Shares {
			at := h.Block(g, s)
			b := r.share(t, n)[at.Offset:at.End()]
			if c := b[:g.SaltSize()]; len(c) > 0 {
				salt = [layout.SaltSize]byte(c)
			}
			blocks[n] = b[g.SaltSize():]
		}
		if err := code.Rebuild(blocks); err != nil {
			t.Fatal(err)
		}
		_, size, _ := g.Segment(s)
		segment := bytes.Join(blocks[:r.Needed], nil)[:size]
		layout.Crypt(read, salt, segment, segment)
		plain = append(plain, segment...)
	}
	return plain
}

// Each bit of a share matters, but for those that no reader looks at.
func TestFlippedBits(t *testing.T) {
	for _, r := range recordedFiles(t) {
		if r.Total > 10 {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			n := r.Shares[0]
			good := r.share(t, n)
			h, err := layout.ParseHeader(good)
			if err != nil {
				t.Fatal(err)
			}
			unread := h.Span(layout.PartPublicKey).End() // to the data, in MDMF
			for i := range good[:h.ShareSize()] {
				gap := h.Format == caps.MDMF && int64(i) >= unread && int64(i) < h.Span(layout.PartData).Offset
				bad := bytes.Clone(good)
				bad[i] ^= 1 << (i % 8)
				if err := r.verify(t, n, bad); (err == nil) != gap {
					t.Fatalf("bit flipped in byte %d, %v: %v", i, partAt(h, int64(i)), err)
				} else if err != nil && !isCorrupt(err) {
					t.Fatalf("byte %d: %v is no *CorruptError", i, err)
				}
			}
		})
	}
}

// verify checks a share with all that the write capability allows to check.
func (r recorded) verify(t *testing.T, n int, share []byte) error {
	_, p, err := layout.VerifyShare(bytes.NewReader(share), n, r.cap(t).Fingerprint())
	if err == nil {
		_, err = layout.DecryptPrivateKey(r.cap(t).Key(), p.PrivateKey)
	}
	return err
}

func isCorrupt(err error) bool {
	var c *layout.CorruptError
	return errors.As(err, &c)
}

// partAt is the part that byte i of a share belongs to.
func partAt(h layout.Header, i int64) layout.Part {
	for p := layout.PartHeader; p <= layout.PartPrivateKey; p++ {
		if s := h.Span(p); i >= s.Offset && i < s.End() {
			return p
		}
	}
	return layout.PartHeader
}

// A share that ends early is corrupt, wherever it ends.
func TestTruncatedShares(t *testing.T) {
	for _, r := range recordedFiles(t) {
		n := r.Shares[0]
		share := r.share(t, n)
		h, err := layout.ParseHeader(share)
		if err != nil {
			t.Fatal(err)
		}
		for size := int64(0); size < h.ShareSize(); size += 1 + size/50 {
			if err := r.verify(t, n, share[:size]); !isCorrupt(err) {
				t.Fatalf("%s cut to %d bytes: %v", r.Name, size, err)
			}
		}
	}
}
