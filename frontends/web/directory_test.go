package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/reactor/reactortest"
)

// A world is a server over a grid in memory, with the capabilities that it gave out, by names that tests give them.
type world struct {
	*rig
	caps map[string]string
}

func newWorld(t testing.TB, change ...func(*lafs.Config)) *world {
	t.Helper()
	c := web.Config{Clock: reactortest.NewClock(epoch), TempDir: t.TempDir(), Encoding: web.Encoding{Needed: 3, Happy: 7, Total: 10}}
	s := web.New(newClient(t, change...), gridOf{servers: 10, connected: 10}, c)
	t.Cleanup(s.Close)
	return &world{rig: &rig{Server: s}, caps: map[string]string{}}
}

// A step is a request and what it is answered. {NAME} stands for a capability, in a target escaped.
type step struct {
	request string // method and target
	body    string
	form    []string // in place of a body
	status  int      // 200 when zero
	want    string   // the body, or with a ~ in front something in it; empty: anything
	header  string   // "Name: value" of the answer
	save    string   // a name for the capability that is answered
}

var named = regexp.MustCompile(`\{(\w+)\}`)

// fill puts capabilities in place of their names.
func (w *world) fill(text string, escape func(string) string) string {
	return named.ReplaceAllStringFunc(text, func(m string) string {
		c, ok := w.caps[m[1:len(m)-1]]
		if !ok {
			return m
		}
		return escape(c)
	})
}

func plainly(s string) string { return s }

func (w *world) run(t *testing.T, steps []step) {
	t.Helper()
	for _, st := range steps {
		method, target, _ := strings.Cut(st.request, " ")
		var body io.Reader = strings.NewReader(w.fill(st.body, plainly))
		var headers []string
		if st.form != nil {
			var kind string
			body, kind = form(t, st.form...)
			headers = []string{"Content-Type", kind}
		}
		resp := w.do(t, method, w.fill(target, url.QueryEscape), body, headers...)
		text := readAll(t, resp)
		if st.save != "" {
			w.caps[st.save] = text
		}
		w.check(t, st, resp, text)
	}
}

func (w *world) check(t *testing.T, st step, resp *http.Response, text string) {
	t.Helper()
	status := st.status
	if status == 0 {
		status = 200
	}
	want, part := strings.CutPrefix(w.fill(st.want, plainly), "~")
	ok := resp.StatusCode == status && (want == "" || text == want || text == want+"\n" || part && strings.Contains(text, want))
	if !ok {
		t.Errorf("%s: got %d %q, want %d %q", st.request, resp.StatusCode, text, status, want)
	}
	if name, value, ok := strings.Cut(st.header, ": "); ok && resp.Header.Get(name) != w.fill(value, url.QueryEscape) {
		t.Errorf("%s: header %s is %q, want %q", st.request, name, resp.Header.Get(name), value)
	}
}

const exists = "There was already a child by that name, and you asked me to not replace it."

// long is too long for a literal.
var long = strings.Repeat("0123456789", 20)

func TestFilesByPath(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "PUT /uri/{D}/f", body: long, status: 201, want: "{CHK}"},
		{request: "GET /uri/{D}/f", want: long, header: "Content-Length: 200"},
		{request: "GET /uri/{D}/f/?t=json", status: 400, want: "Files have no children named ''"},
		{request: "PUT /uri/{D}/f", body: "x"},
		{request: "GET /uri/{D}/f", want: "x"},
		{request: "PUT /uri/{D}/f?replace=false", body: "y", status: 409, want: exists},
		{request: "PUT /uri/{D}/f?replace=only-files", body: "y"},
		{request: "PUT /uri/{D}/f?replace=perhaps", body: "y", status: 400, want: "~invalid replace= argument"},
		{request: "PUT /uri/{D}/a/b/c", body: "z", status: 201},
		{request: "GET /uri/{D}/a/b/c", want: "z"},
		{request: "GET /uri/{D}/a/x/c", status: 404, want: "No such child: x"},
		{request: "PUT /uri/{D}/a", body: "z", status: 400, want: "PUT to a directory"},
		{request: "PUT /uri/{D}/", body: "z", status: 400, want: "PUT to a directory"},
		{request: "PUT /uri/{D}/f/g", body: "z", status: 409, want: "Unable to create directory 'f': a file was in the way"},
		{request: "GET /uri/{D}/f/g", status: 400, want: "Files have no children named 'g'"},
		{request: "PUT /uri/{D}/f?offset=1", body: "z", status: 400, want: "PUT to a file: append operation invoked on an immutable cap"},
		{request: "PUT /uri/{D}/new?offset=1", body: "z", status: 400},
		{request: "PUT /uri/{D}/f?t=zz", status: 400, want: "PUT to a file: bad t=zz"},
		{request: "PUT /uri/{D}/e%CC%81", body: "accent", status: 201},
		{request: "GET /uri/{D}/%C3%A9", want: "accent"},
		{request: "GET /uri/{D}//f", status: 400, want: "The webapi does not allow empty pathname components, i.e. a double slash"},
		{request: "DELETE /uri/{D}/f", want: "URI:LIT:pe"},
		{request: "DELETE /uri/{D}/f", status: 404, want: "No such child: f"},
		{request: "DELETE /uri/{D}", status: 400},
		{request: "HEAD /uri/{D}/a/b/c", header: "Content-Length: 1"},
	})
}

func TestMutableFiles(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri/{D}/m?format=mdmf", body: "first", status: 201, save: "M"},
		{request: "PUT /uri/{D}/m", body: "some contents", want: "{M}"},
		{request: "PUT /uri/{D}/m?offset=5", body: "CON", want: "{M}"},
		{request: "GET /uri/{D}/m", want: "some CONtents"},
		{request: "PUT /uri/{D}/m?offset=13", body: " and more", want: "{M}"},
		{request: "GET /uri/{M}", want: "some CONtents and more"},
		{request: "PUT /uri/{D}/m?offset=99", body: "x", status: 400, want: "offset=99 is behind the end of the file: a file has no gaps"},
		{request: "PUT /uri/{D}/m?offset=-1", body: "x", status: 400, want: "PUT to a mutable file: Invalid offset"},
		{request: "PUT /uri/{D}/m?offset=x", body: "x", status: 400},
		{request: "PUT /uri/{D}/m?replace=false", body: "x", status: 409, want: exists},
		{request: "GET /uri/{M}?t=readonly-uri", save: "RO"},
		{request: "PUT /uri/{RO}", body: "x", status: 400, want: "PUT to a mutable file: replace or update requested with read-only cap"},
		{request: "GET /uri/{RO}", want: "some CONtents and more"},
		{request: "POST /uri/{M}?t=upload", form: []string{"file@x", "from a form"}, want: "{M}"},
		{request: "GET /file/{M}/@@named=/x.html", want: "from a form", header: "Content-Type: text/html"},
		{request: "GET /uri/{M}?t=json", want: "~\"size\": 11,\n  \"ro_uri\": \"{RO}\",\n  \"rw_uri\": \"{M}\""},
		{request: "PUT /uri/{D}/i", body: "immutable", status: 201},
		{request: "PUT /uri/{D}/i?format=SDMF", body: "mutable now", save: "S"},
		{request: "GET /uri/{D}/i?t=uri", want: "{S}"},
		{request: "PUT /uri?mutable=true", body: "s", save: "U"},
		{request: "GET /uri/{U}", want: "s"},
	})
	if !strings.HasPrefix(w.caps["M"], "URI:MDMF:") || !strings.HasPrefix(w.caps["S"], "URI:SSK:") || !strings.HasPrefix(w.caps["U"], "URI:SSK:") {
		t.Errorf("formats: got %.9s, %.9s, %.9s", w.caps["M"], w.caps["S"], w.caps["U"])
	}
}

func TestMakeDirectories(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri?t=mkdir&format=chk", status: 400},
		{request: "POST /uri?t=mkdir", body: "{}", status: 400, want: "t=mkdir does not accept children=, try t=mkdir-with-children instead"},
		{request: "POST /uri", form: []string{"t", "mkdir", "format", "mdmf", "redirect_to_result", "true"}, status: 303},
		{request: "POST /uri?t=mkdir-with-children", body: `{"a": ["filenode", {"ro_uri": "{CHK}", "metadata": {"x": [1, "é"]}}]}`, save: "W"},
		{request: "GET /uri/{W}/a", want: long},
		{request: "POST /uri?t=mkdir-with-children", body: `{"a": 1}`, status: 400, want: `child 'a' is not of the form ["filenode", {"ro_uri": "URI:…"}]`},
		{request: "POST /uri?t=mkdir-with-children", body: `[]`, status: 400},
		{request: "POST /uri?t=mkdir-immutable", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, save: "I"},
		{request: "POST /uri?t=mkdir-immutable", want: "URI:DIR2-LIT:"},
		{request: "POST /uri?t=mkdir-immutable", body: `{"d": ["dirnode", {"ro_uri": "{D}"}]}`, status: 400, want: "~MustBeDeepImmutableError: child 'd'"},
		{request: "PUT /uri/{D}/p/q?t=mkdir", save: "Q"},
		{request: "PUT /uri/{D}/p/q?t=mkdir", want: "{Q}"},
		{request: "POST /uri/{D}/p?t=mkdir&name=q", want: "{Q}"},
		{request: "POST /uri/{D}/p?t=mkdir&name=q&replace=false", status: 409, want: exists},
		{request: "POST /uri/{D}", form: []string{"t", "mkdir", "name", "r", "when_done", "."}, status: 302, header: "Location: ."},
		{request: "PUT /uri/{D}/f", body: "x", status: 201},
		{request: "PUT /uri/{D}/f?t=mkdir", status: 409, want: "Unable to create directory 'f': a file was in the way"},
		{request: "POST /uri/{D}?t=mkdir-with-children&name=w", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, save: "X"},
		{request: "POST /uri/{D}?t=mkdir-with-children&name=w", body: `{}`, status: 409, want: exists},
		{request: "POST /uri/{D}/n/m?t=mkdir-immutable", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, want: "{I}"},
		{request: "GET /uri/{D}/n/m/a", want: long},
		{request: "PUT /uri/{I}/b", body: "x", status: 400, want: "~NotWriteableError"},
		{request: "GET /uri/{D}?t=readonly-uri", save: "RO"},
		{request: "PUT /uri/{RO}/b", body: "x", status: 400, want: "~NotWriteableError"},
		{request: "PUT /uri/{RO}/b?t=mkdir", status: 400, want: "~NotWriteableError"},
		{request: "DELETE /uri/{RO}/f", status: 400, want: "~NotWriteableError"},
	})
}

func TestLinks(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri/{D}/sub?t=mkdir", save: "E"},
		{request: "PUT /uri/{D}/a?t=uri", body: "{CHK}\n", want: "{CHK}"},
		{request: "PUT /uri/{D}/a?t=uri&replace=false", body: "{CHK}", status: 409, want: exists},
		{request: "PUT /uri/{D}/sub?t=uri&replace=only-files", body: "{CHK}", status: 409, want: exists},
		{request: "PUT /uri/{D}/b?t=uri", body: "nonsense", status: 400},
		{request: "PUT /uri/{D}/b?t=uri", body: "x-tahoe-crazy:1", status: 400, want: "~MustNotBeUnknownRWError: the capability of child 'b'"},
		{request: "PUT /uri/{D}?t=uri", body: "{CHK}", status: 400},
		{request: "POST /uri/{D}?t=uri&name=b&uri={CHK}", want: "{CHK}"},
		{request: "POST /uri/{D}?t=uri&uri={CHK}", status: 400, want: "set-uri requires a name"},
		{request: "POST /uri/{D}?t=uri&name=b", status: 400, want: "set-uri requires a uri"},
		{request: "POST /uri/{D}?t=rename&from_name=b&to_name=c", want: "thing moved"},
		{request: "POST /uri/{D}?t=rename&from_name=b&to_name=c", status: 404, want: "No such child: b"},
		{request: "POST /uri/{D}?t=rename&from_name=c&to_name=a&replace=false", status: 409, want: exists},
		{request: "POST /uri/{D}?t=rename&from_name=c", status: 400, want: "to_name= is required for rename"},
		{request: "POST /uri/{D}?t=rename&from_name=c&to_name=x%2Fy", status: 400, want: "to_name= may not contain a slash"},
		{request: "POST /uri/{D}?t=rename&from_name=c&to_name=d&to_dir={E}", status: 400, want: "to_dir= is not valid for rename"},
		{request: "POST /uri/{D}?t=relink&from_name=c&to_dir={D}/sub&to_name=d", want: "thing moved"},
		{request: "GET /uri/{E}/d?t=uri", want: "{CHK}"},
		{request: "POST /uri/{E}?t=relink&from_name=d&to_dir={CHK}", status: 400, want: "to_dir is not a directory"},
		{request: "POST /uri/{E}?t=relink&from_name=d&to_dir={D}/none", status: 404, want: "No such child: none"},
		{request: "POST /uri/{E}?t=relink&from_name=d", want: "thing moved"},
		{request: "POST /uri/{E}?t=unlink&name=d", want: "thing unlinked"},
		{request: "POST /uri/{E}?t=delete", status: 404, want: "No such child: "},
		{request: "POST /uri/{D}?t=set_children", body: `{"x": ["filenode", {"rw_uri": "{CHK}"}], "y": ["dirnode", {"rw_uri": "{E}"}]}`, want: "Okay so I did it."},
		{request: "POST /uri/{D}?t=set-children&overwrite=false", body: `{"x": ["filenode", {"rw_uri": "{CHK}"}], "z": ["filenode", {"ro_uri": "{CHK}"}]}`, status: 409, want: exists},
		{request: "POST /uri/{D}?t=set_children&replace=only-files", body: `{"y": ["filenode", {"ro_uri": "{CHK}"}]}`, status: 409, want: exists},
		{request: "GET /uri/{D}/z", status: 404},
		{request: "POST /uri/{D}?t=set_children", body: `{"x": ["filenode", {}]}`, status: 400},
		{request: "POST /uri/{D}?t=set_children", form: []string{"x", "y"}, status: 400},
		{request: "POST /uri/{D}", form: []string{"t", "upload", "file@u.txt", "one", "name", "late"}},
		{request: "GET /uri/{D}/late", want: "one"},
		{request: "POST /uri/{D}?t=upload", form: []string{"file@u.txt", "two"}},
		{request: "GET /uri/{D}/u.txt", want: "two"},
		{request: "POST /uri/{D}/g/h?t=upload", form: []string{"file@u.txt", "three"}},
		{request: "GET /uri/{D}/g/h", want: "three"},
		{request: "POST /uri/{D}?t=upload", form: []string{"file", "x"}, status: 400, want: "upload requires a name"},
		{request: "POST /uri/{D}?t=upload&name=a%2Fb", form: []string{"file@u", "x"}, status: 400, want: "name= may not contain a slash"},
		{request: "POST /uri/{D}?t=upload&name=sub", form: []string{"file@u", "x"}, status: 409},
		{request: "POST /uri/{D}?t=upload&name=late&replace=false", form: []string{"file@u", "x"}, status: 409, want: exists},
		{request: "POST /uri/{D}?t=upload&name=w&when_done=/uri/%25(uri)s", form: []string{"file@u", "x"}, status: 302},
		{request: "POST /uri/{D}?t=zz", status: 400, want: "POST to a directory with bad t=zz"},
	})
}

func TestUnknownCapabilities(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "POST /uri?t=mkdir-with-children", body: `{
			"b": ["unknown", {"rw_uri": "x-tahoe-crazy:1", "ro_uri": "x-tahoe-crazy-ro:1"}],
			"c": ["unknown", {"ro_uri": "ro.x-tahoe-crazy-ro:2"}], "d": ["unknown", {"ro_uri": "imm.x-tahoe-crazy-imm:3"}]}`, save: "D"},
		{request: "GET /uri/{D}/b?t=json", want: "[\n \"unknown\",\n {\n  \"ro_uri\": \"ro.x-tahoe-crazy-ro:1\",\n  \"rw_uri\": \"x-tahoe-crazy:1\",\n  \"mutable\": true,\n  \"metadata\": {}\n }\n]"},
		{request: "GET /uri/{D}/c?t=json", want: "[\n \"unknown\",\n {\n  \"ro_uri\": \"ro.x-tahoe-crazy-ro:2\",\n  \"metadata\": {}\n }\n]"},
		{request: "GET /uri/{D}/d?t=json", want: "[\n \"unknown\",\n {\n  \"ro_uri\": \"imm.x-tahoe-crazy-imm:3\",\n  \"mutable\": false,\n  \"metadata\": {}\n }\n]"},
		{request: "GET /uri/x-tahoe-crazy:1?t=json", want: "[\n \"unknown\",\n {}\n]"},
		{request: "GET /uri/imm.x-tahoe-crazy:1?t=json", want: "~\"mutable\": false"},
		{request: "GET /uri/{D}/b", status: 400, want: "~GET unknown URI type"},
		{request: "HEAD /uri/{D}/b", status: 400},
		{request: "PUT /uri/{D}/b", body: "x", status: 400},
		{request: "PUT /uri/{D}/b/c", body: "x", status: 409},
		{request: "GET /uri/{D}/b/c", status: 400},
		{request: "POST /uri/{D}/b?t=upload", form: []string{"file@x", "y"}, status: 400},
		{request: "POST /uri/{D}/b?t=unlink&name=x", status: 400},
		{request: "GET /file/x-tahoe-crazy:1/name", status: 400},
		{request: "DELETE /uri/{D}/b", want: "x-tahoe-crazy:1"},
	})
}

// A listing is laid out as the original lays it out, to the byte, but for the format of directories, which it does not tell.
func TestListing(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "PUT /uri?format=mdmf", body: "x", save: "M"},
		{request: "GET /uri/{M}?t=readonly-uri", save: "MR"},
		{request: "POST /uri?t=mkdir-with-children", body: `{
			"a": ["filenode", {"ro_uri": "{CHK}", "metadata": {"n": [1, 2.50, {}], "e": [], "é": "\u2028"}}],
			"é": ["filenode", {"rw_uri": "{M}"}],
			"z\"": ["dirnode", {"ro_uri": "URI:DIR2-LIT:"}]}`, save: "D"},
		{request: "GET /uri/{D}?t=json", save: "answer", header: "Content-Type: text/plain"},
	})
	var n wapi.Node
	if err := json.Unmarshal([]byte(w.caps["answer"]), &n); err != nil {
		t.Fatal(err)
	}
	w.caps["DR"], w.caps["DV"] = n.ReadURI, n.VerifyURI
	w.caps["CV"], w.caps["MV"] = n.Children[0].VerifyURI, n.Children[2].VerifyURI
	if want := w.fill(wantListing, plainly); w.caps["answer"] != want {
		t.Errorf("got\n%s\nwant\n%s", w.caps["answer"], want)
	}
}

const wantListing = `[
 "dirnode",
 {
  "children": {
   "a": [
    "filenode",
    {
     "mutable": false,
     "format": "CHK",
     "size": 200,
     "metadata": {
      "n": [
       1,
       2.50,
       {}
      ],
      "e": [],
      "\u00e9": "\u2028"
     },
     "ro_uri": "{CHK}",
     "verify_uri": "{CV}"
    }
   ],
   "z\"": [
    "dirnode",
    {
     "mutable": false,
     "format": "CHK",
     "metadata": {},
     "ro_uri": "URI:DIR2-LIT:"
    }
   ],
   "\u00e9": [
    "filenode",
    {
     "mutable": true,
     "format": "MDMF",
     "metadata": {},
     "rw_uri": "{M}",
     "ro_uri": "{MR}",
     "verify_uri": "{MV}"
    }
   ]
  },
  "ro_uri": "{DR}",
  "rw_uri": "{D}",
  "verify_uri": "{DV}",
  "mutable": true,
  "format": "SDMF"
 }
]
`

// A listing that is longer than what is sent at once is whole.
func TestLongListing(t *testing.T) {
	w := newWorld(t)
	children := map[string]any{}
	for i := range 2000 {
		children[fmt.Sprintf("child %04d", i)] = []any{"filenode", map[string]string{"ro_uri": "URI:LIT:me"}}
	}
	body, err := json.Marshal(children)
	if err != nil {
		t.Fatal(err)
	}
	w.run(t, []step{
		{request: "POST /uri?t=mkdir-with-children", body: string(body), save: "D"},
		{request: "GET /uri/{D}?t=json", save: "answer"},
		{request: "HEAD /uri/{D}?t=json"},
	})
	var n wapi.Node
	if err := json.Unmarshal([]byte(w.caps["answer"]), &n); err != nil || len(n.Children) != 2000 || n.Children[1999].Name != "child 1999" {
		t.Errorf("got %d children, %v", len(n.Children), err)
	}
}

func TestDirectoryTags(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri", body: long, save: "CHK"},
		{request: "POST /uri?t=mkdir-immutable", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, save: "I"},
	})
	resp := w.do(t, "GET", "/uri/"+w.caps["I"]+"?t=json", nil)
	tag := resp.Header.Get("Etag")
	if !strings.HasPrefix(tag, "DIR:") || !strings.HasSuffix(tag, "-json") {
		t.Fatalf("got tag %q", tag)
	}
	for _, sent := range []string{tag, `"` + tag + `"`, "*"} {
		if resp := w.do(t, "GET", "/uri/"+w.caps["I"]+"?t=json", nil, "If-None-Match", sent); resp.StatusCode != http.StatusNotModified {
			t.Errorf("If-None-Match %s: got %d", sent, resp.StatusCode)
		}
	}
}

func TestProhibited(t *testing.T) {
	open := newWorld(t)
	open.run(t, []step{{request: "PUT /uri", body: long, save: "CHK"}})
	w := newWorld(t, func(c *lafs.Config) { c.Access = forbidAll })
	w.caps = open.caps
	w.run(t, []step{
		{request: "GET /uri/{CHK}", status: 403, want: "Access Prohibited: not here"},
		{request: "HEAD /uri/{CHK}", status: 403},
		{request: "GET /uri/{CHK}?t=json", status: 403},
		{request: "GET /file/{CHK}/x", status: 403},
	})
}

// A noRoom takes no files.
type noRoom struct{ web.Store }

func (noRoom) Put(context.Context, io.Reader, lafs.PutOptions) (lafs.PutResult, error) {
	return lafs.PutResult{}, unhappy()
}

// A file that cannot be stored leaves no trace in directories: none is made for it.
func TestFailedPutMakesNoDirectories(t *testing.T) {
	store := newClient(t)
	w := &world{rig: &rig{Server: web.New(noRoom{store}, gridOf{}, web.Config{})}, caps: map[string]string{}}
	w.run(t, []step{
		{request: "PUT /uri?t=mkdir", save: "D"},
		{request: "PUT /uri/{D}/a/b/c", body: "x", status: 500, header: "Tahoe-Error: not-enough-servers"},
		{request: "POST /uri/{D}/a/b/c?t=upload", form: []string{"file@x", "x"}, status: 500},
		{request: "GET /uri/{D}/a", status: 404},
	})
}
