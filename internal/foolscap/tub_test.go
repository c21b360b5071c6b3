package foolscap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/foolscap"
)

// pair returns two nodes, the first of which has the greater Tub id, and so is the master.
func pair(t *testing.T, c foolscap.Config) (master, other *node) {
	t.Helper()
	a, b := newNode(t, 1, c), newNode(t, 2, c)
	if foolscap.TubID(a.ID()).String() < foolscap.TubID(b.ID()).String() {
		a, b = b, a
	}
	a.Register("echo", echo())
	b.Register("echo", echo())
	return a, b
}

func echoes(t *testing.T, r *foolscap.Remote, text string) {
	t.Helper()
	v := call(t, r, "echo", text)
	if l, ok := v.([]foolscap.Value); !ok || len(l) != 1 || l[0] != text {
		t.Errorf("echo: got %v, want %v", v, text)
	}
}

func TestConnect(t *testing.T) {
	for _, name := range []string{"master connects", "other connects"} {
		t.Run(name, func(t *testing.T) {
			from, to := pair(t, foolscap.Config{})
			if name == "other connects" {
				from, to = to, from
			}
			r := connect(t, from, to.furl("echo"))
			echoes(t, r, "there")
			if r.Tub() != to.ID() {
				t.Errorf("got Tub %v, want %v", r.Tub(), to.ID())
			}
			echoes(t, connect(t, to, from.furl("echo")), "and back, over the same connection")
			if from.Links() != 1 || to.Links() != 1 {
				t.Errorf("got %d and %d connections, want 1 and 1", from.Links(), to.Links())
			}
			if err := r.CallOnly(soon(t), "echo", foolscap.Args{}); err != nil {
				t.Errorf("call without answer: got %v, want no error", err)
			}
		})
	}
}

// Many connect at once, both ways: one connection is left, and nobody hears of the others.
func TestConnectAtOnce(t *testing.T) {
	for range 5 {
		a, b := pair(t, foolscap.Config{})
		var group sync.WaitGroup
		for i := range 20 {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			group.Go(func() {
				r, err := from.Connect(soon(t), to.furl("echo"))
				if err != nil {
					t.Errorf("connect: got %v, want no error", err)
					return
				}
				if _, err := r.Call(soon(t), "echo", foolscap.Positional("x")); err != nil {
					t.Errorf("call: got %v, want no error", err)
				}
			})
		}
		group.Wait()
		if a.Links() != 1 || b.Links() != 1 {
			t.Errorf("got %d and %d connections, want 1 and 1", a.Links(), b.Links())
		}
	}
}

func TestConnectToItself(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	n.Register("echo", echo())
	echoes(t, connect(t, n, n.furl("echo")), "here")
	echoes(t, connect(t, n, n.FURL(nil, "echo")), "here again")
}

func TestConnectFails(t *testing.T) {
	n, other := pair(t, foolscap.Config{Negotiation: 2 * time.Second})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	id := foolscap.TubID(other.ID()).String()
	third := foolscap.TubID{1}.String()
	for _, tc := range []struct{ name, furl, want string }{
		{"not a FURL", "x", "begin with pb://"},
		{"nowhere to go", "pb://" + third + "@tor:x.onion:80/s", "no address"},
		{"nobody there", "pb://" + third + "@127.0.0.1:1/s", "refused"},
		{"silence", "pb://" + third + "@" + silent.Addr().String() + "/s", "more than 2s"},
		{"other Tub", "pb://" + third + "@" + other.hints[0] + "/s", "unknown TubID"},
		{"other name", "pb://" + id + "@" + other.hints[0] + "/s", "no object has this name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := n.Connect(soon(t), tc.furl)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	t.Run("second address", func(t *testing.T) {
		echoes(t, connect(t, n, other.FURL([]string{"tcp:127.0.0.1:1", other.hints[0]}, "echo")), "found")
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := n.Connect(ctx, "pb://"+third+"@"+silent.Addr().String()+"/s"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
	})
	t.Run("not running", func(t *testing.T) {
		idle := foolscap.NewTub(certificate(t, 3), foolscap.Config{})
		if _, err := idle.Connect(soon(t), other.furl("echo")); !errors.Is(err, foolscap.ErrNotRunning) {
			t.Errorf("got %v, want ErrNotRunning", err)
		}
	})
}

// Somebody with another certificate answers at the address of a Tub, and claims to be it.
func TestImpostor(t *testing.T) {
	n, other := pair(t, foolscap.Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	id := foolscap.TubID(other.ID()).String()
	heard := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = readUntil(conn, "\r\n\r\n")
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, PB/1.0\r\nConnection: Upgrade\r\n\r\n")
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate(t, 9)}})
		_, _ = io.WriteString(s, "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\nmy-incarnation: x\r\nmy-tub-id: "+id+"\r\n\r\n")
		b, _ := io.ReadAll(s)
		heard <- string(b)
	}()
	_, err = n.Connect(soon(t), "pb://"+id+"@"+ln.Addr().String()+"/echo")
	if !errors.Is(err, foolscap.ErrNegotiation) || !strings.Contains(err.Error(), "TubID mismatch") {
		t.Errorf("got %v, want a mismatch", err)
	}
	if got := <-heard; strings.Contains(got, "echo") || !strings.Contains(got, "error: TubID mismatch") {
		t.Errorf("the impostor hears %q, want why, and no swissnum", got)
	}
}

func readUntil(r io.Reader, text string) (string, error) {
	var all []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(all, []byte(text)) {
		if _, err := r.Read(b); err != nil {
			return string(all), err
		}
		all = append(all, b[0])
	}
	return string(all), nil
}

// What comes to the port that is not Foolscap gets one line.
func TestPlaintextRefusals(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{Negotiation: 500 * time.Millisecond})
	id := foolscap.TubID(n.ID()).String()
	for _, tc := range []struct{ name, say, want string }{
		{"browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 500 Internal Server Error: Foolscap negotiation: this is a port of Foolscap"},
		{"other Tub", "GET /id/" + strings.Repeat("a", 32) + " HTTP/1.1\r\n\r\n", "unknown TubID"},
		{"endless header", strings.Repeat("x", 5000), "more than 4096 bytes"},
		{"half a header", "GET /id/" + id, ""},
		{"no TLS", "GET /id/" + id + " HTTP/1.1\r\nUpgrade: TLS/1.0\r\n\r\nnot TLS at all", "101 Switching Protocols"},
		{"a Tub", "GET /id/" + id + " HTTP/1.1\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, PB/1.0\r\nConnection: Upgrade\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(n.hints[0], "tcp:"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, tc.say)
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			got, err := io.ReadAll(conn)
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				t.Errorf("got no end of the connection")
			}
			if !strings.Contains(string(got), tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{Limits: foolscap.Limits{Connections: 1}})
	addr := strings.TrimPrefix(n.hints[0], "tcp:")
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, _ = io.WriteString(first, "GET /id/"+foolscap.TubID(n.ID()).String()+" HTTP/1.1\r\n\r\n")
	if _, err := readUntil(first, "\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	_ = second.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := io.ReadAll(second); len(got) > 0 || err != nil {
		t.Errorf("got %q and error %v, want an end", got, err)
	}
}

func TestDisconnect(t *testing.T) {
	a, b := newNode(t, 1, foolscap.Config{}), newNode(t, 2, foolscap.Config{})
	started := make(chan struct{})
	ended := make(chan error, 1)
	b.Register("slow", newObject(func(ctx context.Context, _ string, _ foolscap.Args) (foolscap.Value, error) {
		close(started)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}))
	tap := make(chan net.Conn, 2)
	a.SetTap(func(c net.Conn) net.Conn { tap <- c; return c })
	r := connect(t, a, b.furl("slow"))
	var first, second atomic.Int32
	r.OnDisconnect(func(error) { first.Add(1) })
	cancel := r.OnDisconnect(func(error) { second.Add(1) })
	cancel()
	go func() {
		<-started
		_ = (<-tap).Close()
	}()
	if _, err := r.Call(soon(t), "wait", foolscap.Args{}); !errors.Is(err, foolscap.ErrDisconnected) {
		t.Errorf("a call under way: got %v, want ErrDisconnected", err)
	}
	if err := <-ended; !errors.Is(err, foolscap.ErrDisconnected) {
		t.Errorf("the context of the call: got %v, want ErrDisconnected", err)
	}
	<-r.Done()
	late := make(chan error, 1)
	r.OnDisconnect(func(err error) { late <- err })
	if err := <-late; !errors.Is(err, foolscap.ErrDisconnected) || first.Load() != 1 || second.Load() != 0 {
		t.Errorf("got %v, %d and %d calls; want ErrDisconnected, 1 and 0", err, first.Load(), second.Load())
	}
}

// A Tub that was started anew replaces its old connection, whichever of the two is the master.
func TestPeerStartsAnew(t *testing.T) {
	for _, numbers := range [][2]int64{{1, 2}, {2, 1}} {
		n := newNode(t, numbers[0], foolscap.Config{})
		n.Register("echo", echo())
		cert := certificate(t, numbers[1])
		var old *foolscap.Remote
		for range 3 {
			anew := startTub(t, foolscap.NewTub(cert, foolscap.Config{}))
			r := connect(t, anew, n.furl("echo"))
			echoes(t, r, "anew")
			if old != nil {
				select {
				case <-old.Done():
				case <-time.After(10 * time.Second):
					t.Error("the old connection did not end")
				}
			}
			old = r
		}
	}
}

func TestPrefers(t *testing.T) {
	offer := func(life, last string) map[string]string {
		return map[string]string{"my-incarnation": life, "last-connection": last}
	}
	for _, tc := range []struct {
		name  string
		offer map[string]string
		want  bool
	}{
		{"started anew", offer("other", "none 0"), true},
		{"one of several attempts", offer("life", "none 0"), false},
		{"knows another life of ours", offer("life", "earlier 7"), true},
		{"knows the one that there is", offer("life", "ours 7"), true},
		{"knows an older one", offer("life", "ours 6"), false},
		{"knows one that never was", offer("life", "ours 8"), false},
		{"says nothing of its last", offer("other", ""), false},
		{"says nothing of itself", offer("", "ours 7"), false},
		{"nonsense", offer("life", "ours x"), false},
	} {
		if got := foolscap.Prefers(tc.offer, "life", 7, "ours"); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestBlocks(t *testing.T) {
	good := "banana-negotiation-range: 3 3\r\ninitial-vocab-table-range: 0 1\r\nmy-tub-id: x\r\n\r\n"
	for _, tc := range []struct{ name, block, want string }{
		{"good", good, ""},
		{"newer too", strings.Replace(good, "3 3", "2 5", 1), ""},
		{"other case", strings.Replace(good, "banana-n", "Banana-N", 1), ""},
		{"old", strings.Replace(good, "3 3", "1 2", 1), "versions 1 to 2"},
		{"no range", "my-tub-id: x\r\n\r\n", "not a range"},
		{"no vocabulary", strings.Replace(good, "0 1", "0 0", 1), "vocabularies 0 to 0"},
		{"refusal", "error: Duplicate connection\r\n\r\n", "Duplicate connection"},
		{"no colon", "x\r\n\r\n", "colon"},
	} {
		err := foolscap.ParseOffer([]byte(tc.block))
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, foolscap.ErrNegotiation) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	decided := "banana-decision-version: 3\r\ncurrent-connection: abc 17\r\ninitial-vocab-table-index: 1 bb33\r\n\r\n"
	if life, number, err := foolscap.ParseDecision([]byte(decided)); life != "abc" || number != 17 || err != nil {
		t.Errorf("decision: got %v %v %v, want abc 17", life, number, err)
	}
	for _, wrong := range []string{
		strings.Replace(decided, ": 3", ": 2", 1), strings.Replace(decided, "bb33", "bb34", 1), "error: no\r\n" + decided,
	} {
		if _, _, err := foolscap.ParseDecision([]byte(wrong)); !errors.Is(err, foolscap.ErrNegotiation) {
			t.Errorf("decision %q: got %v, want ErrNegotiation", wrong, err)
		}
	}
}

// The pauses between attempts grow, by the clock.
func TestKeepPauses(t *testing.T) {
	cert := certificate(t, 1)
	synctest.Test(t, func(t *testing.T) {
		var tried []time.Duration
		began := time.Now()
		tub := foolscap.NewTub(cert, foolscap.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
			tried = append(tried, time.Since(began))
			return nil, errors.New("nobody there")
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		var group sync.WaitGroup
		ready := make(chan struct{})
		group.Go(func() { _ = tub.Run(ctx, func() { close(ready) }) })
		<-ready
		err := tub.Keep(ctx, "pb://"+tubID+"@h:1/x", func(context.Context, *foolscap.Remote) { t.Error("got connected") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		group.Wait()
		attempts := len(tried)
		if attempts < 14 || attempts > 26 {
			t.Errorf("got %d attempts in 2 hours, want about 17: %v", attempts, tried)
		}
		if first := tried[1] - tried[0]; first < time.Second || first > 2*time.Second {
			t.Errorf("got %v before the second attempt, want about 1 s", first)
		}
	})
}

func TestKeep(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	cert := certificate(t, 2)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	tub := foolscap.NewTub(cert, foolscap.Config{})
	tub.Register("echo", echo())
	conns := make(chan net.Conn, 10)
	group.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- conn
			group.Go(func() { _ = tub.Serve(context.Background(), conn) })
		}
	})
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	times := 0
	err = n.Keep(ctx, tub.FURL([]string{"tcp:" + ln.Addr().String()}, "echo"), func(within context.Context, r *foolscap.Remote) {
		times++
		echoes(t, r, "kept")
		if times == 2 {
			cancel()
			return
		}
		_ = (<-conns).Close()
		<-within.Done()
	})
	if times != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d connections and %v, want 2 and Canceled", times, err)
	}
	_ = ln.Close()
	_ = (<-conns).Close()
	group.Wait()
}

// A connection that is dead, and not known to be, is replaced by one that works.
func TestConnectAfterSilentEnd(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	cert := certificate(t, 2)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	group.Go(func() {
		for i := range 2 {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			tub := foolscap.NewTub(cert, foolscap.Config{})
			tub.Register("echo", newObject(func(context.Context, string, foolscap.Args) (foolscap.Value, error) { return int64(i), nil }))
			tub.Register("hang-up", newObject(func(context.Context, string, foolscap.Args) (foolscap.Value, error) {
				return nil, conn.Close()
			}))
			group.Go(func() { _ = tub.Serve(t.Context(), conn) })
		}
	})
	furl := foolscap.NewTub(cert, foolscap.Config{}).FURL([]string{ln.Addr().String()}, "echo")
	first := connect(t, n, furl)
	hangUp := connect(t, n, strings.Replace(furl, "/echo", "/hang-up", 1))
	_ = hangUp.CallOnly(soon(t), "now", foolscap.Args{})
	if got := call(t, connect(t, n, furl), "x"); got != int64(1) {
		t.Errorf("got an answer of connection %v, want one of the second", got)
	}
	if _, err := first.Call(soon(t), "x", foolscap.Args{}); !errors.Is(err, foolscap.ErrDisconnected) {
		t.Errorf("a call over the first connection: got %v, want ErrDisconnected", err)
	}
}

func TestRunTwice(t *testing.T) {
	n := newNode(t, 1, foolscap.Config{})
	if err := n.Run(t.Context(), func() {}); err == nil {
		t.Error("got no error, want a refusal")
	}
}
