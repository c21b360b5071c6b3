package foolscap_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tahoe/internal/foolscap"
)

// original starts the original's Foolscap, with one object, until the test ends, and returns the object's FURL. The Python
// that has it is that of the environment's TAHOE_PYTHON, or python3.
func original(t *testing.T, args ...string) string {
	t.Helper()
	python := os.Getenv("TAHOE_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import foolscap").Run(); err != nil {
		t.Skipf("no Python with the original's Foolscap (name one in TAHOE_PYTHON): %v", err)
	}
	cmd := exec.Command(python, append([]string{"-W", "ignore", filepath.Join("testdata", "peer.py")}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	t.Cleanup(func() {
		_ = in.Close()
		rest, _ := io.ReadAll(r)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the original: got %v, want no error", err)
		}
		if t.Failed() {
			t.Logf("the original printed: %s%s", rest, &said)
		}
	})
	furl, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(furl)
}

func connect(t *testing.T, n *node, furl string) *foolscap.Remote {
	t.Helper()
	r, err := n.Connect(soon(t), furl)
	if err != nil {
		t.Fatalf("connect: got %v, want no error", err)
	}
	return r
}

func call(t *testing.T, r *foolscap.Remote, method string, args ...foolscap.Value) foolscap.Value {
	t.Helper()
	v, err := r.Call(soon(t), method, foolscap.Positional(args...))
	if err != nil {
		t.Fatalf("%s: got %v, want no error", method, err)
	}
	return v
}

func bigInt(t *testing.T, s string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatal(s)
	}
	return n
}

func allValues(t *testing.T) []foolscap.Value {
	type list = []foolscap.Value
	shared := list{int64(1), int64(2)}
	return list{
		nil, true, false, int64(0), int64(1), int64(-1), int64(1<<31 - 1), int64(1 << 31), int64(-1 << 31), int64(-1<<31 - 1),
		bigInt(t, "9223372036854775808"), bigInt(t, "-9223372036854775809"), 1.5, math.Copysign(0, -1),
		[]byte(""), []byte("bytes"), []byte("list"), []byte(strings.Repeat("\x00\xff", 40)), "", "text ü中",
		list{}, list{int64(1), list{int64(2), list{}}}, foolscap.Tuple{}, foolscap.Tuple{int64(1), foolscap.Tuple{[]byte("a")}},
		foolscap.Dict{}, foolscap.Dict{{[]byte("k"), int64(1)}, {[]byte("u"), list{int64(2)}}}, foolscap.Dict{{int64(3), nil}},
		foolscap.Dict{{foolscap.Tuple{int64(1), int64(2)}, []byte("x")}}, foolscap.Dict{{"x", int64(1)}, {"y", foolscap.Dict{}}},
		foolscap.Set{int64(1), int64(2)}, foolscap.FrozenSet{[]byte("a")}, shared, shared, foolscap.Tuple{shared, shared},
		foolscap.Copyable{Class: "ours.Point", State: []foolscap.Attribute{{"x", []byte("p")}}},
	}
}

// What both ends print of allValues.
const shown = `[NoneType None, bool True, bool False, int 0, int 1, int -1, int 2147483647, int 2147483648, int -2147483648, ` +
	`int -2147483649, int 9223372036854775808, int -9223372036854775809, float 1.5, float -0.0, bytes b'', bytes b'bytes', ` +
	`bytes b'list', bytes b'%s', str '', str 'text ü中', [], [int 1, [int 2, []]], (,), (int 1, (bytes b'a',),), {}, ` +
	`{bytes b'k': int 1, bytes b'u': [int 2]}, {int 3: NoneType None}, {(int 1, int 2,): bytes b'x'}, {str 'x': int 1, str 'y': {}}, set(int 1, int 2), ` +
	`frozenset(bytes b'a'), [int 1, int 2], [int 1, int 2], ([int 1, int 2], [int 1, int 2],), Point bytes b'p']`

func TestOriginalValues(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	peer := connect(t, n, original(t))
	want := allValues(t)
	if got := call(t, peer, "values"); !reflect.DeepEqual(got, want) {
		t.Errorf("values: got %v, want %v", got, want)
	}
	if got := call(t, peer, "echo", want); !reflect.DeepEqual(got, want) {
		t.Errorf("echo: got %v, want %v", got, want)
	}
	text := fmt.Sprintf(shown, strings.Repeat(`\x00\xff`, 40))
	if got := call(t, peer, "show", want); got != text {
		t.Errorf("show: got %v, want %v", got, text)
	}
	v, err := peer.Call(soon(t), "show", foolscap.Args{
		Positional: []foolscap.Value{1}, Named: map[string]foolscap.Value{"zeta": "z", "alpha": []byte("a")},
	})
	if want := "int 1, alpha=bytes b'a', zeta=str 'z'"; err != nil || v != want {
		t.Errorf("show: got %v and error %v, want %v", v, err, want)
	}
	large := []byte(strings.Repeat("0123456789abcdef", 1<<17)) // 2 MiB
	if got := call(t, peer, "echo", large); !reflect.DeepEqual(got, large) {
		t.Errorf("echo of 2 MiB: got something else")
	}
}

func TestOriginalFailures(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	furl := original(t)
	peer := connect(t, n, furl)
	for _, tc := range []struct{ name, method, arg, class, parent, message string }{
		{"own exception", "fail", "refused", "__main__.Refused", "builtins.ValueError", "no: ü"},
		{"long text", "fail", "long", "builtins.KeyError", "builtins.LookupError", "'xxxx"},
		{"unknown method", "nothing", "", "builtins.AttributeError", "builtins.Exception", "remote_nothing"},
		{"wrong arguments", "lost", "x", "builtins.TypeError", "builtins.Exception", "remote_lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := peer.Call(soon(t), tc.method, foolscap.Positional(tc.arg))
			e, ok := errors.AsType[*foolscap.RemoteError](err)
			if !ok {
				t.Fatalf("got %v, want a RemoteError", err)
			}
			if e.Type != tc.class || !e.IsA(tc.parent) || !strings.Contains(e.Message, tc.message) {
				t.Errorf("got %+v, want a %s (a %s): %s", e, tc.class, tc.parent, tc.message)
			}
		})
	}
	t.Run("given up answer", func(t *testing.T) {
		if v, err := peer.Call(soon(t), "unsendable", foolscap.Args{}); err == nil || !strings.Contains(err.Error(), "gave up") {
			t.Errorf("got %v and error %v, want the error that it was given up", v, err)
		}
	})
	if got := call(t, peer, "echo", "still there"); got != "still there" {
		t.Errorf("got %v, want the connection to go on", got)
	}
	if _, err := n.Connect(soon(t), furl+"x"); err == nil || !strings.Contains(err.Error(), "KeyError") || strings.Contains(err.Error(), "peerx") {
		t.Errorf("connect with a wrong swissnum: got %v, want a KeyError that does not tell it", err)
	}
}

func TestOriginalReferences(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	peer := connect(t, n, original(t))
	c := call(t, peer, "counter").(*foolscap.Remote)
	if got := call(t, c, "add", 5); got != int64(5) {
		t.Errorf("add: got %v, want 5", got)
	}
	if got := call(t, peer, "is_counter", c); got != true {
		t.Errorf("a reference that goes home: got %v, want true", got)
	}
	again := call(t, peer, "counter").(*foolscap.Remote)
	if !again.Same(c) {
		t.Error("the same object twice: got two")
	}
	if got := call(t, peer, "held"); got != int64(2) { // itself and the counter
		t.Errorf("held: got %v, want 2", got)
	}
	c.Release()
	again.Release()
	for got := foolscap.Value(nil); got != int64(1); got = call(t, peer, "held") {
		time.Sleep(10 * time.Millisecond)
	}

	ours := newObject(func(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
		switch method {
		case "sum":
			v, err := args.Bind([]string{"a"}, "b")
			if err != nil {
				return nil, err
			}
			b, _ := v[1].(int64)
			return v[0].(int64) + b, nil
		case "known":
			return nil, &foolscap.CallError{Type: "ours.Known", Message: "as ü told", Parents: []string{"builtins.ValueError"}}
		}
		return nil, errors.New("not for the other end")
	})
	if got := call(t, peer, "show", ours); got != "remote" {
		t.Errorf("show: got %v, want remote", got)
	}
	if got := call(t, peer, "echo", ours); got != foolscap.Value(ours) {
		t.Errorf("our object comes home: got %v, want itself", got)
	}
	if got := call(t, peer, "call", ours, "sum", []foolscap.Value{1}, foolscap.Dict{{"b", 2}}); got != int64(3) {
		t.Errorf("call: got %v, want 3", got)
	}
	for method, want := range map[string]string{
		"known": "[ours.Known as ü told [ours.Known builtins.ValueError builtins.Exception builtins.BaseException builtins.object]]",
		"other": "[builtins.Exception the call did not work [builtins.Exception builtins.BaseException builtins.object]]",
		"sum":   "[foolscap.tokens.Violation the argument a is missing [foolscap.tokens.Violation builtins.Exception builtins.BaseException builtins.object]]",
	} {
		if got := fmt.Sprint(call(t, peer, "call_fails", ours, method)); got != want {
			t.Errorf("%s: got %v, want %v", method, got, want)
		}
	}
	call(t, peer, "keep", ours)
	if got := call(t, peer, "call_kept", 0, "sum", []foolscap.Value{7}); got != int64(7) {
		t.Errorf("call of a kept object: got %v, want 7", got)
	}
	if mine, _ := n.Held(); mine != 1 {
		t.Errorf("kept: got %d of our objects held, want 1", mine)
	}
	call(t, peer, "release")
	deadline := time.Now().Add(10 * time.Second)
	for mine := 1; mine != 0 && time.Now().Before(deadline); mine, _ = n.Held() {
		call(t, peer, "echo", nil)
		time.Sleep(10 * time.Millisecond)
	}
	if mine, _ := n.Held(); mine != 0 {
		t.Errorf("given back: got %d of our objects held, want 0", mine)
	}
}

func TestOriginalCallsInOrder(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{Limits: foolscap.Limits{Pending: 10}})
	peer := connect(t, n, original(t))
	const calls = 300
	next := int64(0)
	ours := newObject(func(_ context.Context, _ string, args foolscap.Args) (foolscap.Value, error) {
		if args.Positional[0] != next {
			return nil, &foolscap.CallError{Type: "ours.Order", Message: fmt.Sprintf("got %v, want %d", args.Positional[0], next)}
		}
		v := next
		next++
		return foolscap.Later(func(context.Context) (foolscap.Value, error) { return v * 2, nil }), nil
	})
	got, ok := call(t, peer, "pipeline", ours, calls).([]foolscap.Value)
	if !ok || len(got) != calls || got[calls-1] != int64(2*(calls-1)) {
		t.Errorf("got %v, want %d answers in order", got, calls)
	}
}

func TestOriginalConnectsToUs(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	furl := original(t)
	peer := connect(t, n, furl)
	n.Register("double", newObject(func(_ context.Context, _ string, args foolscap.Args) (foolscap.Value, error) {
		return args.Positional[0].(int64) * 2, nil
	}))
	// New Tubs, each with a certificate of its own: some greater than ours, and so the master, some less.
	for i := range 4 {
		if got := call(t, peer, "dial", n.furl("double"), "anything", []foolscap.Value{i}); got != int64(2*i) {
			t.Errorf("dial: got %v, want %v", got, 2*i)
		}
	}
	if got := fmt.Sprint(call(t, peer, "dial", n.furl("treble"), "anything", []foolscap.Value{1})); !strings.Contains(got, "no object has this name") {
		t.Errorf("a wrong swissnum: got %v, want a refusal", got)
	}
	if got := call(t, peer, "visit", n.furl("double"), "anything", []foolscap.Value{4}); got != int64(8) {
		t.Errorf("visit over the connection that there is: got %v, want 8", got)
	}
	if got := n.Links(); got != 6 {
		t.Errorf("got %d connections, want 6", got)
	}
}

func TestOriginalDisconnects(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	furl := original(t)
	peer := connect(t, n, furl)
	ended := make(chan error, 1)
	peer.OnDisconnect(func(err error) { ended <- err })
	call(t, peer, "hang_up")
	if err := <-ended; !errors.Is(err, foolscap.ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
	if _, err := peer.Call(soon(t), "echo", foolscap.Positional(1)); !errors.Is(err, foolscap.ErrDisconnected) {
		t.Errorf("a call: got %v, want ErrDisconnected", err)
	}
	if got := call(t, connect(t, n, furl), "echo", 1); got != int64(1) {
		t.Errorf("a new connection: got %v, want 1", got)
	}
}

// A silent connection to the original stays up by PING and PONG, in both directions.
func TestOriginalKeepalive(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 4 s")
	}
	n := newNode(t, 1, foolscap.Config{Keepalive: 500 * time.Millisecond})
	peer := connect(t, n, original(t, "1"))
	call(t, peer, "keep", newObject(nil))
	time.Sleep(4 * time.Second)
	if got := call(t, peer, "lost"); got != int64(0) {
		t.Errorf("got %v connections lost, want 0", got)
	}
}
