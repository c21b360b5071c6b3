package web_test

import (
	"strings"
	"testing"

	"tahoe/frontends/web"
)

func TestHosts(t *testing.T) {
	r := newRig(t)
	for host, ok := range map[string]bool{
		"localhost":           true,
		"LocalHost:3456":      true,
		"localhost.:3456":     true,
		"tahoe.localhost:80":  true,
		"127.0.0.1:3456":      true,
		"192.168.1.5:3456":    true,
		"[::1]:3456":          true,
		"[fe80::1]":           true,
		"node.example":        true,
		"NODE.example.:99":    true,
		"":                    true,
		"evil.example":        false,
		"evil.example:3456":   false,
		"node.example.evil":   false,
		"localhost.evil":      false,
		"127.0.0.1.evil.test": false,
		"notlocalhost":        false,
	} {
		resp := r.do(t, "GET", "/uri/"+r.cap.Encode(), nil, "Host", host)
		if got := resp.StatusCode == 200; got != ok {
			t.Errorf("host %q: got status %d, want it taken: %v", host, resp.StatusCode, ok)
		}
		if text := readAll(t, resp); !ok && (resp.StatusCode != 403 || strings.Contains(text, "0123")) {
			t.Errorf("host %q: got %d %q", host, resp.StatusCode, text)
		}
	}
}

func TestOrigins(t *testing.T) {
	r := newRig(t)
	const own = "http://127.0.0.1:3456"
	tests := []struct {
		name    string
		method  string
		headers []string
		ok      bool
	}{
		{"curl", "PUT", nil, true},
		{"own page", "PUT", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, true},
		{"own page, old browser", "PUT", []string{"Origin", own}, true},
		{"typed by the user", "PUT", []string{"Sec-Fetch-Site", "none"}, true},
		{"other site", "PUT", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, false},
		{"other site, old browser", "PUT", []string{"Origin", "https://evil.example"}, false},
		{"other port of this machine", "PUT", []string{"Origin", "http://127.0.0.1:99"}, false},
		{"hidden origin", "PUT", []string{"Origin", "null"}, false},
		{"link from another site", "GET", []string{"Sec-Fetch-Site", "cross-site"}, true},
	}
	for _, tt := range tests {
		target := "/uri"
		if tt.method == "GET" {
			target = "/"
		}
		before := r.shelf.puts()
		resp := r.do(t, tt.method, target, strings.NewReader("x"), tt.headers...)
		if got := resp.StatusCode == 200; got != tt.ok {
			t.Errorf("%s: got %d, want it taken: %v", tt.name, resp.StatusCode, tt.ok)
		}
		if !tt.ok && r.shelf.puts() != before {
			t.Errorf("%s: something was stored", tt.name)
		}
	}
}

// No capability, whole or in part, comes into the log, however a request is answered.
func TestLogHoldsNoCapability(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.StaticDir = t.TempDir() })
	secret := r.cap.Encode()
	escaped := strings.ReplaceAll(secret, ":", "%3A")
	targets := []string{
		"/" + secret, "/?uri=" + escaped, "/?t=" + escaped,
		"/uri/" + secret, "/uri/" + escaped, "/cap/" + secret, "//uri/" + secret, "/URI/" + secret,
		"/uri/" + secret + "/" + secret, "/uri/x" + secret, "/uri/" + secret + "x",
		"/uri/" + secret + "?t=" + secret, "/uri/" + secret + "?filename=" + secret, "/uri/" + secret + "?save=" + secret,
		"/uri?uri=" + escaped, "/uri/?uri=" + escaped, "/cap?uri=" + escaped, "/uri?uri=x" + escaped, "/uri?when_done=" + escaped,
		"/uri?private-key=" + escaped, "/uri?format=" + escaped, "/uri?mutable=" + escaped,
		"/file/" + secret, "/file/" + secret + "/@@named=/" + secret, "/named/" + secret + "/x",
		"/static/" + secret, "/healthz/" + secret, "/tahoe.css/" + secret, "/status/" + secret,
	}
	for _, target := range targets {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", strings.Split(secret, ":")[2]} {
			r.do(t, method, target, nil, "Referer", "http://127.0.0.1/uri/"+secret, "User-Agent", secret)
		}
	}
	r.shelf.files[r.cap].err = errLost()
	r.do(t, "GET", "/uri/"+secret, nil)
	log := r.log.String()
	for field := range strings.SplitSeq(strings.TrimPrefix(secret, "URI:CHK:"), ":") {
		if len(field) > 5 && strings.Contains(log, field) {
			t.Errorf("the log holds a part of the capability: %s", log)
		}
	}
	if lines := strings.Count(log, "\n"); lines != len(targets)*7+1 {
		t.Errorf("got %d lines, want one a request", lines)
	}
	if !strings.Contains(log, "method=GET route=/cap/[cap] status=200 bytes=69") {
		t.Errorf("log does not say what was answered: %s", log)
	}
}

// No request that changes anything is taken from a page of another site, whatever it is for.
func TestForeignPagesChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	d := "/uri/" + w.caps["D"]
	for _, request := range []string{
		"PUT /uri", "PUT /uri?t=mkdir", "POST /uri?t=mkdir", "POST /uri?t=upload", "PUT " + d + "/new", "PUT " + d + "/new?t=mkdir", "PUT " + d + "/new?t=uri",
		"DELETE " + d + "/lit", "POST " + d + "?t=unlink&name=lit", "POST " + d + "?t=rename&from_name=lit&to_name=new", "POST " + d + "?t=set_children",
		"POST " + d + "?t=relink&from_name=lit&to_name=new", "POST " + d + "?t=start-manifest&ophandle=1", "POST " + d + "?t=check", "POST /operations/1?t=cancel",
		"PATCH " + d, "POST /status", "POST /",
	} {
		method, target, _ := strings.Cut(request, " ")
		for name, headers := range map[string][]string{
			"another site":        {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			"another port":        {"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:99"},
			"an old browser":      {"Origin", "https://evil.example"},
			"a page of no origin": {"Origin", "null"},
		} {
			if resp := w.do(t, method, target, strings.NewReader("{}"), headers...); resp.StatusCode != 403 {
				t.Errorf("%s from %s: got %d, want 403", request, name, resp.StatusCode)
			}
		}
	}
	w.run(t, []step{{request: "GET /uri/{D}/lit", want: "hello"}, {request: "GET /uri/{D}/new", status: 404}})
}
