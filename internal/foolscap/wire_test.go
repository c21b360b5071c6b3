package foolscap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/foolscap"
)

// A raw is the other end of a connection, of which a test says every byte.
type raw struct {
	net.Conn
	foolscap.Appender
	session foolscap.Session
	ended   chan error
}

// rawPeer makes a connection without negotiation, whose other end the test plays, until the test ends.
func rawPeer(t *testing.T, c foolscap.Config) *raw {
	t.Helper()
	here, there := net.Pipe()
	r := &raw{Conn: there, session: foolscap.NewSession(foolscap.NewTub(certificate(t, 1), c), here), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { r.ended <- r.session.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = there.Close()
		group.Wait()
	})
	return r
}

func (r *raw) say(t *testing.T, b []byte) {
	t.Helper()
	_ = r.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := r.Write(b); err != nil {
		t.Errorf("say: %v", err)
	}
}

// hear returns what comes until it holds the text.
func (r *raw) hear(t *testing.T, text string) string {
	t.Helper()
	var all []byte
	b := make([]byte, 4096)
	_ = r.SetReadDeadline(time.Now().Add(10 * time.Second))
	for !bytes.Contains(all, []byte(text)) {
		n, err := r.Read(b)
		all = append(all, b[:n]...)
		if err != nil {
			t.Errorf("heard %q and then %v, want %q", all, err, text)
			break
		}
	}
	return string(all)
}

// echo is an object that gives back its arguments.
func echo() foolscap.Object {
	return newObject(func(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
		switch method {
		case "panic":
			panic("in a call")
		case "channel":
			return make(chan int), nil
		}
		return append([]foolscap.Value{}, args.Positional...), nil
	})
}

func open(n byte, word string) string { return string([]byte{n, 0x88, byte(len(word)), 0x82}) + word }

func closing(n byte) string { return string([]byte{n, 0x89}) }

// call is a call to object 1, with the bytes of one argument.
func callWith(argument string) []byte {
	return []byte(open(0, "call") + "\x05\x81\x01\x81\x04\x82echo" + open(1, "arguments") + "\x01\x81" + argument + closing(1) + closing(0))
}

func TestRefusedMessages(t *testing.T) {
	small := foolscap.Config{Limits: foolscap.Limits{Message: 4096, String: 1000, Depth: 5}}
	deep := strings.Repeat(open(7, "list"), 6) + strings.Repeat(closing(7), 6)
	// Five lists, each with ten references to the previous one: 10^5 items in a few bytes.
	var bomb strings.Builder
	bomb.WriteString(open(2, "list") + open(3, "list") + strings.Repeat("\x01\x81", 10) + closing(3))
	for n := byte(3); n < 7; n++ {
		bomb.WriteString(open(9, "list"))
		for range 10 {
			bomb.WriteString(open(10, "reference") + string([]byte{n, 0x81}) + closing(10))
		}
		bomb.WriteString(closing(9))
	}
	bomb.WriteString(closing(2))
	for _, tc := range []struct {
		name, argument, want string
	}{
		{"long string", "\x69\x07\x82" + strings.Repeat("x", 1001), "a string of 1001 bytes"},
		{"many items", open(2, "list") + strings.Repeat("\x01\x81", 5000) + closing(2), "larger than this end accepts"},
		{"deep", deep, "containers in each other"},
		{"references to references", bomb.String(), "larger than this end accepts"},
		{"reference to itself", open(2, "list") + open(3, "reference") + "\x02\x81" + closing(3) + closing(2), "not complete"},
		{"reference to nothing", open(3, "reference") + "\x09\x81" + closing(3), "to nothing"},
		{"unknown type", open(3, "module") + "\x01\x82m" + closing(3), "unknown type"},
		{"gift", open(3, "their-reference") + "\x00\x81\x05\x82pb://" + closing(3), "third party"},
		{"unknown object of ours", open(3, "your-reference") + "\x09\x81" + closing(3), "object 9 is not known"},
		{"same key twice", open(3, "dict") + "\x01\x81\x01\x81\x01\x81\x01\x81" + closing(3), "same key twice"},
		{"key that is a list", open(3, "dict") + open(4, "list") + closing(4) + "\x01\x81" + closing(3), "cannot be one"},
		{"not UTF-8", open(3, "unicode") + "\x01\x82\xff" + closing(3), "not UTF-8"},
		{"number of many bytes", "\x01\x04\x85" + strings.Repeat("x", 513), "a number of 513 bytes"},
		{"reference to the connection", open(3, "my-reference") + "\x00\x81" + closing(3), "the connection itself"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rawPeer(t, small)
			r.session.Export(echo())
			go r.say(t, callWith(tc.argument))
			if got := r.hear(t, "Traceback"); !strings.Contains(got, tc.want) || !strings.Contains(got, "foolscap.tokens.Violation") {
				t.Errorf("got %q, want a Violation: %s", got, tc.want)
			}
			go r.say(t, callWith("\x04\x82good"))
			r.hear(t, "good")
		})
	}
}

// These end the connection, after an ERROR token that says why.
func TestBrokenProtocol(t *testing.T) {
	for _, tc := range []struct{ name, say, want string }{
		{"long header", strings.Repeat("\x00", 65) + "\x81", "64 digits"},
		{"large number", strings.Repeat("\x7f", 10) + "\x81", "too large"},
		{"no OPEN", "\x01\x81", "OPEN"},
		{"OPEN in OPEN", "\x00\x88\x01\x88", "not a string"},
		{"other CLOSE", open(0, "nothing") + closing(1), "CLOSE"},
		{"unknown type", open(0, "call") + "\x00\x90", "not a number"},
		{"unknown type in what is thrown away", open(0, "nothing") + "\x00\x90", "unknown type"},
		{"old dialect", string(callWith("\x01\x80")), "unknown type"},
		{"unknown word", "\x00\x88\x40\x87", "vocabulary"},
		{"endless nesting", strings.Repeat(open(0, "nothing"), 2001), "2000 containers"},
		{"long ERROR", "\x7f\x7f\x8d", "ERROR"},
		{"call without arguments", open(0, "call") + "\x05\x81\x01\x81\x01\x82m" + closing(0), "arguments"},
		{"argument without value", string(callWith("")), "no value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rawPeer(t, foolscap.Config{})
			r.session.Export(echo())
			go func() { _, _ = r.Write([]byte(tc.say)) }()
			if got := r.hear(t, "Foolscap protocol"); !strings.Contains(got, "\x8d") {
				t.Errorf("got %q, want an ERROR token", got)
			}
			rest, _ := io.ReadAll(r)
			if err := <-r.ended; !errors.Is(err, foolscap.ErrProtocol) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v (and %q), want ErrProtocol: %s", err, rest, tc.want)
			}
		})
	}
}

func TestOtherEndHangsUpWithError(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	r.say(t, []byte("\x04\x8dwhy\n"))
	if err := <-r.ended; !errors.Is(err, foolscap.ErrProtocol) || !strings.Contains(err.Error(), `"why\n"`) {
		t.Errorf("got %v, want what the other end said, quoted", err)
	}
}

// Who holds none of our objects gets 64 KiB for a call, and so does a call to the connection itself.
func TestStrangersGetLittle(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	name := foolscap.Named(map[string]foolscap.Value{"name": bytes.Repeat([]byte("x"), 65<<10)})
	go r.say(t, r.Call(1, 0, "getReferenceByName", name))
	r.hear(t, "larger than this end accepts")
	go r.say(t, r.Call(2, 0, "getReferenceByName", foolscap.Named(map[string]foolscap.Value{"name": []byte("x")})))
	r.hear(t, "no object has this name here")
	go r.say(t, r.Call(3, 1, "anything", foolscap.Args{}))
	r.hear(t, "object 1 is not known here")
}

func TestDecrefOfMoreThanThereIs(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	r.session.Export(echo())
	for _, count := range []int{2, -1} {
		go r.say(t, r.Call(1, 0, "decref", foolscap.Named(map[string]foolscap.Value{"clid": 1, "count": count})))
		r.hear(t, "more references given back than there are")
	}
	go r.say(t, r.Call(1, 0, "decref", foolscap.Named(map[string]foolscap.Value{"clid": 1, "count": 1})))
	r.hear(t, "\r\x87") // an answer
	go r.say(t, r.Call(2, 1, "anything", foolscap.Args{}))
	r.hear(t, "object 1 is not known here")
}

func TestPing(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	r.say(t, []byte("\x8e"))
	if got := r.hear(t, "\x8f"); got != "\x8f" {
		t.Errorf("got %q, want a PONG", got)
	}
	r.say(t, []byte("\x07\x8e"))
	if got := r.hear(t, "\x8f"); got != "\x07\x8f" {
		t.Errorf("got %q, want a PONG of the same number", got)
	}
}

// Whoever asks for signs of life and does not read them gets few.
func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rawPeer(t, foolscap.Config{})
		r.say(t, bytes.Repeat([]byte("\x8e"), 10000))
		synctest.Wait()
		_ = r.SetReadDeadline(time.Now().Add(time.Second))
		if got, _ := io.ReadAll(r); len(got) > 16 {
			t.Errorf("got %d PONGs, want at most 16", len(got))
		}
	})
}

// Calls beyond the limit are not read before there is room.
func TestPendingCalls(t *testing.T) {
	r := rawPeer(t, foolscap.Config{Limits: foolscap.Limits{Pending: 4}})
	block := make(chan struct{})
	var begun atomic.Int32
	r.session.Export(newObject(func(context.Context, string, foolscap.Args) (foolscap.Value, error) {
		return foolscap.Later(func(context.Context) (foolscap.Value, error) {
			begun.Add(1)
			<-block
			return "done", nil
		}), nil
	}))
	go func() {
		for i := range 20 {
			_, _ = r.Write(r.Call(int64(i+1), 1, "m", foolscap.Args{}))
		}
	}()
	time.Sleep(200 * time.Millisecond)
	if got := begun.Load(); got != 4 {
		t.Errorf("got %d calls at once, want 4", got)
	}
	close(block)
	all := ""
	for strings.Count(all, "done") < 20 {
		all += r.hear(t, "done")
	}
}

func TestCallsThatFailHere(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	r.session.Export(echo())
	for _, method := range []string{"panic", "channel"} {
		go r.say(t, r.Call(1, 1, method, foolscap.Args{}))
		r.hear(t, "the call did not work")
	}
}

func TestUnsendable(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	other := rawPeer(t, foolscap.Config{})
	cyclic := make([]foolscap.Value, 1)
	cyclic[0] = cyclic
	for _, v := range []foolscap.Value{make(chan int), []foolscap.Value{uint8(1)}, cyclic, other.session.Root(), foolscap.Dict{{"k", struct{}{}}}} {
		if _, err := r.session.Root().Call(soon(t), "m", foolscap.Positional(v)); !errors.Is(err, foolscap.ErrUnsendable) {
			t.Errorf("%T: got %v, want ErrUnsendable", v, err)
		}
	}
}

// References in an answer for which nobody waits any more are given back.
func TestAbandonedAnswer(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		r.hear(t, "\x89\x00\x89")
		cancel()
	}()
	if _, err := r.session.Root().Call(ctx, "m", foolscap.Args{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want Canceled", err)
	}
	go r.say(t, []byte(open(0, "answer")+"\x01\x81"+open(1, "list")+open(2, "my-reference")+"\x09\x81"+closing(2)+closing(1)+closing(0)))
	r.hear(t, "decref")
}

// A Remote that is garbage is given back.
func TestGarbage(t *testing.T) {
	r := rawPeer(t, foolscap.Config{})
	go func() {
		r.hear(t, "\x89\x00\x89")
		r.say(t, []byte(open(0, "answer")+"\x01\x81"+open(2, "my-reference")+"\x09\x81\x04\x82RIxx"+closing(2)+closing(0)))
	}()
	v, err := r.session.Root().Call(soon(t), "m", foolscap.Args{})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.(*foolscap.Remote).Interface(); got != "RIxx" {
		t.Errorf("got interface %q, want RIxx", got)
	}
	v = nil
	done := make(chan string)
	go func() { done <- r.hear(t, "decref") }()
	for {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rawPeer(t, foolscap.Config{Keepalive: time.Minute, Disconnect: 5 * time.Minute})
		r.session.Export(echo())
		began := time.Now()
		var pings []time.Duration
		var group sync.WaitGroup
		group.Go(func() {
			b := make([]byte, 1)
			for i := 0; ; i++ {
				if _, err := r.Read(b); err != nil {
					return
				}
				if b[0] == 0x8e {
					pings = append(pings, time.Since(began))
				}
				if i < 2 {
					_, _ = r.Write([]byte{0x8f})
				}
			}
		})
		err := <-r.ended
		if got := time.Since(began); got != 7*time.Minute || !errors.Is(err, foolscap.ErrDisconnected) {
			t.Errorf("got %v after %v, want ErrDisconnected 5 minutes after the last sign of life", err, got)
		}
		group.Wait()
		if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute, 6 * time.Minute}; !reflect.DeepEqual(pings, want) {
			t.Errorf("got PINGs after %v, want %v", pings, want)
		}
	})
}

// A connection on which neither end asks for anything goes.
func TestUselessConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rawPeer(t, foolscap.Config{Keepalive: time.Minute})
		began := time.Now()
		go func() {
			b := make([]byte, 1)
			for {
				if _, err := r.Read(b); err != nil {
					return
				}
				_, _ = r.Write([]byte{0x8f})
			}
		}()
		if err := <-r.ended; time.Since(began) > 3*time.Minute {
			t.Errorf("got %v after %v, want an end soon", err, time.Since(began))
		}
	})
}

// An end that does not read does not hold up this one for ever, nor make it take memory without bound.
func TestOtherEndDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rawPeer(t, foolscap.Config{Keepalive: time.Minute, Disconnect: 3 * time.Minute, Limits: foolscap.Limits{Unsent: 1 << 20}})
		var group sync.WaitGroup
		var failed atomic.Int32
		for range 10 {
			group.Go(func() {
				_, err := r.session.Root().Call(context.Background(), "m", foolscap.Positional(make([]byte, 300<<10)))
				if errors.Is(err, foolscap.ErrDisconnected) {
					failed.Add(1)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.session.Root().Call(ctx, "m", foolscap.Positional(make([]byte, 300<<10))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		group.Wait()
		if got := failed.Load(); got != 10 {
			t.Errorf("got %d calls that ended with the connection, want 10", got)
		}
	})
}

func TestMessageGolden(t *testing.T) {
	var a foolscap.Appender
	got := a.Call(1, 0, "getReferenceByName", foolscap.Named(map[string]foolscap.Value{"name": []byte("peer")}))
	want := "\x00\x88\x0b\x87\x01\x81\x00\x81\x12\x82getReferenceByName\x01\x88\x0c\x87\x00\x81\x04\x82name\x04\x82peer\x01\x89\x00\x89"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for n, want := range map[int64]string{
		0: "\x00\x81", 127: "\x7f\x81", 128: "\x00\x01\x81", 1<<31 - 1: "\x7f\x7f\x7f\x7f\x07\x81", 1 << 31: "\x04\x85\x80\x00\x00\x00",
		-1: "\x01\x83", -1 << 31: "\x00\x00\x00\x00\x08\x83", -1<<31 - 1: "\x04\x86\x80\x00\x00\x01",
	} {
		var a foolscap.Appender
		if got := a.Answer(1, n); string(got) != "\x00\x88\x0d\x87\x01\x81"+want+"\x00\x89" {
			t.Errorf("%d: got %q, want it to hold %q", n, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	var a foolscap.Appender
	want := allValues(t)
	got, refused, err := foolscap.DecodeAll(bytes.NewReader(a.Answer(1, want)), 1<<20)
	if err != nil || len(refused) > 0 || !reflect.DeepEqual(got, []foolscap.Value{want}) {
		t.Errorf("got %v, refused %v, error %v; want %v", got, refused, err, want)
	}
}

func TestBind(t *testing.T) {
	type values = []foolscap.Value
	named := func(kv ...string) map[string]foolscap.Value {
		m := map[string]foolscap.Value{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, tc := range []struct {
		name string
		args foolscap.Args
		want values
		err  string
	}{
		{"all positional", foolscap.Positional("1", "2", "3"), values{"1", "2", "3"}, ""},
		{"all named", foolscap.Named(named("c", "3", "a", "1", "b", "2")), values{"1", "2", "3"}, ""},
		{"both", foolscap.Args{Positional: values{"1"}, Named: named("b", "2")}, values{"1", "2", nil}, ""},
		{"missing", foolscap.Positional("1"), nil, "the argument b is missing"},
		{"twice", foolscap.Args{Positional: values{"1", "2"}, Named: named("a", "1")}, nil, "the argument a is there twice"},
		{"unknown", foolscap.Args{Positional: values{"1", "2"}, Named: named("d", "4")}, nil, "unknown names"},
		{"too many", foolscap.Positional("1", "2", "3", "4"), nil, "at most 3"},
	} {
		got, err := tc.args.Bind([]string{"a", "b"}, "c")
		if tc.err == "" && (err != nil || !reflect.DeepEqual(got, tc.want)) || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: got %v and error %v, want %v and %q", tc.name, got, err, tc.want, tc.err)
		}
	}
	d := foolscap.Dict{{"text", 1}, {[]byte("bytes"), 2}, {int64(3), 4}}
	if v, ok := d.Get("bytes"); !ok || v != 2 {
		t.Errorf("get: got %v, %v, want 2", v, ok)
	}
	if v, ok := d.Get("other"); ok {
		t.Errorf("get: got %v, want nothing", v)
	}
	if got := fmt.Sprint(&foolscap.RemoteError{Type: "a.B", Message: "line\nbreak"}); strings.Contains(got, "\n") {
		t.Errorf("got %q, want one line", got)
	}
}
