package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/fetch"
	"tahoe/frontends/web/wapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A node gives a file, and cuts it off where it is told to.
type node struct {
	file   []byte
	tag    string
	cuts   []int64 // how many bytes each request is given at most; then all
	asked  []string
	during func() // is called when a request was cut off
	status int    // of the requests after the first; 0: success
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.asked = append(n.asked, r.Header.Get("Range"))
	if n.status != 0 && len(n.asked) > 1 {
		w.WriteHeader(n.status)
		return
	}
	if n.tag != "" {
		w.Header()["ETag"] = []string{n.tag}
	}
	if len(n.cuts) > 0 {
		w = &cutting{ResponseWriter: w, n: n, left: n.cuts[0]}
		n.cuts = n.cuts[1:]
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(n.file))
}

type cutting struct {
	http.ResponseWriter
	n    *node
	left int64
}

func (c *cutting) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	if c.n.during != nil {
		time.Sleep(50 * time.Millisecond) // what was sent arrives
		c.n.during()
	}
	panic(http.ErrAbortHandler)
}

// download is one from the node.
func (n *node) download(t *testing.T) fetch.Download {
	t.Helper()
	s := httptest.NewServer(n)
	t.Cleanup(s.Close)
	c, err := wapi.NewClient(s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return fetch.Download{
		Open: func(ctx context.Context, r wapi.Range) (*wapi.Body, error) { return c.Get(ctx, "URI:x", r) },
		Size: func(int64, int64) {},
		Read: func(int64) {},
	}
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// names are those of a directory, the random parts as *.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A file that cannot change is taken up again when it is cut off, and one that can is not.
func TestTakenUpAgain(t *testing.T) {
	tests := []struct {
		name  string
		tag   string
		cuts  []int64
		asked []string
		fails error
	}{
		{"whole", "a", nil, []string{""}, nil},
		{"cut twice", "a", []int64{1000, 2000}, []string{"", "bytes=1000-", "bytes=3000-"}, nil},
		{"cut before anything", "a", []int64{0, 0, 100}, []string{"", "bytes=0-", "bytes=0-", "bytes=100-"}, nil},
		{"for ever", "a", []int64{10, 0, 0, 0, 0, 0}, []string{"", "bytes=10-", "bytes=10-", "bytes=10-", "bytes=10-"}, wapi.ErrTruncated},
		{"can change", "", []int64{1000}, []string{""}, wapi.ErrTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := &node{file: random(5000), tag: tt.tag, cuts: tt.cuts}
			var out bytes.Buffer
			size, err := n.download(t).To(t.Context(), &out)
			if !errors.Is(err, tt.fails) || err == nil && (size != 5000 || !bytes.Equal(out.Bytes(), n.file)) || !bytes.HasPrefix(n.file, out.Bytes()) {
				t.Errorf("got %d of %d bytes, %v", size, out.Len(), err)
			}
			if tt.name != "cut before anything" && !slices.Equal(n.asked, tt.asked) {
				t.Errorf("asked for %q, want %q", n.asked, tt.asked)
			}
		})
	}
}

// Why the rest cannot be had is told, rather than that the first part was cut off.
func TestReasonOfACut(t *testing.T) {
	n := &node{file: random(5000), tag: "a", cuts: []int64{1000}, status: http.StatusGone}
	dir := t.TempDir()
	_, err := n.download(t).ToFile(t.Context(), filepath.Join(dir, "f"))
	if !errors.Is(err, wapi.ErrNotEnoughShares) || len(names(t, dir)) > 0 {
		t.Errorf("got %v, and left %v", err, names(t, dir))
	}
}

func TestFileThatChanges(t *testing.T) {
	n := &node{file: random(5000), tag: "a", cuts: []int64{1000}}
	n.during = func() { n.tag = "b" }
	var out bytes.Buffer
	if _, err := n.download(t).To(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

// What an interrupted download brought is kept, and the next goes on there.
func TestInterruptedAndResumed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	n := &node{file: random(300_000), tag: "a", cuts: []int64{200_000}, during: interrupt}
	_, err := n.download(t).ToFile(ctx, path)
	kept, ok := errors.AsType[*fetch.KeptError](err)
	if !ok || kept.Have == 0 || kept.Have > 200_000 || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if old, _ := os.ReadFile(path); string(old) != "old" {
		t.Errorf("the old file is %.20q", old)
	}
	n = &node{file: n.file, tag: "a"}
	d := n.download(t)
	var have int64
	d.Size = func(_, h int64) { have = h }
	size, err := d.ToFile(t.Context(), path)
	got, _ := os.ReadFile(path)
	if err != nil || size != 300_000 || !bytes.Equal(got, n.file) || have != kept.Have || len(n.asked) != 2 {
		t.Errorf("got %d bytes, %v, having %d and asking for %q", size, err, have, n.asked)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode: got %v", info.Mode())
	}
	if list := names(t, dir); !slices.Equal(list, []string{"f"}) {
		t.Errorf("left behind: %v", list)
	}
}

// The part of a file with the longest name that a system takes can be made, and is found again.
func TestPartOfALongName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, strings.Repeat("ü", 127)+"n")
	ctx, interrupt := context.WithCancel(t.Context())
	n := &node{file: random(300_000), tag: "a", cuts: []int64{200_000}, during: interrupt}
	kept, ok := errors.AsType[*fetch.KeptError](fetchTo(ctx, t, n, path))
	if !ok || kept.Have == 0 {
		t.Fatalf("got %v, want a part that was kept", kept)
	}
	n = &node{file: n.file, tag: "a"}
	if err := fetchTo(t.Context(), t, n, path); err != nil || len(n.asked) != 2 {
		t.Errorf("got %v, asking for %q", err, n.asked)
	}
	if list := names(t, dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}

func fetchTo(ctx context.Context, t *testing.T, n *node, path string) error {
	t.Helper()
	_, err := n.download(t).ToFile(ctx, path)
	return err
}

// What somebody else put where a part would be is not written through.
func TestPlantedPart(t *testing.T) {
	path, victim := filepath.Join(t.TempDir(), "f"), filepath.Join(t.TempDir(), "victim")
	part(t, path, nil, "0")
	planted := filepath.Join(filepath.Dir(path), names(t, filepath.Dir(path))[0])
	if err := os.Remove(planted); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, planted); err != nil {
		t.Skip(err)
	}
	err := fetchTo(t.Context(), t, &node{file: random(5000), tag: "a"}, path)
	if got, _ := os.ReadFile(victim); err == nil || string(got) != "mine" {
		t.Errorf("got %v, and wrote %d bytes into a file of another name", err, len(got))
	}
}

// part makes the part that a download of tag "a" left, with sure bytes in its name.
func part(t *testing.T, path string, content []byte, sure string) {
	t.Helper()
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	n := &node{file: random(5000), tag: "a", cuts: []int64{1000}, during: interrupt}
	if _, err := n.download(t).ToFile(ctx, filepath.Join(dir, filepath.Base(path))); err == nil {
		t.Fatal("it was not interrupted")
	}
	name := names(t, dir)[0]
	prefix := name[:strings.LastIndex(strings.TrimSuffix(name, ".part"), ".")+1]
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), prefix+sure+".part"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Only as many bytes of a part count as its name says: those after may be from before a crash.
func TestPartAfterACrash(t *testing.T) {
	file := random(5000)
	broken := slices.Clone(file)
	clear(broken[3000:])
	tests := []struct {
		name    string
		content []byte
		sure    string
		asked   []string
	}{
		{"synced to 3000", broken, "3000", []string{"", "bytes=3000-"}},
		{"never synced", make([]byte, 5000), "0", []string{""}},
		{"whole", file, "5000", []string{""}},
		{"shorter than its name says", file[:1000], "3000", []string{""}},
		{"longer than the file", append(slices.Clone(file), "more"...), "5004", []string{""}},
		{"no number", file, "x", []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "f")
			part(t, path, tt.content, tt.sure)
			n := &node{file: file, tag: "a"}
			size, err := n.download(t).ToFile(t.Context(), path)
			got, _ := os.ReadFile(path)
			if err != nil || size != 5000 || !bytes.Equal(got, file) || !slices.Equal(n.asked, tt.asked) {
				t.Errorf("got %d bytes, %v, asking for %q", len(got), err, n.asked)
			}
		})
	}
}

// The part of another file is left alone.
func TestPartOfAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	part(t, path, make([]byte, 3000), "3000")
	n := &node{file: random(5000), tag: "b"}
	if _, err := n.download(t).ToFile(t.Context(), path); err != nil || len(n.asked) != 1 {
		t.Errorf("got %v, asking for %q", err, n.asked)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, n.file) {
		t.Error("the file is another")
	}
}

func TestNoPartOfWhatCanChange(t *testing.T) {
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	n := &node{file: random(5000), cuts: []int64{1000}, during: interrupt}
	if _, err := n.download(t).ToFile(ctx, filepath.Join(dir, "f")); err == nil || len(names(t, dir)) > 0 {
		t.Errorf("got %v, and left %v", err, names(t, dir))
	}
}
