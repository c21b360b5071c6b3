package immutable_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/internal/hashtree"
	"tahoe/internal/taghash"
	"tahoe/internal/zfec"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A slowEncoder makes the shares of a file in the most straightforward way there is, apart from the uploader.
type slowEncoder struct {
	k, n       int
	maxSegment int64
	v2         bool
	moreUEB    string // a field in front of all others
}

func (e slowEncoder) encode(t testing.TB, plain []byte) (caps.CHK, [][]byte) {
	t.Helper()
	g, err := layout.NewGeometry(e.k, e.n, int64(len(plain)), e.maxSegment)
	must(t, err)
	secret := taghash.Sum("slow encoder", plain[:1])
	key := [16]byte(secret[:16])
	block, err := aes.NewCipher(key[:])
	must(t, err)
	ciphertext := make([]byte, len(plain))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(ciphertext, plain)

	blocks, hashes := e.blocks(t, g, ciphertext)
	var segments []taghash.Hash
	for s := range g.Segments {
		off, size, _ := g.Segment(s)
		segments = append(segments, taghash.CiphertextSegment(ciphertext[off:off+size]))
	}
	tree := hashtree.Build(segments)
	var trees []hashtree.Tree
	var roots []taghash.Hash
	for i := range e.n {
		trees = append(trees, hashtree.Build(hashes[i]))
		roots = append(roots, trees[i].Root())
	}
	shareTree := hashtree.Build(roots)

	u := layout.NewUEB(g)
	h := taghash.NewCiphertext()
	_, _ = h.Write(ciphertext)
	u.CiphertextHash, u.CiphertextRoot, u.ShareRoot = h.Sum(), tree.Root(), shareTree.Root()
	ueb := append([]byte(e.moreUEB), u.Encode()...)
	l, err := g.Layout(len(ueb))
	must(t, err)
	if e.v2 {
		l = g.LayoutV2(len(ueb))
	}
	shares := make([][]byte, e.n)
	for i := range shares {
		b := append(l.Header(), blocks[i]...)
		b = append(b, make([]byte, g.TreeSize())...)
		b = appendTree(b, tree)
		b = appendTree(b, trees[i])
		for _, entry := range shareTree.ShareChain(i) {
			b = binary.BigEndian.AppendUint16(b, uint16(entry.Node))
			b = append(b, entry.Hash[:]...)
		}
		shares[i] = l.AppendUEB(b, ueb)
		if int64(len(shares[i])) != l.ShareSize() {
			t.Fatalf("share has %d bytes, want %d", len(shares[i]), l.ShareSize())
		}
	}
	chk, err := caps.NewCHK(caps.CHKParams{Key: key, UEBHash: taghash.UEB(ueb), Needed: e.k, Total: e.n, Size: int64(len(plain))})
	must(t, err)
	return chk, shares
}

// blocks returns the blocks of each share one behind the other, and their hashes.
func (e slowEncoder) blocks(t testing.TB, g layout.Geometry, ciphertext []byte) (blocks [][]byte, hashes [][]taghash.Hash) {
	code, err := zfec.New(e.k, e.n)
	must(t, err)
	blocks, hashes = make([][]byte, e.n), make([][]taghash.Hash, e.n)
	for s := range g.Segments {
		off, size, bs := g.Segment(s)
		padded := make([]byte, bs*int64(e.k))
		copy(padded, ciphertext[off:off+size])
		row := make([][]byte, e.n)
		for i := range row {
			row[i] = make([]byte, bs)
			if i < e.k {
				copy(row[i], padded[int64(i)*bs:])
			}
		}
		must(t, code.Encode(row))
		for i, b := range row {
			blocks[i] = append(blocks[i], b...)
			hashes[i] = append(hashes[i], taghash.Block(b))
		}
	}
	return blocks, hashes
}

func appendTree(b []byte, t hashtree.Tree) []byte {
	for _, h := range t {
		b = append(b, h[:]...)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A world is a grid of servers in memory that may misbehave.
type world struct {
	mems    []*storagetest.Mem
	faulty  []*storagetest.Faulty
	servers []*grid.Server
	budget  *reactor.Budget
}

func newWorld(t testing.TB, servers int) *world {
	t.Helper()
	w := &world{budget: reactor.NewBudget(256 << 20)}
	for i := range servers {
		m := storagetest.NewMem(storagetest.Config{})
		f := storagetest.NewFaulty(m)
		s, err := grid.NewServer(grid.Announcement{
			ID:       grid.ServerID(fmt.Sprintf("server-%03d", i)),
			Nickname: fmt.Sprintf("server-%03d", i),
			FURL:     "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:localhost:1/x",
		}, f)
		must(t, err)
		w.mems, w.faulty, w.servers = append(w.mems, m), append(w.faulty, f), append(w.servers, s)
	}
	return w
}

// place puts share i on server i, as far as there are servers.
func (w *world) place(c caps.CHK, shares [][]byte) {
	for i, b := range shares {
		w.mems[i%len(w.mems)].Put(c.Index(), storage.ShareNum(i), b)
	}
}

func (w *world) downloader() *immutable.Downloader {
	return w.downloaderWith(immutable.DownloaderConfig{})
}

func (w *world) downloaderWith(c immutable.DownloaderConfig) *immutable.Downloader {
	c.Servers, c.Pool, c.Budget = grid.Fixed(w.servers...), reactor.NewPool(2), w.budget
	return immutable.NewDownloader(c)
}

// reads is the number of reads that all servers served.
func (w *world) reads() int {
	n := 0
	for _, f := range w.faulty {
		n += f.Count(storagetest.OpRead)
	}
	return n
}

func (w *world) advisories() (out []storage.Corruption) {
	for _, m := range w.mems {
		out = append(out, m.Advisories()...)
	}
	return out
}

// noise is size bytes that follow from the seed.
func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed)))
	_, _ = r.Read(b)
	return b
}

// A checker is a writer that compares each byte with the plaintext as it comes.
type checker struct {
	t    testing.TB
	want []byte
	n    int
}

func (c *checker) Write(p []byte) (int, error) {
	if c.n+len(p) > len(c.want) || !bytes.Equal(p, c.want[c.n:c.n+len(p)]) {
		c.t.Fatalf("%d bytes at %d are not the plaintext", len(p), c.n)
	}
	c.n += len(p)
	return len(p), nil
}

// readAll reads the whole file and compares it.
func readAll(t testing.TB, ctx context.Context, f *immutable.File, plain []byte) {
	t.Helper()
	readRange(t, ctx, f, plain, 0, int64(len(plain)))
}

func readRange(t testing.TB, ctx context.Context, f *immutable.File, plain []byte, off, n int64) {
	t.Helper()
	want := plain[min(off, int64(len(plain))):min(off+n, int64(len(plain)))]
	c := &checker{t: t, want: want}
	if err := f.Read(ctx, off, n, c); err != nil {
		t.Fatalf("read %d bytes at %d: %v", n, off, err)
	}
	if c.n != len(want) {
		t.Fatalf("read %d bytes at %d: got %d", n, off, c.n)
	}
}

// limit fails the test when f takes more than d of fake time.
func limit(t testing.TB, d time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > d {
		t.Errorf("took %v, want at most %v", took, d)
	}
}

func mustCHK(t testing.TB, size int64) caps.CHK {
	t.Helper()
	chk, err := caps.NewCHK(caps.CHKParams{Needed: 3, Total: 10, Size: size})
	must(t, err)
	return chk
}
