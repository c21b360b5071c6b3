package immutable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// TestUploadSources: whatever the source, the same bytes give the same capability.
func TestUploadSources(t *testing.T) {
	enc := immutable.Encoding{Needed: 3, Happy: 7, Total: 10, MaxSegment: 10_000}
	for _, size := range []int{0, 1, 55, 56, 9_999, 10_000, 10_001, 10_002, 100_000, 700_001} {
		data := upData(size)
		sources := []struct {
			name string
			src  io.Reader
			size int64
		}{
			{"twice", bytes.NewReader(data), int64(size)},
			{"once", onlyReader{bytes.NewReader(data)}, int64(size)},
			{"unknown length", bytes.NewReader(data), -1},
			{"unknown length, small reads", iotest.HalfReader(bytes.NewReader(data)), -1},
			{"data with the error", iotest.DataErrReader(bytes.NewReader(data)), -1},
		}
		var want string
		for _, s := range sources {
			g := newUpGrid(t, 10)
			u := g.uploader(func(c *immutable.UploaderConfig) { c.Encoding, c.SpoolDir = enc, t.TempDir() })
			c, r, err := u.Upload(t.Context(), s.src, immutable.UploadOptions{Size: s.size})
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", size, s.name, err)
			}
			if want == "" {
				want = c.Encode()
			}
			if c.Encode() != want || r.Size != int64(size) {
				t.Errorf("%d bytes, %s: another capability than the first", size, s.name)
			}
			if size > caps.MaxLiteral {
				g.checkShares(t, c, enc.MaxSegment, 10)
			}
		}
	}
}

func TestUploadBadSources(t *testing.T) {
	data := upData(50_000)
	failing := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(errInjected))
	cut := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF))
	for _, c := range []struct {
		name string
		src  io.Reader
		size int64
		want string
	}{
		{"longer, read twice", bytes.NewReader(data), 49_999, "it is longer than the 49999 bytes that were stated"},
		{"longer, read once", onlyReader{bytes.NewReader(data)}, 49_999, "it is longer than the 49999 bytes that were stated"},
		{"shorter, read twice", bytes.NewReader(data), 50_001, "it ends after 50000 bytes, and 50001 were stated"},
		{"shorter, read once", onlyReader{bytes.NewReader(data)}, 50_001, "it ends after 50000 bytes, and 50001 were stated"},
		{"empty, read once", onlyReader{strings.NewReader("")}, 5, "it ends after 0 bytes, and 5 were stated"},
		{"empty, read twice", strings.NewReader(""), 5, "it ends after 0 bytes"},
		{"small but not empty", strings.NewReader("hello"), 0, "it is longer than the 0 bytes that were stated"},
		{"failing", failing, -1, "injected"},
		{"cut short by its connection", cut, -1, "unexpected EOF"},
		{"no such spool folder", onlyReader{bytes.NewReader(upData(200_000))}, -1, "make spool file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newUpGrid(t, 10)
			u := g.uploader(func(c *immutable.UploaderConfig) { c.SpoolDir = "no such folder" })
			_, _, err := u.Upload(t.Context(), c.src, immutable.UploadOptions{Size: c.size})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			g.checkNothing(t)
		})
	}
}

// changing is a source that is shorter, or broken, when it is read a second time.
type changing struct {
	*bytes.Reader
	reads atomic.Int64
	err   error
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	if c.reads.Add(int64(len(p))) > 3*c.Size()/2 {
		return 0, c.err
	}
	return c.Reader.ReadAt(p, off)
}

func TestUploadSourceChanges(t *testing.T) {
	for _, err := range []error{io.EOF, errInjected} {
		g := newUpGrid(t, 10)
		src := &changing{Reader: bytes.NewReader(upData(2_000_000)), err: err}
		u := g.uploader(func(c *immutable.UploaderConfig) { c.Encoding = smallSegments(50_000) })
		_, _, got := u.Upload(t.Context(), src, immutable.UploadOptions{Size: 2_000_000})
		if got == nil || !strings.HasPrefix(got.Error(), "read source: ") {
			t.Errorf("got %v, want a source that cannot be read", got)
		}
		if unhappy, ok := errors.AsType[*immutable.UnhappyError](got); ok {
			t.Errorf("servers are blamed for the source: %v", unhappy)
		}
		g.checkNothing(t)
	}
}

// TestUploadFileChanges: a file that is written to between its two readings gives no capability, and no shares.
func TestUploadFileChanges(t *testing.T) {
	const size = 400_000
	for _, c := range []struct {
		name   string
		change func(f *os.File) error // after the first reading
		random bool
		fails  bool
	}{
		{"not at all", func(*os.File) error { return nil }, false, false},
		{"written to", func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Unix(1, 0)) }, false, true},
		{"longer", func(f *os.File) error { return f.Truncate(size + 1) }, false, true},
		{"a random key fits whatever is read", func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Unix(1, 0)) }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(upData(size)); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			g := newUpGrid(t, 10)
			u := g.uploader(func(c *immutable.UploaderConfig) { c.Encoding = smallSegments(50_000) })
			got, _, err := u.Upload(t.Context(), f, immutable.UploadOptions{Size: size, RandomKey: c.random, Progress: func(p immutable.Progress) {
				if p.Hashed == size {
					once.Do(func() {
						if err := c.change(f); err != nil {
							t.Error(err)
						}
					})
				}
			}})
			if !c.fails {
				if err != nil {
					t.Fatal(err)
				}
				g.checkShares(t, got, 50_000, 10)
				return
			}
			if err == nil || err.Error() != "read source: the file was changed during its upload" {
				t.Errorf("got %v", err)
			}
			g.checkNothing(t)
		})
	}
}

func smallSegments(size int64) immutable.Encoding {
	e := immutable.DefaultEncoding()
	e.MaxSegment = size
	return e
}

func TestUploadRandomKey(t *testing.T) {
	g := newUpGrid(t, 10)
	u := g.uploader()
	var got []string
	for _, src := range []io.Reader{bytes.NewReader(upData(5000)), onlyReader{bytes.NewReader(upData(5000))}} {
		c, _, err := u.Upload(t.Context(), src, immutable.UploadOptions{Size: 5000, RandomKey: true})
		if err != nil {
			t.Fatal(err)
		}
		g.checkShares(t, c, 1<<20, 10)
		got = append(got, c.Encode())
	}
	if got[0] == got[1] {
		t.Error("two uploads with random keys give the same capability")
	}
}

func TestEncodingValidate(t *testing.T) {
	for _, c := range []struct {
		enc  immutable.Encoding
		want string
	}{
		{immutable.DefaultEncoding(), ""},
		{immutable.Encoding{Needed: 256, Happy: 256, Total: 256, MaxSegment: 1}, ""},
		{immutable.Encoding{Needed: 0, Happy: 1, Total: 1, MaxSegment: 1}, "needs 0 shares"},
		{immutable.Encoding{Needed: 4, Happy: 1, Total: 3, MaxSegment: 1}, "needs 4 shares to rebuild a file, but makes only 3"},
		{immutable.Encoding{Needed: 4, Happy: 1, Total: 257, MaxSegment: 1}, "makes 257 shares in total; there can be at most 256"},
		{immutable.Encoding{Needed: 3, Happy: 11, Total: 10, MaxSegment: 1}, "at least 11 servers, but makes only 10"},
		{immutable.Encoding{Needed: 3, Happy: 0, Total: 10, MaxSegment: 1}, "happy with 0 servers"},
		{immutable.Encoding{Needed: 3, Happy: 7, Total: 10, MaxSegment: 0}, "segment size of 0 bytes"},
		{immutable.Encoding{Needed: 3, Happy: 7, Total: 10, MaxSegment: 1 << 40}, "segment size of 1099511627776 bytes"},
	} {
		err := c.enc.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.enc, err, c.want)
		}
		g := newUpGrid(t, 1)
		if c.want == "" {
			continue
		}
		_, _, err = g.uploader().Upload(t.Context(), strings.NewReader("x"), immutable.UploadOptions{Size: 1, Encoding: &c.enc})
		if err == nil {
			t.Errorf("%+v: an upload succeeds", c.enc)
		}
	}
}

func TestUploadProgress(t *testing.T) {
	g := newUpGrid(t, 10)
	var last immutable.Progress
	var calling atomic.Bool
	data := upData(3_000_000)
	c, _, err := g.uploader().Upload(t.Context(), bytes.NewReader(data), immutable.UploadOptions{
		Size: -1,
		Progress: func(p immutable.Progress) {
			if !calling.CompareAndSwap(false, true) {
				t.Error("two goroutines report at once")
			}
			if p.Hashed < last.Hashed || p.Encoded < last.Encoded || p.Pushed < last.Pushed {
				t.Errorf("progress goes back from %+v to %+v", last, p)
			}
			last = p
			calling.Store(false)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	share := int64(len(g.mems[0].Bytes(c.(caps.CHK).Index(), 0)))
	want := immutable.Progress{Size: 3_000_000, Hashed: 3_000_000, Encoded: 3_000_000, Pushed: 10 * share, ToPush: 10 * share}
	if last != want {
		t.Errorf("got %+v, want %+v", last, want)
	}
}

func TestUploadTwiceAtOnce(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("one uploader %v", shared), func(t *testing.T) {
			g := newUpGrid(t, 10)
			ups := []*immutable.Uploader{g.uploader(), g.uploader()}
			if shared {
				ups[1] = ups[0]
			}
			data := upData(300_000)
			var got [2]caps.Read
			var wg sync.WaitGroup
			for i, u := range ups {
				wg.Go(func() {
					c, _, err := u.Upload(t.Context(), bytes.NewReader(data), immutable.UploadOptions{Size: 300_000})
					if err != nil {
						t.Errorf("upload %d: %v", i, err)
					}
					got[i] = c
				})
			}
			wg.Wait()
			if t.Failed() {
				return
			}
			if got[0].Encode() != got[1].Encode() {
				t.Error("the same file has two capabilities")
			}
			g.checkShares(t, got[0], 1<<20, 10)
		})
	}
}

// TestUploadBudget: many uploads stay within the budget, and all succeed.
func TestUploadBudget(t *testing.T) {
	uploads, size := 100, 10<<20
	if testing.Short() {
		uploads, size = 20, 2<<20
	}
	budget := reactor.NewBudget(64 << 20)
	g := &upGrid{}
	for i := range 10 {
		g.servers = append(g.servers, newUpServer(t, i, discard{}))
	}
	u := g.uploader(func(c *immutable.UploaderConfig) { c.Budget = budget })
	data := upData(size + uploads)
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			_, _, err := u.Upload(t.Context(), bytes.NewReader(data[i:][:size]), immutable.UploadOptions{
				Size:     int64(size),
				Progress: func(immutable.Progress) { checkBudget(t, budget) },
			})
			if err != nil {
				t.Errorf("upload %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if budget.InUse() != 0 {
		t.Errorf("%d bytes of the budget were not given back", budget.InUse())
	}
}

func checkBudget(t *testing.T, b *reactor.Budget) {
	if b.InUse() > b.Total() {
		t.Errorf("%d bytes are in use, of %d", b.InUse(), b.Total())
	}
}

// TestUploadBudgetSmallerThanNeed: an upload that needs more than there is gets all of it.
func TestUploadBudgetSmallerThanNeed(t *testing.T) {
	g := newUpGrid(t, 10)
	c, _, err := g.upload(t.Context(), upData(100_000), func(c *immutable.UploaderConfig) { c.Budget = reactor.NewBudget(1000) })
	if err != nil {
		t.Fatal(err)
	}
	g.checkShares(t, c, 1<<20, 10)
}

func TestUploadConfigHidesTheSecret(t *testing.T) {
	c := immutable.UploaderConfig{Convergence: []byte("hush hush")}
	u := immutable.NewUploader(c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{c, &c, u, *new(struct{ C immutable.UploaderConfig })} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hush") || strings.Contains(text, "68757368") || strings.Contains(text, "104 117 115 104") {
				t.Errorf("%s of %T shows the secret", verb, v)
			}
		}
	}
}

// discard is a server that takes everything and keeps nothing.
type discard struct{ storage.Server }

func (discard) Version(context.Context) (storage.Version, error) {
	return storage.Version{MaxImmutableShare: 1 << 50}, nil
}

func (discard) Buckets(context.Context, storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	return nil, nil
}

func (discard) Allocate(_ context.Context, _ storage.Index, a storage.Allocation) (storage.Allocated, error) {
	out := storage.Allocated{Writers: map[storage.ShareNum]storage.Writer{}}
	for _, n := range a.Shares {
		out.Writers[n] = discardWriter{}
	}
	return out, nil
}

type discardWriter struct{}

func (discardWriter) Write(_ context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	n, err := io.Copy(io.Discard, r)
	if err == nil && n != s.Size {
		err = fmt.Errorf("%d bytes, want %d: %w", n, s.Size, io.ErrUnexpectedEOF)
	}
	return nil, err
}

func (discardWriter) Close(context.Context) error { return nil }
func (discardWriter) Abort(context.Context) error { return nil }

func sharesOn(m *storagetest.Mem, i storage.Index) []int {
	var out []int
	for _, n := range m.Shares(i) {
		out = append(out, int(n))
	}
	slices.Sort(out)
	return out
}

// TestUploadTinySegments: segments that would fit into a literal make no difference to how a key is found.
func TestUploadTinySegments(t *testing.T) {
	g := newUpGrid(t, 10)
	tiny := func(c *immutable.UploaderConfig) {
		c.Encoding = immutable.DefaultEncoding()
		c.Encoding.MaxSegment = 20
	}
	want, _, err := g.upload(t.Context(), upData(100), tiny)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := g.uploader(tiny).Upload(t.Context(), onlyReader{bytes.NewReader(upData(100))}, immutable.UploadOptions{Size: -1})
	if err != nil || got.Encode() != want.Encode() {
		t.Errorf("a source that is read once: got another capability, or %v", err)
	}
}
