package sftp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tahoe/frontends/vfs"
)

func put(t testing.TB, c *pkgsftp.Client, path, data string) {
	t.Helper()
	f, err := c.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	if _, err := io.Copy(f, strings.NewReader(data)); err != nil {
		t.Errorf("write %s: %v", path, err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close %s: %v", path, err)
	}
}

func get(t testing.TB, c *pkgsftp.Client, path string) string {
	t.Helper()
	f, err := c.Open(path)
	if err != nil {
		t.Errorf("open %s: %v", path, err)
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Errorf("read %s: %v", path, err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	for name, commit := range map[string]vfs.Commit{"background": vfs.Background, "on close": vfs.OnClose} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vfs.Config{Commit: commit})
			c := w.client("alice")
			want := map[string]string{"/empty": "", "/small": "x", "/a b": pattern(100_000, 1), "/-d": "dash", "/ü": "u", "/large": pattern(20_000_000, 2)}
			for p, data := range want {
				put(t, c, p, data)
				if got := get(t, c, p); got != data {
					t.Errorf("%s: got %d bytes, want %d", p, len(got), len(data))
				}
			}
			w.Settle()
			tree := w.Grid.Tree(w.Root)
			for p, data := range want {
				if tree[p[1:]] != data || get(t, c, p) != data {
					t.Errorf("%s is not on the grid as it should be", p)
				}
				i, err := c.Stat(p)
				if err != nil || i.Size() != int64(len(data)) || i.Mode() != 0o666 || time.Since(i.ModTime()) > time.Minute {
					t.Errorf("stat %s: got %v, %v", p, i, err)
				}
			}
			all, err := c.ReadDir("/")
			if err != nil || len(all) != len(want) {
				t.Errorf("got %d names, %v", len(all), err)
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	ask := func(string, string, []string, []bool) ([]string, error) { return []string{"wonderland"}, nil }
	tests := []struct {
		name, user string
		method     ssh.AuthMethod
		ok         bool
	}{
		{"password", "alice", ssh.Password("wonderland"), true},
		{"keyboard-interactive", "alice", ssh.KeyboardInteractive(ask), true},
		{"key", "alice", ssh.PublicKeys(signer(t, "other"), w.key), true},
		{"wrong password", "alice", ssh.Password("x"), false},
		{"no password", "alice", ssh.Password(""), false},
		{"wrong key", "alice", ssh.PublicKeys(signer(t, "other")), false},
		{"unknown", "bob", ssh.Password("wonderland"), false},
		{"the key of another", "bob", ssh.PublicKeys(w.key), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ssh.Dial("tcp", w.addr, w.config(tt.user, tt.method))
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if err == nil {
				_ = c.Close()
			}
		})
	}
}

// A key that is offered without the power to sign with it opens nothing.
func TestKeyWithoutSignature(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	_, err := ssh.Dial("tcp", w.addr, w.config("alice", ssh.PublicKeys(forger{w.key, signer(t, "forger")})))
	if err == nil {
		t.Fatal("a forged signature was taken")
	}
}

type forger struct {
	ssh.Signer
	with ssh.Signer
}

func (f forger) Sign(r io.Reader, data []byte) (*ssh.Signature, error) { return f.with.Sign(r, data) }

// code is that of a status.
func code(t *testing.T, err error) uint32 {
	t.Helper()
	var s *pkgsftp.StatusError
	switch {
	case errors.As(err, &s):
		return s.Code
	case errors.Is(err, fs.ErrNotExist):
		return 2
	case errors.Is(err, fs.ErrPermission):
		return 3
	case err == nil:
		return 0
	}
	t.Errorf("no status: %v", err)
	return 99
}

func TestErrors(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	c := w.client("alice")
	put(t, c, "/f", "f")
	put(t, c, "/g", "g")
	if err := c.Mkdir("/d"); err != nil {
		t.Fatal(err)
	}
	put(t, c, "/d/in", "x")
	open := func(p string, flags int) error {
		f, err := c.OpenFile(p, flags)
		if err == nil {
			_ = f.Close()
		}
		return err
	}
	_, statErr := c.Stat("/none")
	_, readlinkErr := c.ReadLink("/f")
	_, dirErr := c.ReadDir("/f")
	reader := w.client("reader")
	tests := []struct {
		name string
		err  error
		want uint32
	}{
		{"stat nothing", statErr, 2},
		{"open nothing", open("/none", os.O_RDONLY), 2},
		{"create what is there", open("/f", os.O_WRONLY|os.O_CREATE|os.O_EXCL), 4},
		{"rename onto a file", c.Rename("/f", "/g"), 4},
		{"posix-rename onto a file", c.PosixRename("/f", "/g"), 0},
		{"posix-rename nothing", c.PosixRename("/none", "/g"), 2},
		{"mkdir what is there", c.Mkdir("/d"), 4},
		{"rmdir what is not empty", c.RemoveDirectory("/d"), 4},
		{"list a file", dirErr, 2},
		{"readlink", readlinkErr, 8},
		{"symlink", c.Symlink("/f", "/l"), 8},
		{"hardlink", c.Link("/g", "/h"), 0},
		{"chown", c.Chown("/g", 1, 1), 0},
		{"chmod", c.Chmod("/g", 0o600), 0},
		{"chtimes", c.Chtimes("/g", time.Unix(7, 0), time.Unix(7, 0)), 0},
		{"write as a reader", func() error { _, err := reader.Create("/x"); return err }(), 3},
		{"remove as a reader", reader.Remove("/g"), 3},
		{"rename as a reader", reader.PosixRename("/g", "/x"), 3},
	}
	for _, tt := range tests {
		if got := code(t, tt.err); got != tt.want {
			t.Errorf("%s: got %d (%v), want %d", tt.name, got, tt.err, tt.want)
		}
	}
	i, err := c.Stat("/g")
	if err != nil || i.Mode() != 0o600 || i.ModTime().Unix() != 7 || get(t, c, "/h") != "f" {
		t.Errorf("got %v, %v", i, err)
	}
}

func TestReadWriteHandle(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	c := w.client("alice")
	put(t, c, "/f", pattern(1_000_000, 3))
	w.Settle()
	f, err := c.OpenFile("/f", os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte(pattern(1_000_000, 3))
	copy(want[500_000:], "in the middle")
	if _, err := f.WriteAt([]byte("in the middle"), 500_000); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if _, err := f.ReadAt(got, 499_950); err != nil || string(got) != string(want[499_950:500_050]) {
		t.Errorf("got %q, %v", got, err)
	}
	if err := f.Truncate(600_000); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("fsync: %v", err)
	}
	if err := c.PosixRename("/f", "/renamed"); err != nil {
		t.Error(err)
	}
	if i, err := f.Stat(); err != nil || i.Size() != 600_000 {
		t.Errorf("fstat after a rename: got %v, %v", i, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	w.Settle()
	if tree := w.Grid.Tree(w.Root); len(tree) != 1 || tree["renamed"] != string(want[:600_000]) {
		t.Errorf("got %d files, %d bytes", len(tree), len(tree["renamed"]))
	}
}

func TestResumedUpload(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	c := w.client("alice")
	data := pattern(3_000_000, 4)
	put(t, c, "/f", data[:1_234_567])
	f, err := c.OpenFile("/f", os.O_WRONLY|os.O_APPEND)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(data[1_234_567:]), 1_234_567); err != nil {
		if _, err = f.Seek(1_234_567, io.SeekStart); err == nil {
			_, err = f.Write([]byte(data[1_234_567:]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, c, "/f"); got != data {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestBrokenConnectionPublishesNothing(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	conn := w.dial("alice")
	c, err := pkgsftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Create("/half")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for range 1000 {
		if used, _ := w.FS.Staged(); used == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	w.Settle()
	if used, _ := w.FS.Staged(); used != 0 || len(w.Grid.Tree(w.Root)) != 0 {
		t.Errorf("%d bytes are staged, and there is %q", used, w.Grid.Tree(w.Root))
	}
}

// A close that takes long holds up nothing else in its session.
func TestSlowClose(t *testing.T) {
	w := newWorld(t, vfs.Config{Commit: vfs.OnClose})
	c := w.client("alice")
	put(t, c, "/other", "other")
	let := make(chan struct{})
	w.Grid.Hook(func(ctx context.Context, op string) error {
		if op == "put" {
			select {
			case <-let:
			case <-ctx.Done():
			}
		}
		return nil
	})
	f, err := c.Create("/slow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(pattern(1000, 5))); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	time.Sleep(10 * time.Millisecond)
	if get(t, c, "/other") != "other" {
		t.Error("another file cannot be read")
	}
	if i, err := c.Stat("/slow"); err != nil || i.Size() != 1000 {
		t.Errorf("stat of the file: %v, %v", i, err)
	}
	if err := c.PosixRename("/slow", "/done"); err != nil {
		t.Error(err)
	}
	select {
	case err := <-closed:
		t.Errorf("closed early: %v", err)
	default:
	}
	close(let)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := w.Grid.Tree(w.Root); got["done"] != pattern(1000, 5) || len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestExtensions(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	c := w.client("alice")
	for _, name := range []string{"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "limits@openssh.com", "lsetstat@openssh.com", "expand-path@openssh.com", "copy-data"} {
		if _, ok := c.HasExtension(name); !ok {
			t.Errorf("%s is not announced", name)
		}
	}
	s, err := c.StatVFS("/")
	if err != nil || s.Blocks != 628318530 || s.Bfree != 314159265 {
		t.Errorf("got %+v, %v", s, err)
	}
	if p, err := c.RealPath("../a/./b/.."); err != nil || p != "/a" {
		t.Errorf("got %q, %v", p, err)
	}
}

func TestLargeDirectory(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	var want []string
	for k := range 1234 {
		name := fmt.Sprintf("file %04d", k)
		w.Grid.Add(w.Root, name, w.Grid.PutData(name), "")
		want = append(want, name)
	}
	all, err := w.client("alice").ReadDir("/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range all {
		got = append(got, i.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d names", len(got))
	}
}

func TestManyTransfersAtOnce(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	sessions := 40
	if testing.Short() {
		sessions = 8
	}
	var all sync.WaitGroup
	for s := range sessions {
		c := w.client("alice")
		for k := range 5 {
			all.Go(func() {
				p, data := fmt.Sprintf("/%d-%d", s, k), pattern(50_000+1000*k, s)
				put(t, c, p, data)
				if got := get(t, c, p); got != data {
					t.Errorf("%s: got %d bytes", p, len(got))
				}
			})
		}
	}
	all.Wait()
	w.Settle()
	if n := len(w.Grid.Tree(w.Root)); n != 5*sessions {
		t.Errorf("got %d files", n)
	}
}

func TestCommands(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	conn := w.dial("alice")
	run := func(command string) (string, string, int) {
		s, err := conn.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var out, errs strings.Builder
		s.Stdout, s.Stderr = &out, &errs
		err = s.Run(command)
		var exit *ssh.ExitError
		if errors.As(err, &exit) {
			return out.String(), errs.String(), exit.ExitStatus()
		}
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		return out.String(), errs.String(), 0
	}
	if out, _, code := run("df -P -k /"); code != 0 || !strings.Contains(out, "314159265") {
		t.Errorf("df: got %q, %d", out, code)
	}
	for _, command := range []string{"sh -c id", "md5sum /f", "scp -x -t /", "scp", "scp -t", "scp -t -f /x", "scp -t 'unended"} {
		if _, errs, code := run(command); code == 0 || !strings.Contains(errs, "no shell") {
			t.Errorf("%s: got %q, %d", command, errs, code)
		}
	}
	s, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var errs strings.Builder
	s.Stderr = &errs
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err == nil || !strings.Contains(errs.String(), "no shell") {
		t.Errorf("shell: got %v, %q", err, errs.String())
	}
}

// What is no protocol at all ends the channel, and nothing else.
func TestGarbage(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	conn := w.dial("alice")
	for _, garbage := range []string{
		"\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x00\x00\x00\x01\x03", "\x00\x00\x00\x05\x03\x00\x00\x00\x01",
		"\x00\x00\x00\x05\x01\x00\x00\x00\x03" + "\x00\x00\x00\x09\x0a\x00\x00\x00\x01\x7f\xff\xff\xff",
		"\x00\x00\x00\x05\x01\x00\x00\x00\x03" + "\x00\x00\x00\x0b\xc8\x00\x00\x00\x01\x00\x00\x00\x02xx",
		strings.Repeat("\x00\x00\x00\x0a\x04\x00\x00\x00\x01\x00\x00\x00\x01z", 100), path.Join("GET", "HTTP"),
	} {
		s, in, _ := w.raw(conn)
		_, _ = io.WriteString(in, garbage)
		_ = in.Close()
		done := make(chan error, 1)
		go func() { done <- s.Wait() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%q hangs", garbage)
		}
		_ = s.Close()
	}
	c, err := pkgsftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "/f", "fine")
}
