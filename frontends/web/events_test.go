package web_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
)

// A listener hears what a server tells.
type listener struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	resp *http.Response
}

func hear(t testing.TB, conn net.Conn, target string) *listener {
	t.Helper()
	go fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == 200 {
		checkHeaders(t, resp.Header, map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
	}
	return &listener{t, conn, bufio.NewReader(resp.Body), resp}
}

// next reads the next event, or sign of life, and decodes its data.
func (l *listener) next(v any) (name string, ok bool) {
	l.t.Helper()
	for {
		line, err := l.in.ReadString('\n')
		switch {
		case err != nil:
			return "", false
		case line == ":\n":
			return "alive", true
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimSpace(line[len("event: "):])
		case strings.HasPrefix(line, "data: "):
			if err := json.Unmarshal([]byte(line[len("data: "):]), v); err != nil {
				l.t.Fatalf("%q: %v", line, err)
			}
			return name, true
		}
	}
}

// eventWorld is a server in time that is fake.
func eventWorld(t *testing.T) (*rig, *pipes, func() error) {
	t.Helper()
	r := newRig(t, func(c *web.Config) { c.Clock = nil })
	ln := newPipes()
	return r, ln, serving(t, r.Server, ln)
}

// Events have what t=json has, come when something changes, and end when the node stops.
func TestStatusEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ln, stop := eventWorld(t)
		l := hear(t, ln.dial(), "/status?t=events")
		var st wapi.Status
		if name, _ := l.next(&st); name != "status" || len(st.Active)+len(st.Recent) != 0 {
			t.Errorf("at first: got %s %+v", name, st)
		}
		release, stored := make(chan struct{}), make(chan struct{})
		r.shelf.block = func(<-chan struct{}) error { <-release; return nil }
		go func() {
			readAll(t, r.do(t, "PUT", "/uri", strings.NewReader("hello")))
			close(stored)
		}()
		if l.next(&st); len(st.Active) != 1 || st.Active[0].Type != wapi.OperationUpload {
			t.Errorf("while a file is stored: got %+v", st)
		}
		close(release)
		<-stored
		if l.next(&st); len(st.Active) != 0 || len(st.Recent) != 1 {
			t.Errorf("when it is stored: got %+v", st)
		}
		var asked wapi.Status
		if err := json.Unmarshal([]byte(readAll(t, r.do(t, "GET", "/status?t=json", nil))), &asked); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(asked, st); d != "" {
			t.Errorf("the event has other figures than t=json (-json +event):\n%s", d)
		}
		before := time.Now()
		if name, _ := l.next(&st); name != "alive" || time.Since(before) < 10*time.Second {
			t.Errorf("got %q after %v of silence", name, time.Since(before))
		}
		before = time.Now()
		ended := make(chan bool)
		go func() {
			_, more := l.next(new(wapi.Status))
			ended <- !more
		}()
		if err := stop(); err != nil || time.Since(before) > time.Second || !<-ended {
			t.Errorf("the node took %v to stop: %v", time.Since(before), err)
		}
		_ = l.conn.Close()
	})
}

// Many changes at once are few events.
func TestEventsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ln, stop := eventWorld(t)
		l := hear(t, ln.dial(), "/status?t=events")
		var st wapi.Status
		l.next(&st)
		for range 50 {
			readAll(t, r.do(t, "PUT", "/uri", strings.NewReader("hello")))
			time.Sleep(time.Millisecond)
		}
		events := 0
		for name := ""; name != "alive"; events++ {
			name, _ = l.next(&st)
		}
		if events--; events > 2 || len(st.Recent) != 10 {
			t.Errorf("got %d events, the last with %d transfers", events, len(st.Recent))
		}
		_ = l.conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Who does not read is cut off, and holds nothing up.
func TestSlowListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ln, stop := eventWorld(t)
		slow := ln.dial()
		go fmt.Fprint(slow, "GET /status?t=events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		time.Sleep(time.Second)
		if n := r.Listeners(); n != 1 {
			t.Errorf("got %d listeners, want the slow one", n)
		}
		readAll(t, r.do(t, "PUT", "/uri", strings.NewReader("hello"))) // does not wait
		time.Sleep(time.Minute)
		if n := r.Listeners(); n != 0 {
			t.Errorf("got %d listeners, want the slow one cut off", n)
		}
		_ = slow.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestListenersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ln, stop := eventWorld(t)
		var all []*listener
		for range web.MaxListeners {
			all = append(all, hear(t, ln.dial(), "/status?t=events"))
		}
		if resp := r.do(t, "GET", "/status?t=events", nil); resp.StatusCode != 503 {
			t.Errorf("one too many: got %d", resp.StatusCode)
		}
		_ = all[0].conn.Close()
		synctest.Wait()
		one := hear(t, ln.dial(), "/status?t=events")
		if one.resp.StatusCode != 200 {
			t.Errorf("got %d after one has gone", one.resp.StatusCode)
		}
		for _, l := range append(all, one) {
			_ = l.conn.Close()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// The events of a slow operation have its figures, and end with it.
func TestOperationEvents(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	srv := httptest.NewServer(w)
	defer srv.Close()
	w.run(t, []step{
		{request: "POST /uri/{D}?t=start-deep-check&ophandle=c", status: 302},
		{request: "POST /uri/{D}?t=start-deep-stats&ophandle=s", status: 302},
	})
	for _, tt := range []struct{ handle, member string }{{"c", "count-objects-checked"}, {"s", ""}} {
		w.await(t, tt.handle)
		resp, err := http.Get(srv.URL + "/operations/" + tt.handle + "?output=events")
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		name, data, _ := strings.Cut(string(all), "\ndata: ")
		var told, asked map[string]any
		if err != nil || name != "event: operation" || json.Unmarshal([]byte(data), &told) != nil {
			t.Fatalf("got %q, %v", all, err)
		}
		if err := json.Unmarshal([]byte(readAll(t, w.do(t, "GET", "/operations/"+tt.handle+"?output=json", nil))), &asked); err != nil {
			t.Fatal(err)
		}
		stats := asked
		if tt.member != "" {
			stats = asked["stats"].(map[string]any)
			if told[tt.member] != asked[tt.member] || told[tt.member] == nil {
				t.Errorf("%s: told %v, asked %v", tt.member, told[tt.member], asked[tt.member])
			}
		}
		for key, value := range told["stats"].(map[string]any) {
			if fmt.Sprint(stats[key]) != fmt.Sprint(value) {
				t.Errorf("%s: told %v, asked %v", key, value, stats[key])
			}
		}
		if told["finished"] != true {
			t.Errorf("told %v", told)
		}
	}
}

// The events of an upload end when it is stored.
func TestUploadEvents(t *testing.T) {
	r := newTusRig(t)
	at := r.create(t, 5)
	r.patch(t, at, 0, "hello", 204)
	resp := r.do(t, "GET", at+"?t=events", nil)
	if text := readAll(t, resp); !strings.HasPrefix(text, "event: upload\ndata: {") || !strings.Contains(text, `"state":"stored"`) {
		t.Errorf("got %q", text)
	}
	if resp := r.do(t, "GET", at+"?t=nothing", nil); resp.StatusCode != 400 {
		t.Errorf("got %d for another t=", resp.StatusCode)
	}
}
