package sftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tahoe/frontends/auth"
	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
	"tahoe/frontends/vfs/vfstest"
)

// A client opens more handles than it may: it is told so, the others are not affected, and all is gone when it is.
func TestManyHandles(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	conn := w.dial("alice")
	c, err := pkgsftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "/f", pattern(1000, 1))
	w.Settle()
	tries := 100_000
	if testing.Short() {
		tries = 6000
	}
	opened := 0
	for k := range tries {
		flags, p := os.O_RDONLY, "/f"
		if k%100 == 0 {
			flags, p = os.O_WRONLY|os.O_CREATE, fmt.Sprint("/w", k)
		}
		if _, err := c.OpenFile(p, flags); err == nil {
			opened++
		} else if !strings.Contains(err.Error(), "too many files") {
			t.Fatal(err)
		}
	}
	if opened != vfs.MaxFiles {
		t.Errorf("%d handles were opened, want %d", opened, vfs.MaxFiles)
	}
	other := w.client("alice")
	if got := get(t, other, "/f"); got != pattern(1000, 1) {
		t.Error("another session cannot read")
	}
	_ = conn.Close()
	for range 2000 {
		if all, err := other.ReadDir("/"); err == nil && len(all) == 1 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("what was open is still there")
}

// A client asks for a gigabyte and reads nothing of the answers.
func TestClientThatNeverReads(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	data := pattern(30_000_000, 2)
	w.Grid.Add(w.Root, "f", w.Grid.PutData(data), "")
	conn := w.dial("alice")
	_, in, out := w.raw(conn)
	if _, err := in.Write(append(wire(1, 3), wireStrings(3, 1, "/f", uint32(1), uint32(0))...)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the version and the handle are read, and then nothing more
		var n uint32
		if err := binary.Read(out, binary.BigEndian, &n); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, out, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all bytes.Buffer
	for id := range uint32(4000) {
		all.Write(wireStrings(5, id+2, "1", uint64(id)*255<<10, uint32(255<<10)))
	}
	sent := make(chan struct{})
	go func() { defer close(sent); _, _ = in.Write(all.Bytes()) }()
	other := w.client("alice")
	for range 3 {
		if got := get(t, other, "/f"); got != data {
			t.Fatal("another session cannot read")
		}
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 100<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	_ = conn.Close()
	<-sent
}

// wire makes a packet of a kind with a number, as INIT has.
func wire(kind byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0, 0, 0, 5, kind}, n)
}

// wireStrings makes a packet of fields: strings and numbers.
func wireStrings(kind byte, id uint32, fields ...any) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, kind}, id)
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, f)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, f)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// A fault in a handler ends its request, and nothing else.
func TestFaults(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	c := w.client("alice")
	put(t, c, "/f", pattern(1000, 1))
	w.Settle()
	time.Sleep(2100 * time.Millisecond) // what is known of the directory is no longer fresh
	for _, ops := range [][]string{{"list"}, {"mkdir"}, {"read"}} {
		w.Grid.Hook(func(_ context.Context, op string) error {
			for _, o := range ops {
				if o == op && op != "read" {
					panic("a fault, on purpose")
				}
			}
			return nil
		})
		_, statErr := c.Stat("/f")
		mkdirErr := c.Mkdir("/d" + ops[0])
		if ops[0] == "list" && statErr == nil || ops[0] == "mkdir" && mkdirErr == nil {
			t.Errorf("%s: no error", ops[0])
		}
	}
	w.Grid.Hook(nil)
	if got := get(t, c, "/f"); got != pattern(1000, 1) {
		t.Error("the session is of no use any more")
	}
}

// Connections that never say anything take the places of nobody for long, and one address does not take all.
func TestManyConnections(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	var all []net.Conn
	for range 300 {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	refused := 0
	for _, c := range all {
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || err != nil && !os.IsTimeout(err) {
			refused++
		}
	}
	if refused < 50 || refused > 150 {
		t.Errorf("%d of 300 connections were refused, want about 100", refused)
	}
	for _, c := range all {
		_ = c.Close()
	}
	for range 100 {
		c, err := ssh.Dial("tcp", w.addr, w.config("alice", ssh.Password("wonderland")))
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("there is no place after all have gone")
}

// Clients go at any moment of an upload: nothing of it is published unless they closed it.
func TestClientsThatGo(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	var all sync.WaitGroup
	for k := range 40 {
		conn := w.dial("alice")
		all.Go(func() {
			c, err := pkgsftp.NewClient(conn)
			if err != nil {
				t.Error(err)
				return
			}
			f, err := c.Create(fmt.Sprint("/", k))
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				time.Sleep(time.Duration(k) * time.Millisecond)
				_ = conn.Close()
			}()
			for {
				if _, err := f.Write([]byte(pattern(50_000, k))); err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for range 2000 {
		if used, _ := w.FS.Staged(); used == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if used, _ := w.FS.Staged(); used != 0 || len(w.Grid.Tree(w.Root)) != 0 {
		t.Errorf("%d bytes are staged, %d files published", used, len(w.Grid.Tree(w.Root)))
	}
}

// A patient client sends a packet, and waits a moment for an answer before it sends the next.
type patient struct {
	in    []byte
	left  int // of the packet that is being sent
	wrote chan struct{}
}

func (p *patient) Read(b []byte) (int, error) {
	if len(p.in) == 0 {
		return 0, io.EOF
	}
	if p.left <= 0 {
		select {
		case <-p.wrote:
		case <-time.After(time.Millisecond):
		}
		p.left = len(p.in)
		if len(p.in) >= 4 {
			p.left = int(min(uint32(len(p.in)), binary.BigEndian.Uint32(p.in)+4))
		}
	}
	n := copy(b, p.in[:max(1, min(p.left, len(p.in)))])
	p.in, p.left = p.in[n:], p.left-n
	return n, nil
}

func (p *patient) Write(b []byte) (int, error) {
	select {
	case p.wrote <- struct{}{}:
	default:
	}
	return len(b), nil
}

// Whatever a client sends, the session ends when the client has, and nothing was published that was not closed.
func FuzzPackets(f *testing.F) {
	hello := wire(1, 3)
	seed := func(packets ...[]byte) { f.Add(bytes.Join(append([][]byte{hello}, packets...), nil)) }
	open := wireStrings(3, 1, "/f", uint32(0x1a), uint32(0))
	write := wireStrings(6, 2, "1", uint64(0), "data")
	seed(open, write, wireStrings(4, 3, "1"))
	seed(open, write, wireStrings(8, 3, "1"), wireStrings(10, 4, "1", uint32(1), uint64(1)), wireStrings(200, 5, "fsync@openssh.com", "1"))
	seed(wireStrings(11, 1, "/"), wireStrings(12, 2, "1"), wireStrings(8, 3, "1"), wireStrings(4, 4, "1"))
	seed(open, wireStrings(3, 2, "/g", uint32(0x1a), uint32(0)), wireStrings(200, 3, "copy-data", "1", uint64(0), uint64(0), "2", uint64(0)))
	seed(wireStrings(200, 1, "limits@openssh.com"), wireStrings(200, 2, "fstatvfs@openssh.com", "1"), wireStrings(200, 3, "expand-path@openssh.com", "~/x"),
		wireStrings(200, 4, "lsetstat@openssh.com", "/f", uint32(8), uint32(1), uint32(2)), wireStrings(200, 5, "posix-rename@openssh.com", "/f", "/g"), wireStrings(200, 6, "unknown"))
	seed(wireStrings(16, 1, "."), wireStrings(17, 2, "/"), wireStrings(7, 3, "/x"), wireStrings(14, 4, "/d", uint32(0)), wireStrings(15, 5, "/d"), wireStrings(18, 6, "/a", "/b"), wireStrings(13, 7, "/a"), wireStrings(19, 8, "/a"), wireStrings(20, 9, "/a", "/b"))
	g := vfstest.NewGrid()
	fs := vfstest.Open(f, g, vfs.Config{Limit: 10 << 20})
	f.Fuzz(func(t *testing.T, in []byte) {
		root := g.NewDir()
		view := fs.View(auth.Account{Name: "fuzz", Root: root})
		defer view.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			sftp.ServeRaw(t.Context(), &patient{in: in, wrote: make(chan struct{}, 1)}, view, slog.New(slog.DiscardHandler))
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			panic("the session hangs")
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"scp -t /x", "scp -r -p -f 'a b' c", `scp -f -- -x\ y`, "scp -tf x", `"`, "a\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, ok := sftp.ShellWords(line)
		if sftp.ParseSCP(line) && (!ok || len(words) < 3) {
			t.Errorf("%q is taken for a command of scp", line)
		}
		for _, w := range words {
			if len(w) > 4*len(line) {
				t.Errorf("%q has a word that is longer than itself", line)
			}
		}
	})
}
