package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/reactor/reactortest"
)

// checkOpenMetrics reads text as the specification has it: what stands in a line, each family declared once and all of it together.
func checkOpenMetrics(t *testing.T, text string) (values map[string]string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-z_]+)((?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})?) (\S+)$`)
	kinds, values, family := map[string]string{}, map[string]string{}, ""
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[len(lines)-1] != "# EOF" {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
	for _, line := range lines[:len(lines)-1] {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if kinds[name] != "" {
				t.Errorf("%s is declared twice", name)
			}
			kinds[name], family = kind, name
			continue
		}
		if strings.HasPrefix(line, "# HELP "+family+" ") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[1], family) {
			t.Errorf("line %q is none of %s", line, family)
			continue
		}
		if end := strings.TrimPrefix(m[1], family); end != map[string]string{"counter": "_total", "info": "_info"}[kinds[family]] && kinds[family] != "summary" {
			t.Errorf("%s is no name of a %s", m[1], kinds[family])
		}
		if values[m[1]+m[2]] != "" {
			t.Errorf("%s is there twice", m[1]+m[2])
		}
		values[m[1]+m[2]] = m[3]
	}
	return values
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	w.run(t, []step{{request: "GET /uri/{CHK}", want: long}, {request: "GET /nowhere", status: 404, want: "~there is no such page"}})
	resp := w.do(t, "GET", "/metrics", nil)
	checkHeaders(t, resp.Header, map[string]string{"Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"})
	got := checkOpenMetrics(t, readAll(t, resp))
	for name, want := range map[string]string{
		`tahoe_transfers_total{type="download"}`:         "1",
		`tahoe_transferred_bytes_total{type="download"}`: "200",
		`tahoe_transfers_active{type="mapupdate"}`:       "0",
		`tahoe_servers_known`:                            "10",
		`tahoe_servers_needed`:                           "7",
		`tahoe_upload_possible`:                          "1",
		`tahoe_web_requests_total{status="4xx"}`:         "1",
		`tahoe_web_requests_total{status="2xx"}`:         "8",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %s", name, got[name], want)
		}
	}
	if text := readAll(t, w.do(t, "GET", "/metrics", nil)); strings.Contains(text, "URI:") {
		t.Error("the metrics hold a capability")
	}
}

func TestMetricsOfIntroducer(t *testing.T) {
	s := web.NewIntroducer(someStatus(), web.Config{Version: `a "new" \ one`, Clock: reactortest.NewClock(epoch)})
	t.Cleanup(s.Close)
	r := &rig{Server: s}
	got := checkOpenMetrics(t, readAll(t, r.do(t, "GET", "/metrics", nil)))
	if got[`tahoe_build_info{version="a \"new\" \\ one"}`] != "1" || got[`tahoe_announcements{service="storage"}`] == "" {
		t.Errorf("got %v", got)
	}
	if resp := r.do(t, "GET", "/readyz", nil); resp.StatusCode != 200 {
		t.Errorf("/readyz: got %d", resp.StatusCode)
	}
}

// A node is ready when an upload would succeed.
func TestReady(t *testing.T) {
	for _, c := range []struct {
		name   string
		grid   gridOf
		status int
		text   string
	}{
		{"all", gridOf{servers: 10, connected: 10}, 200, "ok\n"},
		{"enough", gridOf{servers: 10, connected: 7}, 200, "ok\n"},
		{"too few", gridOf{servers: 10, connected: 6}, 503, "An upload would fail now: it needs 7 storage servers, and only 6 of 10 would take shares.\n"},
		{"full", gridOf{servers: 10, connected: 10, full: 4}, 503, "An upload would fail now: it needs 7 storage servers, and only 6 of 10 would take shares.\n"},
		{"none", gridOf{}, 503, "An upload would fail now: this node knows of no storage server.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := web.New(&shelf{}, c.grid, web.Config{Encoding: web.Encoding{Needed: 3, Happy: 7, Total: 10}})
			t.Cleanup(s.Close)
			r := &rig{Server: s}
			resp := r.do(t, "GET", "/readyz", nil, "Accept", "text/html")
			if text := readAll(t, resp); resp.StatusCode != c.status || text != c.text {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, text, c.status, c.text)
			}
			if resp := r.do(t, "POST", "/readyz", nil); resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("POST: got %d", resp.StatusCode)
			}
		})
	}
}

// A browser gets a page about an error, all else a sentence. The status and the words for programs are the same.
func TestErrorPages(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	r := newRig(t)
	lost := "/uri/" + testCap(t, 999).Encode()
	for _, c := range []struct {
		name, method, target, accept string
		status                       int
		page                         bool
		want                         string
	}{
		{"browser", "GET", "/nowhere", browser, 404, true, "There is nothing here"},
		{"curl", "GET", "/nowhere", "*/*", 404, false, "there is no such page on this node\n"},
		{"nothing said", "GET", "/nowhere", "", 404, false, "there is no such page on this node\n"},
		{"text", "GET", "/nowhere", "text/plain, application/octet-stream", 404, false, "there is no such page on this node\n"},
		{"no page, please", "GET", "/nowhere", "text/html;q=0, */*", 404, false, "there is no such page on this node\n"},
		{"lost", "GET", lost, browser, 410, true, "Too little of it can be found"},
		{"lost, as JSON", "GET", lost + "?t=json", browser, 200, false, "filenode"},
		{"bad capability", "GET", "/uri/URI:CHK:x", browser, 400, true, "Invalid capability"},
		{"escaped", "GET", "/operations/a%3Cscript%3E", browser, 404, true, "a&lt;script&gt;"},
		{"method", "PUT", "/status", browser, 405, true, "PUT is not possible here"},
		{"HEAD", "HEAD", "/nowhere", browser, 404, true, ""},
		{"token", "GET", "/private/logs/v1", browser, 401, true, "token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := r.do(t, c.method, c.target, nil, "Accept", c.accept)
			text := readAll(t, resp)
			if resp.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, text, c.status, c.want)
			}
			if page := resp.Header.Get("Content-Type") == "text/html; charset=utf-8"; page != c.page {
				t.Errorf("got %s", resp.Header.Get("Content-Type"))
			}
			if c.page && !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("got policy %q", resp.Header.Get("Content-Security-Policy"))
			}
			if strings.Contains(text, "URI:CHK:a") && c.status >= 400 {
				t.Errorf("the answer holds a capability: %s", text)
			}
		})
	}
}
