package rihelper_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"tahoe/caps"
	"tahoe/internal/foolscap"
	"tahoe/lafs/grid"
	"tahoe/lafs/helper"
	"tahoe/lafs/immutable"
	"tahoe/reactor"
	"tahoe/storage"
)

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

func upload(t testing.TB, u *immutable.Uploader, data []byte) (string, *immutable.UploadResult) {
	t.Helper()
	c, r, err := u.Upload(t.Context(), bytes.NewReader(data), immutable.UploadOptions{Size: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	return c.Encode(), r
}

// direct is the capability that a direct upload gives.
func direct(t testing.TB, data []byte) string {
	t.Helper()
	s, _ := servers(t, 10)
	c, _ := upload(t, uploader(s, nil), data)
	return c
}

func mustRead(t testing.TB, s grid.Servers, text string, want []byte) {
	t.Helper()
	c, err := caps.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	f := immutable.NewDownloader(immutable.DownloaderConfig{Servers: s, Pool: reactor.NewPool(0), Budget: reactor.NewBudget(32 << 20)}).Open(c.(caps.CHK))
	if err := f.Read(t.Context(), 0, f.Size(), &got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("read: got %d bytes and error %v, want the %d that were stored", got.Len(), err, len(want))
	}
}

func empty(t testing.TB, p *place) {
	t.Helper()
	for _, folder := range []string{"CHK_incoming", "CHK_encoding"} {
		if files, err := os.ReadDir(filepath.Join(p.dir, folder)); err != nil || len(files) > 0 {
			t.Errorf("%s: got %d files and error %v, want none", folder, len(files), err)
		}
	}
}

// TestSameCapability: through the helper, files get the capabilities of a direct upload, and can be read.
func TestSameCapability(t *testing.T) {
	s, _ := servers(t, 10)
	p := newPlace(t, uploader(s, nil))
	u := uploader(s, client(t, p))
	for _, size := range []int{56, 1000, 1 << 20, 3<<20 + 7} {
		data := content(size)
		c, r := upload(t, u, data)
		if want := direct(t, data); c != want || !r.Helped || r.Pushed != 10 || r.Happiness != 10 {
			t.Errorf("%d bytes: got another capability (%v) or result %+v", size, c != want, r)
		}
		mustRead(t, s, c, data)
		if _, again := upload(t, u, data); !again.Helped || again.Pushed != 0 || again.Preexisting != 10 {
			t.Errorf("%d bytes again: got %+v, want that all shares were there", size, again)
		}
	}
	empty(t, p)
	stats := p.helper.Stats()
	if stats["chk_upload_helper.upload_requests"] != 8 || stats["chk_upload_helper.upload_already_present"] != 4 || stats["chk_upload_helper.active_uploads"] != 0 {
		t.Errorf("got statistics %v", stats)
	}
	if small, r := upload(t, u, content(55)); r.Helped || stats["chk_upload_helper.upload_requests"] != 8 {
		t.Errorf("a literal went to the helper: %.8s", small)
	}
}

// TestCutFiveTimes: an upload whose connection breaks five times sends no more than 5 % again.
func TestCutFiveTimes(t *testing.T) { cutFiveTimes(t, 24<<20) }

func TestCutFiveTimesLong(t *testing.T) {
	if os.Getenv("TAHOE_LONG") == "" {
		t.Skip("300 MB: set TAHOE_LONG=1")
	}
	cutFiveTimes(t, 300_000_000)
}

func cutFiveTimes(t *testing.T, size int) {
	s, _ := servers(t, 3)
	up := immutable.NewUploader(immutable.UploaderConfig{Servers: s, Lease: lease})
	p := newPlace(t, up)
	helped := client(t, p)
	p.mu.Lock()
	p.cuts, p.cutAfter, p.taken = 5, int64(size/7), 0
	p.mu.Unlock()
	enc := immutable.Encoding{Needed: 1, Happy: 1, Total: 1, MaxSegment: 1 << 20}
	u := immutable.NewUploader(immutable.UploaderConfig{Servers: s, Lease: lease, Helper: helped, Encoding: enc})
	_, r := upload(t, u, content(size))
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.Helped || p.cuts != 0 {
		t.Fatalf("got %d cuts left and helped %v", p.cuts, r.Helped)
	}
	fetched := p.helper.Stats()["chk_upload_helper.fetched_bytes"]
	if most := float64(size) * 1.05; float64(p.taken) > max(most, float64(size)+5*700<<10) || fetched != float64(size) {
		t.Errorf("a file of %d bytes took %d on the wire, and %v were kept", size, p.taken, fetched)
	}
	t.Logf("%d bytes, cut five times: %d on the wire (%.2f %% more)", size, p.taken, 100*(float64(p.taken)/float64(size)-1))
}

// A halting uploader stops until it is let go.
type halting struct {
	helper.Uploader
	entered chan struct{}
	fails   error
}

func (h *halting) UploadSealed(ctx context.Context, s immutable.Sealed) (*immutable.UploadResult, error) {
	close(h.entered)
	if h.fails != nil {
		return nil, h.fails
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestHelperRestarts: a helper that dies when it has all of a file goes on with it when it is back, without any of it being sent again.
func TestHelperRestarts(t *testing.T) {
	s, _ := servers(t, 10)
	first := &halting{Uploader: uploader(s, nil), entered: make(chan struct{})}
	p := newPlace(t, first)
	u := uploader(s, client(t, p))
	data := content(2 << 20)
	var uploading sync.WaitGroup
	var c string
	var r *immutable.UploadResult
	uploading.Go(func() { c, r = upload(t, u, data) })
	<-first.entered
	p.stop()
	p.up = uploader(s, nil)
	p.start()
	uploading.Wait()
	if r == nil || !r.Helped || c != direct(t, data) {
		t.Fatalf("got %+v, want the helper's upload of this file", r)
	}
	if stats := p.helper.Stats(); stats["chk_upload_helper.fetched_bytes"] != 0 || stats["chk_upload_helper.resumes"] != 1 {
		t.Errorf("got %v, want that nothing was fetched again", stats)
	}
	mustRead(t, s, c, data)
	empty(t, p)
}

// TestFallsBack: a helper that is away, or cannot, leaves the upload to the client.
func TestFallsBack(t *testing.T) {
	data := content(100_000)
	for _, c := range []struct {
		name string
		up   helper.Uploader
		stop bool
	}{
		{"away", nil, true},
		{"cannot", &halting{entered: make(chan struct{}), fails: errors.New("injected")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := servers(t, 10)
			none, _ := servers(t, 0)
			if h, ok := c.up.(*halting); ok {
				h.Uploader = uploader(none, nil)
			} else {
				c.up = uploader(none, nil)
			}
			p := newPlace(t, c.up)
			helped := client(t, p)
			if c.stop {
				p.stop()
				eventually(t, "the end of the connection", func() bool { return !helped.Connected() })
			}
			got, r := upload(t, uploader(s, helped), data)
			if r.Helped || got != direct(t, data) {
				t.Errorf("got %+v, want a direct upload", r)
			}
			mustRead(t, s, got, data)
		})
	}
}

// A liar is a helper that says what the test wants.
type liar struct {
	answer func(storage.Index) foolscap.Value
}

func (l *liar) RemoteInterface() string { return "RIHelper.tahoe.allmydata.com" }

func (l *liar) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	if method == "get_version" {
		return foolscap.Dict{{Key: []byte("http://allmydata.org/tahoe/protocols/helper/v1"), Value: foolscap.Dict{}}}, nil
	}
	return l.answer(storage.Index(args.Positional[0].([]byte))), nil
}

// TestLiars: whatever a helper says, the upload ends with a capability by which the file can be read.
func TestLiars(t *testing.T) {
	data := content(100_000)
	state := func(hash foolscap.Value, size, k int64) foolscap.Value {
		return foolscap.Tuple{foolscap.Copyable{Class: "allmydata.upload.UploadResults.tahoe.allmydata.com", State: []foolscap.Attribute{
			{Name: "uri_extension_hash", Value: hash},
			{Name: "uri_extension_data", Value: foolscap.Dict{
				{Key: "needed_shares", Value: k}, {Key: "total_shares", Value: int64(10)}, {Key: "segment_size", Value: int64(100_002)}, {Key: "size", Value: size}}},
			{Name: "sharemap", Value: foolscap.Dict{{Key: int64(999), Value: foolscap.Set{[]byte("v0-1")}}, {Key: int64(3), Value: "text"}}},
		}}, nil}
	}
	same := direct(t, data)
	for _, c := range []struct {
		name   string
		answer foolscap.Value
		newKey bool
	}{
		{"another file", state(make([]byte, 32), 100_000, 3), true},
		{"another size", state(make([]byte, 32), 99_999, 3), false},
		{"another encoding", state(make([]byte, 32), 100_000, 2), false},
		{"no hash", state(nil, 100_000, 3), false},
		{"no pair", int64(7), false},
		{"nothing", foolscap.Tuple{nil, nil}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := servers(t, 10)
			p := &place{t: t, cert: certificate(t), addr: "127.0.0.1:0"}
			p.serve(&liar{func(storage.Index) foolscap.Value { return c.answer }}, func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				return nil
			})
			defer p.stop()
			got, r := upload(t, uploader(s, client(t, p)), data)
			if r.Helped || (got != same) != c.newKey {
				t.Errorf("got helped %v, another key %v; want a direct upload, another key %v", r.Helped, got != same, c.newKey)
			}
			mustRead(t, s, got, data)
		})
	}
}
