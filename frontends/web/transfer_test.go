package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs/trace"
	"tahoe/storage"
)

func get[T any](t *testing.T, w *world, target string) (v T) {
	t.Helper()
	text := readAll(t, w.do(t, "GET", target, nil))
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v in %q", target, err, text)
	}
	return v
}

// Every transfer has a page, its figures, and its events.
func TestTransferPages(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{
		{request: "GET /uri/{CHK}", want: long},
		{request: "PUT /uri?format=mdmf", body: long, save: "M"},
		{request: "GET /uri/{M}", want: long},
		{request: "GET /uri/{D}?t=json", want: "~dirnode"},
		{request: "GET /status/up-0", want: "~<h1 id=\"transfer\">Upload</h1>", header: "Content-Type: text/html; charset=utf-8"},
		{request: "GET /status/up-0", want: "~<dt>Shares sent</dt><dd>10</dd>"},
		{request: "GET /status/up-0", want: "~write share"},
		{request: "GET /status/down-0", want: `~<svg class="timeline"`},
		{request: "GET /status/down-0/", want: "~Bytes of the file"},
		{request: "GET /status/publish-0", want: "~write mutable shares"},
		{request: "GET /status/retrieve-0", want: "~Read of a mutable file"},
		{request: "GET /status/mapupdate-0", want: "~<dt>Mode</dt><dd>"},
		{request: "GET /status/up-99", status: 404, want: "there is no 'up-99' here: only the last transfers are remembered"},
		{request: "GET /status/down-0/other", status: 404, want: "~there is no 'down-0' here"},
		{request: "GET /status/sideways", status: 400, want: "no '-' in 'sideways'"},
		{request: "GET /status/up-x", status: 400, want: "'x' is not the number of a transfer"},
		{request: "GET /status/up-0?t=xml", status: 400, want: "Unknown t value: 'xml'"},
		{request: "DELETE /status/up-0", status: 405, want: "~DELETE is not possible here"},
	})
	for _, op := range get[wapi.Status](t, w, "/status?t=json").Recent {
		one := get[wapi.Operation](t, w, "/status/"+op.ID+"?t=json")
		if one.ID != op.ID || one.Type != op.Type || one.Status != "Finished" {
			t.Errorf("%s: got %+v, want %+v", op.ID, one, op)
		}
		page := readAll(t, w.do(t, "GET", "/status/"+op.ID, nil)) + readAll(t, w.do(t, "GET", "/status/"+op.ID+"/event_json", nil))
		if strings.Contains(page, "URI:") {
			t.Errorf("the page of %s holds a capability", op.ID)
		}
	}
}

// The events of a download have the names that the original's programs look for.
func TestDownloadEvents(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{{request: "GET /uri/{CHK}", want: long}})
	var e struct {
		Read []struct {
			Bytes int64 `json:"bytes_returned"`
		}
		Segment []struct {
			Length  int64 `json:"segment_length"`
			Success bool
		}
		DYHB  []struct{ ServerID string }
		Block []struct {
			ServerID string
			Bytes    int64 `json:"response_length"`
		}
		Count     int `json:"num_serverids"`
		ServerIDs map[string]string
		Servers   map[string]struct{ Color string } `json:"server_info"`
		Bounds    struct{ Min, Max *float64 }
	}
	text := readAll(t, w.do(t, "GET", "/status/down-0/event_json", nil))
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Read) != 1 || e.Read[0].Bytes != int64(len(long)) {
		t.Errorf("reads: got %+v, want one of %d bytes", e.Read, len(long))
	}
	if len(e.Segment) != 1 || !e.Segment[0].Success || e.Segment[0].Length != int64(len(long)) {
		t.Errorf("segments: got %+v, want one of %d bytes", e.Segment, len(long))
	}
	if len(e.DYHB) < 3 || len(e.Block) < 3 || e.Count < 3 || len(e.Servers) != e.Count || len(e.ServerIDs) != e.Count {
		t.Errorf("got %d queries, %d requests of %d servers (%v); it takes 3 shares", len(e.DYHB), len(e.Block), e.Count, e.ServerIDs)
	}
	for _, b := range e.Block {
		if b.Bytes == 0 || !strings.HasPrefix(e.Servers[b.ServerID].Color, "#") {
			t.Errorf("a request without an answer, or of nobody: %+v", b)
		}
	}
	for _, name := range []string{"misc", "read", "segment", "dyhb", "block", "block_rownums", "server_info", "num_serverids", "serverids", "bounds"} {
		if !strings.Contains(text, `"`+name+`"`) {
			t.Errorf("there is no %q", name)
		}
	}
	if e.Bounds.Min == nil || e.Bounds.Max == nil {
		t.Error("there are no bounds")
	}
}

// However long a transfer is, what is remembered of it is bounded, and all of the file is in it.
func TestTimelineIsBounded(t *testing.T) {
	w := newWorld(t)
	o, calls, segments := w.Timeline()
	const n = 100_000
	for i := range n {
		fetched, done := o.Segment(trace.Segment{Number: i, Count: 1, Span: storage.Span{Offset: int64(i) * 100, Size: 100}})
		fetched()
		done(nil)
		o.Call(trace.Call{Op: trace.Read, Shares: []storage.ShareNum{1}})(trace.Answer{})
	}
	if calls() > web.MaxEvents || segments() > web.MaxEvents {
		t.Errorf("got %d calls and %d segments, want at most %d", calls(), segments(), web.MaxEvents)
	}
	var e struct {
		Segment []struct {
			Number int64 `json:"segment_number"`
			Count  int64 `json:"segment_count"`
			Start  int64 `json:"segment_start"`
			Length int64 `json:"segment_length"`
		}
		Missed int
	}
	if err := json.Unmarshal([]byte(readAll(t, w.do(t, "GET", "/status/down-0/event_json", nil))), &e); err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for _, s := range e.Segment {
		if s.Number != next || s.Start != next*100 || s.Length != s.Count*100 {
			t.Fatalf("got %+v, want segment %d to come next", s, next)
		}
		next += s.Count
	}
	if next != n || e.Missed != n-calls() {
		t.Errorf("got %d segments and %d calls that are missed, want %d and %d", next, e.Missed, n, n-calls())
	}
}

// The picture of shares shows what is good, corrupt and missing, and changes with a repair.
func TestShareMap(t *testing.T) {
	w := newDamagedWorld(t)
	cell := func(class string) string { return fmt.Sprintf(`<td class="%s"><i aria-hidden="true">`, class) }
	count := func(target, class string, want int) {
		t.Helper()
		page, _, _ := strings.Cut(w.post(t, target, 200), "How it was before")
		if got := strings.Count(page, cell(class)); got != want {
			t.Errorf("%s: got %d %s shares, want %d: %s", target, got, class, want, page)
		}
	}
	for _, name := range []string{"CHK", "SDMF", "MDMF"} {
		count("/uri/{"+name+"}?t=check", "good", 10)
		w.lose(t, name, 1, 4)
		count("/uri/{"+name+"}?t=check", "good", 8)
		count("/uri/{"+name+"}?t=check", "missing", 2)
		w.corrupt(t, name, 7, 500)
		count("/uri/{"+name+"}?t=check&verify=true", "corrupt", 1)
		count("/uri/{"+name+"}?t=check&verify=true", "missing", 3)
		count("/uri/{"+name+"}?t=check&verify=true&repair=true", "missing", 0)
		count("/uri/{"+name+"}?t=check&verify=true", "good", 10)
	}
	w.run(t, []step{
		{request: "POST /uri/{LIT}?t=check", want: "~There are no shares."},
		{request: "POST /uri/{CHK}?t=check", want: `~<form action="?t=check"`},
	})
}
