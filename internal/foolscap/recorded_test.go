package foolscap_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tahoe/internal/foolscap"
)

// recording is what both ends said within TLS in one session with the original: a line for what was written at once, > what we
// said and < what it said, in hexadecimal. TestOriginalSession makes it anew when the environment has FOOLSCAP_RECORD.
const recording = "testdata/session.txt"

// session is the same each time: whatever is said depends on what was said before alone.
func session(t *testing.T, peer *foolscap.Remote) {
	t.Helper()
	want := allValues(t)
	if got := call(t, peer, "values"); !reflect.DeepEqual(got, want) {
		t.Errorf("values: got %v, want %v", got, want)
	}
	if got := call(t, peer, "echo", want); !reflect.DeepEqual(got, want) {
		t.Errorf("echo: got %v, want %v", got, want)
	}
	if _, err := peer.Call(soon(t), "fail", foolscap.Named(map[string]foolscap.Value{"kind": "refused"})); !isA(err, "builtins.ValueError") {
		t.Errorf("fail: got %v, want a ValueError", err)
	}
	if _, err := peer.Call(soon(t), "unsendable", foolscap.Args{}); err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("unsendable: got %v, want the error that it was given up", err)
	}
	c := call(t, peer, "counter").(*foolscap.Remote)
	if got := call(t, c, "add", 5); got != int64(5) {
		t.Errorf("add: got %v, want 5", got)
	}
	if got := call(t, peer, "is_counter", c); got != true {
		t.Errorf("is_counter: got %v, want true", got)
	}
	ours := newObject(func(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
		if method == "double" {
			return foolscap.Tuple{args.Positional[0], args.Named["more"]}, nil
		}
		return nil, &foolscap.CallError{Type: "ours.Known", Message: "as told", Parents: []string{"builtins.ValueError"}}
	})
	call(t, peer, "keep", ours)
	got := call(t, peer, "call", ours, "double", []foolscap.Value{2.5}, foolscap.Dict{{"more", "x"}})
	if want := (foolscap.Tuple{2.5, "x"}); !reflect.DeepEqual(got, want) {
		t.Errorf("call: got %v, want %v", got, want)
	}
	if got := fmt.Sprint(call(t, peer, "call_fails", ours, "other")); !strings.HasPrefix(got, "[ours.Known as told [ours.Known builtins.V") {
		t.Errorf("call_fails: got %v, want ours.Known", got)
	}
	if got := call(t, peer, "echo", ours); got != foolscap.Value(ours) {
		t.Errorf("echo: got %v, want our object", got)
	}
	runtime.KeepAlive(c)
}

func isA(err error, class string) bool {
	e, ok := errors.AsType[*foolscap.RemoteError](err)
	return ok && e.IsA(class)
}

// A recorder writes down what is said.
type recorder struct {
	net.Conn
	mu  *sync.Mutex
	out *bytes.Buffer
}

func (r recorder) note(way string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%s %x\n", way, b)
}

func (r recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if n > 0 {
		r.note("<", b[:n])
	}
	return n, err
}

func (r recorder) Write(b []byte) (int, error) {
	r.note(">", b)
	return r.Conn.Write(b)
}

func TestOriginalSession(t *testing.T) {
	tub := foolscap.NewTub(certificate(t, 1), foolscap.Config{})
	var mu sync.Mutex
	var out bytes.Buffer
	tub.SetTap(func(c net.Conn) net.Conn { return recorder{c, &mu, &out} })
	peer := connect(t, startTub(t, tub), original(t))
	session(t, peer)
	if os.Getenv("FOOLSCAP_RECORD") == "" {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if err := os.WriteFile(recording, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(peer)
}

type line struct {
	ours bool
	b    []byte
}

// recorded returns the lines of the recording, without the blocks of the negotiation, and these, ours and theirs.
func recorded(t testing.TB) (lines []line, ours, theirs []byte) {
	t.Helper()
	text, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[bool][]byte{}
	for s := range strings.Lines(string(text)) {
		way, digits, _ := strings.Cut(strings.TrimSpace(s), " ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		l := line{way == ">", b}
		for l.ours || len(lines) == 0 {
			i := bytes.Index(l.b, []byte("\r\n\r\n"))
			if i < 0 {
				break
			}
			blocks[l.ours] = append(blocks[l.ours], l.b[:i+4]...)
			l.b = l.b[i+4:]
		}
		if len(l.b) > 0 && (len(lines) > 0 || l.b[0] == 0) {
			lines = append(lines, l)
		} else {
			blocks[l.ours] = append(blocks[l.ours], l.b...)
		}
	}
	return lines, blocks[true], blocks[false]
}

// The original's part of the session is played from the recording, and ours must be the same, byte for byte.
func TestRecordedSession(t *testing.T) {
	lines, ours, theirs := recorded(t)
	if err := foolscap.ParseOffer(theirs); err != nil {
		t.Errorf("the original's offer: got %v, want agreement", err)
	}
	if err := foolscap.ParseOffer(ours); err != nil {
		t.Errorf("our offer: got %v, want agreement", err)
	}
	here, there := net.Pipe()
	s := foolscap.NewSession(foolscap.NewTub(certificate(t, 1), foolscap.Config{}), here)
	var group sync.WaitGroup
	defer group.Wait()
	defer there.Close()
	group.Go(func() { _ = s.Run(t.Context()) })
	group.Go(func() { play(t, there, lines) })
	v, err := s.Root().Call(soon(t), "getReferenceByName", foolscap.Named(map[string]foolscap.Value{"name": []byte("peer")}))
	if err != nil {
		t.Fatal(err)
	}
	session(t, v.(*foolscap.Remote))
	runtime.KeepAlive(v)
}

func play(t *testing.T, conn net.Conn, lines []line) {
	r := bufio.NewReader(conn)
	for i, l := range lines {
		if !l.ours {
			if _, err := conn.Write(l.b); err != nil {
				return
			}
			continue
		}
		got := make([]byte, len(l.b))
		if _, err := io.ReadFull(r, got); err != nil {
			return
		}
		if !bytes.Equal(got, l.b) {
			t.Errorf("line %d: we say %q, want %q", i, got, l.b)
		}
	}
}
