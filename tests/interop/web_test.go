package interop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A webRequest is sent to the web ports of both makers, about the same things. {CHK} and so on stand for capabilities.
type webRequest struct {
	text    string            // method and address
	headers map[string]string // of the request
	keys    bool              // the keys of the JSON that is answered are compared, rather than its values
	page    bool              // that a page is answered is compared, and not what is on it
	status  string            // why ours is another status
	body    string            // why ours is another body
	header  string            // why ours are other headers
}

const (
	sentence  = "a refusal is a sentence of our own, that says what to do"
	noPage    = "what programs ask for is answered in plain text, never by a page about the fault"
	moreKeys  = "ours adds the format of a directory"
	noCrash   = "the original fails at this, with its own stack for an answer"
	typesMore = "ours knows what is in a packed file by its name"
	noRange   = "a range that begins behind the end is refused; the original answers with all of the file"
	slash     = "the links on our page are relative to an address that ends in a slash"
)

var webRequests = []webRequest{
	{text: "GET /", page: true},
	{text: "GET /?t=json", keys: true},
	{text: "GET /?t=zz", body: sentence, header: noPage},
	{text: "GET /uri"},
	{text: "GET /uri?uri={CHK}"},
	{text: "GET /uri?uri={CHK}&t=json"},
	{text: "GET /uri?uri=nonsense", body: sentence},
	{text: "GET /uri/{CHK}"},
	{text: "GET /cap/{CHK}"},
	{text: "HEAD /uri/{CHK}", header: "ours has the tag that GET has"},
	{text: "GET /uri/{CHK}?filename=a.jpg"},
	{text: "GET /uri/{CHK}?filename=a.html"},
	{text: "GET /uri/{CHK}?filename=a.tar.gz", header: typesMore},
	{text: "GET /uri/{CHK}?save=true&filename=a.jpg"},
	{text: "GET /uri/{CHK}?t=json"},
	{text: "GET /uri/{CHK}?t=uri"},
	{text: "GET /uri/{CHK}?t=readonly-uri"},
	{text: "GET /uri/{CHK}?t=info", page: true},
	{text: "GET /uri/{CHK}?t=zz"},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=5-9"}},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=-4"}},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=5-"}},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=0-1,4-5"}},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=x"}},
	{text: "GET /uri/{CHK}", headers: map[string]string{"Range": "bytes=9999999-"}, status: noRange, header: noRange, body: noRange},
	{text: "GET /uri/{LIT}"},
	{text: "GET /uri/{LIT}?t=json"},
	{text: "GET /uri/{SDMF}"},
	{text: "GET /uri/{SDMF}?t=json"},
	{text: "GET /uri/{MDMF}?t=json"},
	{text: "GET /file/{CHK}/@@named=/a.png"},
	{text: "GET /named/{CHK}/a.png"},
	{text: "GET /file/{D}/a", body: sentence, header: noPage},
	{text: "GET /file"},
	{text: "GET /uri/{D}", status: slash, header: slash, body: slash},
	{text: "GET /uri/{D}/", page: true},
	{text: "GET /uri/{D}?t=uri"},
	{text: "GET /uri/{D}?t=readonly-uri"},
	{text: "GET /uri/{D}?t=info", page: true},
	{text: "GET /uri/{D}?t=json", body: moreKeys},
	{text: "GET /uri/{D}?t=rename-form&name=a", page: true},
	{text: "GET /uri/{D}?t=zz"},
	{text: "GET /uri/{D}/file"},
	{text: "GET /uri/{D}/file?t=json"},
	{text: "GET /uri/{D}/nothing", body: noPage, header: noPage},
	{text: "GET /uri/{D}//file", body: noPage, header: noPage},
	{text: "GET /uri/{D}/file/below", body: noPage, header: noPage},
	{text: "GET /uri/{D}/future?t=json"},
	{text: "GET /uri/nonsense", body: sentence},
	{text: "GET /uri/{LOST}", body: sentence, header: "nothing is said of the bytes of a file that cannot be read"},
	{text: "PUT /uri/{D}/file?replace=false"},
	{text: "PUT /uri/{D}/file?t=zz"},
	{text: "PUT /uri/{D}"},
	{text: "PUT /uri?format=zz"},
	{text: "PUT /uri/{SDMF}?offset=-1"},
	{text: "PUT /uri/{RO}"},
	{text: "PUT /uri/{D}/file?offset=3"},
	{text: "POST /uri?t=zz"},
	{text: "POST /uri/{D}?t=start-manifest"},
	{text: "POST /uri/{D}?t=unlink&name=nothing"},
	{text: "POST /uri/{D}?t=rename&from_name=nothing&to_name=x"},
	{text: "POST /uri/{D}?t=relink&from_name=file&to_dir={CHK}"},
	{text: "POST /uri/{D}?t=uri&name=file&uri={CHK}&replace=false"},
	{text: "POST /uri/{D}?t=check&output=json", keys: true},
	{text: "POST /uri/{LIT}?t=check&output=json"},
	{text: "DELETE /uri/{D}/nothing", body: noPage, header: noPage},
	{text: "DELETE /uri/{CHK}", status: noCrash, body: noCrash},
	{text: "GET /status", page: true},
	{text: "GET /status?t=json", keys: true},
	{text: "GET /status?t=zz", body: sentence, header: noPage},
	{text: "GET /status/up-99999", body: sentence, header: noPage},
	{text: "GET /statistics", page: true},
	{text: "GET /statistics?t=openmetrics", page: true},
	{text: "GET /operations/nobody", body: sentence, header: noPage},
	{text: "GET /private/logs/v1", body: sentence, header: noPage},
	{text: "GET /nowhere", body: sentence, header: noPage},
}

type webAnswer struct {
	status int
	header http.Header
	body   []byte
}

// compared are the headers that programs and browsers go by.
var compared = []string{
	"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Range", "Accept-Ranges", "Location", "Etag", "X-Frame-Options", "Referrer-Policy",
}

func (p *peer) request(t *testing.T, r webRequest) webAnswer {
	t.Helper()
	method, address, _ := strings.Cut(r.text, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, p.url(strings.TrimPrefix(address, "/")), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/plain") // otherwise the original describes its own faults in HTML
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DisableCompression: true} // packed files stay so
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %s: %v", p.maker, r.text, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %s: %v", p.maker, r.text, err)
	}
	return webAnswer{resp.StatusCode, resp.Header, body}
}

// things makes what the requests are about, and returns the capabilities by name.
func (g *gateways) things(t *testing.T) map[string]string {
	t.Helper()
	p := g.clients[ours]
	all := map[string]string{
		"CHK": p.put(t, content("compared", 5000)), "LIT": p.put(t, content("compared", 20)),
		"SDMF": p.create(t, "SDMF", content("compared", 700)), "MDMF": p.create(t, "MDMF", content("compared", 800)),
		"LOST": "URI:CHK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52) + ":3:5:1000",
	}
	all["RO"] = p.readOnly(t, all["SDMF"])
	all["D"] = p.mkdir(t, "t=mkdir-with-children", children{
		"file": link("", all["CHK"], metadata[1]), "mutable": link(all["SDMF"], "", ""), "future": link("", "ro.lafs://later", ""),
	})
	return all
}

// webAPI sends the same requests to both, and compares what they answer. What differs has a reason, and nothing has one that does not differ.
func (g *gateways) webAPI(t *testing.T) {
	all := g.things(t)
	for _, r := range webRequests {
		for name, cap := range all {
			r.text = strings.ReplaceAll(r.text, "{"+name+"}", url.QueryEscape(cap))
		}
		want, got := g.clients[original].request(t, r), g.clients[ours].request(t, r)
		name := masked(r.text, all)
		explain := func(what, reason string, same bool, w, o any) {
			t.Helper()
			switch {
			case !same && reason == "":
				t.Errorf("%s %v: %s: ours %v, the original's %v", name, r.headers, what, o, w)
			case same && reason != "":
				t.Errorf("%s %v: %s is the same, although: %s", name, r.headers, what, reason)
			}
		}
		explain("status", r.status, want.status == got.status, want.status, got.status)
		w, o := headersOf(want, g.clients[original]), headersOf(got, g.clients[ours])
		if want.status/100 == 3 && got.status/100 == 3 { // nobody sees the page about where it leads
			delete(w, "Content-Type")
			delete(o, "Content-Type")
			want.body, got.body = nil, nil
		}
		explain("headers", r.header, maps.Equal(w, o), w, o)
		switch {
		case r.page:
			explain("being a page", r.body, (len(want.body) > 0) == (len(got.body) > 0), len(want.body), len(got.body))
		case r.keys:
			w, o := shapeOf(t, want.body), shapeOf(t, got.body)
			explain("keys", r.body, len(missing(w, o)) == 0, missing(w, o), "not there")
		default:
			explain("body", r.body, bytes.Equal(bytes.TrimSpace(want.body), bytes.TrimSpace(got.body)) || sameValue(want.body, got.body), short(want.body), short(got.body))
		}
	}
	t.Logf("%d requests compared", len(webRequests))
}

// masked is a text without capabilities, for people.
func masked(text string, all map[string]string) string {
	for name, cap := range all {
		text = strings.ReplaceAll(text, url.QueryEscape(cap), "{"+name+"}")
	}
	return text
}

// headersOf are those that are compared. Where a header leads to is told without the node, and a type without the letters of a text, of
// which the original says nothing.
func headersOf(a webAnswer, p *peer) map[string]string {
	out := map[string]string{}
	for _, name := range compared {
		v := a.header.Get(name)
		if name == "Location" {
			v = strings.TrimPrefix(strings.TrimPrefix(v, p.url("")), "/")
			if u, err := url.QueryUnescape(v); err == nil {
				v = u
			}
		}
		if name == "Content-Type" {
			v, _, _ = strings.Cut(v, ";")
		}
		if v != "" {
			out[name] = v
		}
	}
	return out
}

func sameValue(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	one, err := json.Marshal(x)
	two, err2 := json.Marshal(y)
	return err == nil && err2 == nil && bytes.Equal(one, two)
}

// shapeOf are the paths of keys in JSON; what is in a list counts once, and keys that are numbers or identifiers as one.
func shapeOf(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if strings.Trim(k, "0123456789") == "" {
					k = "N"
				}
				paths[path+"."+k] = true
				walk(path+"."+k, e)
			}
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		}
	}
	walk("", decode(t, text))
	return paths
}

// missing are the paths of want that got has not.
func missing(want, got map[string]bool) (out []string) {
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if !got[path] {
			out = append(out, path)
		}
	}
	return out
}

func short(b []byte) string {
	if len(b) > 300 {
		return string(b[:300]) + "…"
	}
	return string(b)
}
