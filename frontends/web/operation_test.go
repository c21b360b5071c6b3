package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/lafs/mutable"
	"tahoe/reactor/reactortest"
)

// grow makes a directory with files and a directory below it.
func (w *world) grow(t *testing.T) {
	t.Helper()
	w.run(t, []step{
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri/{D}/lit", body: "hello", status: 201, save: "LIT"},
		{request: "PUT /uri/{D}/sub/chk", body: long, status: 201},
		{request: "PUT /uri/{D}/again?t=uri", body: "{CHK}"},
		{request: "PUT /uri/{D}/sub/up?t=uri", body: "{D}"},
		{request: "GET /uri/{D}/sub?t=uri", save: "SUB"},
	})
}

func TestStreamManifest(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	resp := w.do(t, "POST", "/uri/"+w.caps["D"]+"?t=stream-manifest", nil)
	var units []wapi.Unit
	for line := range strings.Lines(readAll(t, resp)) {
		var u wapi.Unit
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		units = append(units, u)
	}
	want := []struct{ path, kind, cap string }{{"", "directory", "D"}, {"again", "file", "CHK"}, {"lit", "file", "LIT"}, {"sub", "directory", "SUB"}, {"", "stats", ""}}
	if len(units) != len(want) {
		t.Fatalf("got %d lines: %+v", len(units), units)
	}
	for i, u := range units {
		if strings.Join(u.Path, "/") != want[i].path || u.Type != want[i].kind || u.Cap != w.caps[want[i].cap] {
			t.Errorf("line %d: got %+v, want %+v", i, u, want[i])
		}
		if verifiable := u.Type == "directory" || u.Cap == w.caps["CHK"]; (u.VerifyCap != "") != verifiable || (u.StorageIndex != "") != verifiable || (u.RepairCap != "") != verifiable {
			t.Errorf("line %d: got %+v", i, u)
		}
	}
	st := units[len(units)-1].Stats
	if st == nil || st.APIVersion != 1 || st.CountDirectories != 2 || st.CountFiles != 2 || st.CountLiteralFiles != 1 || st.SizeImmutableFiles != 200 || len(st.SizeFilesHistogram) != 2 {
		t.Errorf("statistics: got %+v", st)
	}
}

func TestSlowOperations(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "POST /uri/{D}?t=start-manifest", status: 400, want: "slow operation requires ophandle="},
		{request: "POST /uri/{CHK}?t=start-manifest&ophandle=x", status: 400},
		{request: "POST /uri/{D}?t=start-manifest&ophandle=x&retain-for=soon", status: 400},
		{request: "POST /uri/{D}?t=start-deep-check", status: 400, want: "slow operation requires ophandle="},
		{request: "POST /uri/{D}?t=start-manifest&ophandle=m%201&output=JSON", status: 302, header: "Location: /operations/m%201?output=JSON"},
		{request: "POST /uri/{D}?t=start-deep-size&ophandle=z", status: 302, header: "Location: /operations/z"},
		{request: "POST /uri/{D}", form: []string{"t", "start-deep-stats", "ophandle", "s"}, status: 302, header: "Location: /operations/s"},
	})
	for _, handle := range []string{"m%201", "z", "s"} {
		w.await(t, handle)
	}
	w.run(t, []step{
		{request: "GET /operations/m%201?output=text", want: "finished: yes\n {D}\nagain {CHK}\nlit {LIT}\nsub {SUB}"},
		{request: "GET /operations/m%201?output=json", want: "~ \"manifest\": [\n  [\n   [],\n   \"{D}\"\n  ],\n  [\n   [\n    \"again\"\n   ],"},
		{request: "GET /operations/m%201", want: "~<code>{SUB}</code>", header: "Content-Type: text/html; charset=utf-8"},
		{request: "GET /operations/m%201?output=zz", status: 400, want: "Unknown output value: 'zz'"},
		{request: "GET /operations/z?output=json", want: `~{"finished": true, "size": {"api-version": 1, "count-immutable-files": 1, `},
		{request: "GET /operations/z?output=text", want: "~finished: yes\nsize: "},
		{request: "GET /operations/z", want: "~finished: yes\nsize: "},
		{request: "GET /operations/s", want: "~\n \"size-files-histogram\": [\n  [\n   4,\n   10,\n   1\n  ],\n  [\n   101,\n   316,\n   1\n  ]\n ],\n \"finished\": true\n}"},
		{request: "GET /operations/s?output=text", want: "~\"finished\": true"},
		{request: "GET /operations/s?t=cancel", want: "~\"finished\": true"},
		{request: "GET /operations/s?release-after-complete=true", want: "~\"finished\": true"},
		{request: "GET /operations/s", status: 404, want: "unknown/expired handle 's'"},
		{request: "POST /operations/z?t=cancel", want: "~finished: yes"},
		{request: "GET /operations/z", status: 404},
		{request: "GET /operations/", status: 404},
	})
}

// await waits until an operation is finished.
func (w *world) await(t *testing.T, handle string) {
	t.Helper()
	for range 1000 {
		resp := w.do(t, "GET", "/operations/"+handle+"?output=json", nil)
		if text := readAll(t, resp); resp.StatusCode != 200 || strings.Contains(text, `"finished": true`) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("operation %s does not finish", handle)
}

// A walker is a store whose walks the test leads.
type walker struct {
	web.Store
	walk func(context.Context, func(lafs.Visit) error) error
}

func (s walker) Walk(ctx context.Context, _ caps.Cap, visit func(lafs.Visit) error) error {
	return s.walk(ctx, visit)
}

func walkerWorld(t *testing.T, walk func(context.Context, func(lafs.Visit) error) error) (*world, *reactortest.Clock) {
	t.Helper()
	clock := reactortest.NewClock(epoch)
	s := web.New(walker{newClient(t), walk}, gridOf{}, web.Config{Clock: clock})
	t.Cleanup(s.Close)
	w := &world{rig: &rig{Server: s}, caps: map[string]string{}}
	w.run(t, []step{{request: "POST /uri?t=mkdir-immutable", save: "D"}})
	return w, clock
}

func lost() error { return &mutable.NotEnoughSharesError{Have: 1, Need: 3} }

// What a finished operation found is kept for four days, and for one day after somebody has asked for it, unless the client said
// how long.
func TestOperationsExpire(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name, query string
		ask         string // after a day
		then        time.Duration
		status      int
	}{
		{name: "nobody asks", then: 3*day - time.Second, status: 200},
		{name: "nobody asks for long", then: 3 * day, status: 404},
		{name: "asked for", ask: "GET /operations/h?output=text", then: day - time.Second, status: 200},
		{name: "asked for long ago", ask: "GET /operations/h?output=text", then: day, status: 404},
		{name: "asked to keep it longer", ask: "GET /operations/h?output=text&retain-for=432000", then: 4 * day, status: 200},
		{name: "kept for an hour", query: "&retain-for=3600", status: 404},
		{name: "kept for five days", query: "&retain-for=432000", then: 3 * day, status: 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan struct{})
			w, clock := walkerWorld(t, func(context.Context, func(lafs.Visit) error) error { close(done); return nil })
			w.run(t, []step{{request: "POST /uri/{D}?t=start-deep-size&ophandle=h" + tt.query, status: 302}})
			<-done
			w.Close() // waits for its end
			clock.Advance(day)
			if tt.ask != "" {
				w.run(t, []step{{request: tt.ask}})
			}
			clock.Advance(tt.then)
			w.run(t, []step{{request: "GET /operations/h?output=text", status: tt.status}})
		})
	}
}

// An operation that failed says why, whenever it is asked. A cancelled one is gone, and its walk ends.
func TestOperationsFail(t *testing.T) {
	stopped := make(chan error, 1)
	w, _ := walkerWorld(t, func(ctx context.Context, _ func(lafs.Visit) error) error {
		<-ctx.Done()
		stopped <- ctx.Err()
		return ctx.Err()
	})
	w.run(t, []step{
		{request: "POST /uri/{D}?t=start-manifest&ophandle=h", status: 302},
		{request: "GET /operations/h?output=json", want: "~\"finished\": false,\n \"origin\": \"\"\n}"},
		{request: "GET /operations/h?output=text", want: "finished: no"},
		{request: "GET /operations/h", want: "~The walk goes on."},
		{request: "POST /operations/h?t=cancel&output=text", want: "finished: no"},
		{request: "GET /operations/h", status: 404},
	})
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("the walk ended with %v", err)
	}
	w, _ = walkerWorld(t, func(context.Context, func(lafs.Visit) error) error { return lost() })
	w.run(t, []step{{request: "POST /uri/{D}?t=start-deep-stats&ophandle=h", status: 302}})
	w.Close()
	for range 2 {
		w.run(t, []step{{request: "GET /operations/h?output=json", status: 410, header: "Tahoe-Error: not-enough-shares"}})
	}
}

// Of too many operations the oldest that is finished goes; when all of them run, there is no room for another.
func TestOperationsAreBounded(t *testing.T) {
	end := make(chan struct{})
	w, clock := walkerWorld(t, func(ctx context.Context, _ func(lafs.Visit) error) error {
		select {
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	begin := func(handle string, status int, want string) {
		t.Helper()
		w.run(t, []step{{request: "POST /uri/{D}?t=start-deep-size&ophandle=" + handle, status: status, want: want}})
		clock.Advance(time.Second)
	}
	for i := range web.MaxOperations {
		begin(strconv.Itoa(i), 302, "")
	}
	begin("more", 503, "~slow operations are under way")
	begin("0", 302, "") // takes the place of the one that had the handle
	close(end)
	for i := range web.MaxOperations {
		w.await(t, strconv.Itoa(i))
	}
	begin("more", 302, "")
	w.run(t, []step{
		{request: "GET /operations/1?output=text", status: 404},
		{request: "GET /operations/0?output=text", status: 200},
		{request: "GET /operations/2?output=text", status: 200},
	})
}

// A client that does not read its answer keeps nobody else from theirs.
func TestOperationsDoNotWaitForAReader(t *testing.T) {
	w, _ := walkerWorld(t, func(context.Context, func(lafs.Visit) error) error { return nil })
	w.run(t, []step{
		{request: "POST /uri/{D}?t=start-deep-size&ophandle=slow", status: 302},
		{request: "POST /uri/{D}?t=start-deep-size&ophandle=other", status: 302},
	})
	w.await(t, "slow")
	w.await(t, "other")
	t.Cleanup(w.HoldOperation("slow"))
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w.AskOperation("slow")
		w.AskOperation("other")
	}()
	select {
	case <-asked:
	case <-time.After(10 * time.Second):
		t.Error("a slow reader blocks all operations")
	}
}

// A stream that fails before its first line has a status; after that, a line that begins with ERROR.
func TestStreamFails(t *testing.T) {
	w, _ := walkerWorld(t, func(_ context.Context, visit func(lafs.Visit) error) error { return visit(lafs.Visit{Err: lost()}) })
	w.run(t, []step{{request: "POST /uri/{D}?t=stream-manifest", status: 410}})
	w, _ = walkerWorld(t, func(_ context.Context, visit func(lafs.Visit) error) error {
		if err := visit(lafs.Visit{}); err != nil {
			return err
		}
		forbidden := lafs.Visit{Path: []string{"a"}, Err: &lafs.ProhibitedError{Reason: "not here"}}
		if err := visit(forbidden); err != nil {
			return err
		}
		return visit(lafs.Visit{Path: []string{"b"}, Err: lost()})
	})
	text := readAll(t, w.do(t, "POST", "/uri/"+w.caps["D"]+"?t=stream-manifest", nil))
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[2], `{"path": ["b"]`) || !strings.HasPrefix(lines[3], "ERROR: NotEnoughSharesError(") {
		t.Errorf("got %q", text)
	}
}

// A stream goes out as it comes, and ends when its reader goes.
func TestStreamFlows(t *testing.T) {
	ended := make(chan struct{})
	more := make(chan struct{})
	w, clock := walkerWorld(t, func(ctx context.Context, visit func(lafs.Visit) error) error {
		defer close(ended)
		if err := visit(lafs.Visit{}); err != nil {
			return err
		}
		<-more
		for ctx.Err() == nil {
			if err := visit(lafs.Visit{Path: []string{"x"}}); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	clock.Advance(time.Hour)
	ln := listen(t)
	stop := serving(t, w.Server, ln)
	resp, err := http.Post("http://"+ln.Addr().String()+"/uri/"+w.caps["D"]+"?t=stream-manifest", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 10)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != `{"path": [` {
		t.Errorf("got %q, %v", first, err)
	}
	close(more)
	resp.Body.Close()
	<-ended
	http.DefaultClient.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "GET /uri/{CHK}", want: long},
		{request: "GET /uri/{D}?t=json"},
		{request: "GET /status?t=json", save: "status", header: "Content-Type: application/json"},
		{request: "POST /status?t=json", body: "t=json&token=x", want: "{status}"},
		{request: "GET /status/?t=json", want: "{status}"},
		{request: "GET /statistics?t=json", save: "statistics", header: "Content-Type: text/plain"},
		{request: "GET /statistics?t=openmetrics", want: "~tahoe_counters_downloader_files_downloaded 1\n"},
		{request: "GET /statistics?t=openmetrics", want: "~tahoe_stats_node_uptime 0\n# EOF\n"},
		{request: "GET /status?t=zz", status: 400, want: "Unknown t value: 'zz'"},
		{request: "GET /statistics?t=zz", status: 400, want: "Unknown t value: 'zz'"},
		{request: "GET /statistics/x", status: 404},
		{request: "DELETE /status", status: 405},
	})
	var st wapi.Status
	if err := json.Unmarshal([]byte(w.caps["status"]), &st); err != nil || len(st.Active) != 0 {
		t.Fatalf("got %+v, %v", st, err)
	}
	count := map[string]int{}
	for _, op := range st.Recent {
		count[op.Type]++
		if op.Status != "Finished" {
			t.Errorf("got %+v", op)
		}
	}
	if count[wapi.OperationUpload] != 3 || count[wapi.OperationDownload] != 1 || count[wapi.OperationRetrieve] != 1 || count[wapi.OperationPublish] == 0 {
		t.Errorf("got %v", count)
	}
	var s wapi.Statistics
	if err := json.Unmarshal([]byte(w.caps["statistics"]), &s); err != nil || s.Stats[wapi.StatUptime] == nil {
		t.Fatalf("got %+v, %v", s, err)
	}
	if s.Counters[wapi.CounterBytesDownloaded] != 200 || s.Counters[wapi.CounterBytesUploaded] != 405 || s.Counters[wapi.CounterFilesUploaded] != 3 {
		t.Errorf("got %v", s.Counters)
	}
}

// The history is bounded, and tells of failures without secrets.
func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t)
	for range 15 {
		w.run(t, []step{{request: "PUT /uri", body: long, save: "CHK"}})
	}
	w.run(t, []step{{request: "GET /uri/" + testCap(t, 999).Encode(), status: 410}, {request: "GET /status?t=json", save: "status"}})
	var st wapi.Status
	if err := json.Unmarshal([]byte(w.caps["status"]), &st); err != nil || len(st.Recent) != 11 {
		t.Fatalf("got %d operations, want 10 uploads and a download; %v", len(st.Recent), err)
	}
	if text := w.caps["status"]; !strings.Contains(text, "Failed: ") || strings.Contains(text, "URI:") {
		t.Errorf("got %s", text)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "PUT /uri/{D}/%3Cb%3E%20%26?t=uri", body: "{LIT}"},
		{request: "GET /uri/{D}", status: 302, header: "Location: /uri/{D}/"},
		{request: "GET /uri/{D}/", want: "~&lt;b&gt; &amp;", header: "Cache-Control: no-store"},
		{request: "GET /uri/{D}/", want: `~/@@named=/lit"`},
		{request: "GET /uri/{D}/", want: `~href="./lit?t=info"`, header: "Content-Type: text/html; charset=utf-8"},
		{request: "GET /uri/{D}?t=readonly-uri", save: "RO"},
		{request: "GET /uri/{RO}/", want: "~read-only"},
		{request: "GET /uri/{D}?t=rename-form&name=%3Clit%3E", want: `~name="from_name" value="&lt;lit&gt;"`},
		{request: "GET /uri/{RO}?t=rename-form&name=lit", status: 400},
		{request: "GET /uri/{D}?t=zz", status: 400, want: "GET directory: bad t=zz"},
		{request: "GET /uri/URI:DIR2-LIT:/", want: "~It is empty."},
		{request: "POST /uri/{D}", form: []string{"t", "unlink", "name", "lit", "when_done", "."}, status: 302},
		{request: "GET /uri/{D}/lit", status: 404},
	})
	page := readAll(t, w.do(t, "GET", "/uri/"+w.caps["RO"]+"/", nil))
	if strings.Contains(page, "<form") || strings.Contains(page, w.caps["D"]) {
		t.Errorf("the page of a read-only directory offers to change it: %s", page)
	}
}
