package uploads_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"tahoe/frontends/vfs/staging"
	"tahoe/frontends/web/uploads"
	"tahoe/internal/durable"
	"tahoe/internal/durable/durabletest"
	"tahoe/reactor/reactortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = []byte("a secret of the node, for tests")
	epoch  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

const day = 24 * time.Hour

func open(t testing.TB, dir string, change ...func(*uploads.Config)) *uploads.Spool {
	t.Helper()
	c := uploads.Config{Secret: secret, Limit: 1 << 30, Keep: 7 * day, Clock: reactortest.NewClock(epoch)}
	for _, f := range change {
		f(&c)
	}
	s, err := uploads.Open(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	s.Shrink(1000, 10)
	return s
}

func create(t testing.TB, s *uploads.Spool, size int64) *uploads.Upload {
	t.Helper()
	u, err := s.Create(size, "to /a/secret/place", "")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func add(t testing.TB, u *uploads.Upload, b []byte) {
	t.Helper()
	if n, err := u.Append(bytes.NewReader(b), nil); err != nil || n != int64(len(b)) {
		t.Fatalf("append: got %d, %v, want %d", n, err, len(b))
	}
}

func contents(t testing.TB, u *uploads.Upload) []byte {
	t.Helper()
	b, err := io.ReadAll(u.Contents())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Whatever the pieces, and however often the node is started again in between, the upload is the file.
func TestPiecesMakeTheFile(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		want := random(r, 1+r.IntN(8000))
		s := open(t, dir)
		id, sent := create(t, s, int64(len(want))).ID(), 0
		for sent < len(want) {
			u, err := s.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			n := min(len(want)-sent, 1+r.IntN([]int{3, 300, 3000}[r.IntN(3)]))
			add(t, u, want[sent:sent+n])
			sent += n
			if st := u.Status(); st.Received != int64(sent) || st.Complete() != (sent == len(want)) {
				t.Fatalf("seed %d: got %+v, want %d bytes", seed, st, sent)
			}
			if r.IntN(4) == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir)
			}
		}
		u, err := s.Get(id)
		if err != nil || !bytes.Equal(contents(t, u), want) {
			t.Fatalf("seed %d: the upload is not the file, %v", seed, err)
		}
		off := r.IntN(len(want))
		part := make([]byte, len(want)-off)
		if _, err := u.Contents().ReadAt(part, int64(off)); err != nil || !bytes.Equal(part, want[off:]) {
			t.Errorf("seed %d: reading from %d: %v", seed, off, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := staging.Audit(dir, secret); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// A client that sends byte by byte leaves few files, and each byte was copied a few times.
func TestTinyPiecesAreJoined(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	u := create(t, s, 100)
	for i := range 100 {
		add(t, u, []byte{byte(i)})
		if n := u.Parts(); n > 8 {
			t.Fatalf("%d parts after %d pieces", n, i+1)
		}
	}
	for i, b := range contents(t, u) {
		if b != byte(i) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
}

func TestNothingIsInTheClear(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	u := create(t, s, 22)
	add(t, u, []byte("what nobody is to read"))
	if err := u.SetCap("URI:CHK:a-capability"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"nobody is to read", "/a/secret", "a-capability", u.ID()} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(text)) || strings.Contains(path, text) {
				t.Errorf("%q is in %s", text, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := uploads.Open(dir, uploads.Config{Secret: []byte("of another node"), Limit: 1, Keep: day})
	if err != nil {
		t.Errorf("got %v, want uploads of another secret to be left alone", err)
	}
	again := open(t, dir)
	defer again.Close()
	if got, err := again.Get(u.ID()); err != nil || got.Status().Cap != "URI:CHK:a-capability" || got.Status().Metadata != "to /a/secret/place" {
		t.Errorf("after a restart: %v, %v", got, err)
	}
}

// A source that breaks leaves what it brought; one that fails its check leaves nothing.
func TestBrokenSources(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	u := create(t, s, 5000)
	broken := errors.New("the line broke")
	src := io.MultiReader(bytes.NewReader(make([]byte, 2500)), iotest.ErrReader(broken))
	if n, err := u.Append(src, nil); n != 2500 || !errors.Is(err, broken) || u.Status().Received != 2500 {
		t.Errorf("got %d, %v, %+v", n, err, u.Status())
	}
	cut := io.MultiReader(bytes.NewReader(make([]byte, 100)), iotest.ErrReader(io.ErrUnexpectedEOF))
	if n, err := u.Append(cut, nil); n != 100 || !errors.Is(err, io.ErrUnexpectedEOF) || u.Status().Received != 2600 {
		t.Errorf("a cut body: got %d, %v, %+v", n, err, u.Status())
	}
	wrong := errors.New("another checksum")
	if n, err := u.Append(bytes.NewReader(make([]byte, 2400)), func() error { return wrong }); n != 0 || !errors.Is(err, wrong) || u.Status().Received != 2600 {
		t.Errorf("got %d, %v, %+v", n, err, u.Status())
	}
	if n, err := u.Append(io.MultiReader(bytes.NewReader(make([]byte, 10)), iotest.ErrReader(broken)), func() error { return nil }); n != 0 || !errors.Is(err, broken) {
		t.Errorf("cut, with a checksum: got %d, %v", n, err)
	}
	if n, err := u.Append(bytes.NewReader(make([]byte, 9000)), nil); n != 2400 || err != nil || !u.Status().Complete() {
		t.Errorf("more than fits: got %d, %v, %+v", n, err, u.Status())
	}
}

func TestBounds(t *testing.T) {
	s := open(t, t.TempDir(), func(c *uploads.Config) { c.Limit = 200_000 })
	defer s.Close()
	s.Shrink(100_000, 10)
	u := create(t, s, -1)
	if n, err := u.Append(bytes.NewReader(make([]byte, 300_000)), nil); !errors.Is(err, uploads.ErrNoSpace) || n > 200_000 || n < 190_000 || u.Status().Received != n {
		t.Errorf("got %d, %v, %+v", n, err, u.Status())
	}
	if err := u.Remove(); err != nil || s.Free() != 200_000 {
		t.Errorf("got %v, %d free after all", err, s.Free())
	}
	var first *uploads.Upload
	for range 10 {
		u := create(t, s, 10)
		if first == nil {
			first = u
		}
	}
	if _, err := s.Create(10, "", ""); !errors.Is(err, uploads.ErrTooMany) {
		t.Errorf("got %v for one too many", err)
	}
	if err := first.SetDone(); err != nil {
		t.Fatal(err)
	}
	create(t, s, 10)
	if _, err := s.Get(first.ID()); !errors.Is(err, uploads.ErrUnknown) {
		t.Errorf("got %v, want the one that is done to have made room", err)
	}
}

// A disk that is full is told as that, and what came before is kept.
func TestFullDisk(t *testing.T) {
	full := false
	hook := func(string, string) error {
		if full {
			return syscall.ENOSPC
		}
		return nil
	}
	dir := t.TempDir()
	s := open(t, dir, func(c *uploads.Config) { c.Disk = durable.FS{Step: hook} })
	u := create(t, s, 100)
	add(t, u, make([]byte, 40))
	full = true
	if n, err := u.Append(bytes.NewReader(make([]byte, 60)), nil); n != 0 || !errors.Is(err, uploads.ErrNoSpace) || u.Status().Received != 40 {
		t.Errorf("got %d, %v, %+v", n, err, u.Status())
	}
	full = false
	add(t, u, make([]byte, 60))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestExpiry(t *testing.T) {
	clock := reactortest.NewClock(epoch)
	dir := t.TempDir()
	s := open(t, dir, func(c *uploads.Config) { c.Clock = clock })
	idle, used, held := create(t, s, 10), create(t, s, 10), create(t, s, 10)
	release, err := held.Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(4 * day)
	add(t, used, []byte("12345"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := used.Status().Expires; !got.Equal(epoch.Add(11 * day)) {
		t.Errorf("got %v, want it to be kept for a week after it was used", got)
	}
	release()
	s = open(t, dir, func(c *uploads.Config) { c.Clock = clock })
	defer s.Close()
	if held, err = s.Get(held.ID()); err != nil {
		t.Fatal(err)
	}
	if release, err = held.Take(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	clock.Advance(4 * day)
	s.Sweep()
	if _, err := s.Get(idle.ID()); !errors.Is(err, uploads.ErrUnknown) {
		t.Errorf("got %v for one that has expired", err)
	}
	if got, err := s.Get(used.ID()); err != nil || !bytes.Equal(contents(t, got), []byte("12345")) {
		t.Errorf("the one that was used is gone: %v", err)
	}
	if n := len(s.All()); n != 2 {
		t.Errorf("got %d uploads, want the one that somebody holds to stay", n)
	}
	release()
	s.Sweep()
	if n := len(s.All()); n != 1 {
		t.Errorf("got %d uploads, want the expired ones gone", n)
	}
}

// Who wants the turn interrupts who has it, and who waits too long gives up.
func TestTurn(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	u := create(t, s, 10)
	interrupted := make(chan struct{})
	release, err := u.Take(t.Context(), func() { close(interrupted) })
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-interrupted
		release()
	}()
	second, err := u.Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Take(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want to give up", err)
	}
	second()
}

// The node dies at each step. What was reported is there at the next start, the upload is a beginning of the file, and nothing is left over.
func TestCrashes(t *testing.T) {
	file := random(rand.New(rand.NewPCG(3, 3)), 1900)
	steps := len(life(t, t.TempDir(), file, durabletest.Count()).crash.Steps())
	for n := 1; n <= steps; n++ {
		dir := t.TempDir()
		was := life(t, dir, file, durabletest.At(n))
		s := open(t, dir)
		u, err := s.Get(was.id)
		switch {
		case was.removed && err == nil:
			t.Errorf("died at %q: what was removed is back", was.crash.Last())
		case was.id == "" || was.removing:
		case err != nil:
			t.Errorf("died at %q: the upload is lost: %v", was.crash.Last(), err)
		default:
			st := u.Status()
			if st.Received < was.received || was.cap && st.Cap != "cap" || was.done && !st.Done {
				t.Errorf("died at %q: got %+v after %+v", was.crash.Last(), st, was)
			}
			if got := contents(t, u); !st.Done && !bytes.Equal(got, file[:st.Received]) {
				t.Errorf("died at %q: the bytes are others", was.crash.Last())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := staging.Audit(dir, secret); err != nil {
			t.Errorf("died at %q: %v", was.crash.Last(), err)
		}
	}
}

// A lived is what an upload had been told when the node died.
type lived struct {
	crash                        *durabletest.Crash
	id                           string
	received                     int64
	cap, done, removing, removed bool
}

func life(t *testing.T, dir string, file []byte, crash *durabletest.Crash) (l lived) {
	t.Helper()
	l.crash = crash
	s, err := uploads.Open(dir, uploads.Config{Secret: secret, Limit: 1 << 20, Keep: day, Clock: reactortest.NewClock(epoch), Disk: durable.FS{Step: crash.Step}})
	if err != nil {
		return l
	}
	defer s.Close()
	s.Shrink(1000, 10)
	u, err := s.Create(int64(len(file)), "", "")
	if err != nil {
		return l
	}
	l.id = u.ID()
	for at := 0; at < len(file); { // two small pieces that are joined, and one that fills parts
		n := min(len(file)-at, []int{200, 300, 5000}[min(at/200, 2)])
		took, err := u.Append(bytes.NewReader(file[at:at+n]), nil)
		l.received += took
		if err != nil {
			return l
		}
		at += n
	}
	if u.SetCap("cap") != nil {
		return l
	}
	l.cap = true
	if u.SetDone() != nil {
		return l
	}
	l.done, l.removing = true, true
	l.removed = u.Remove() == nil
	return l
}
