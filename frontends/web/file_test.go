package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/lafs/immutable"
)

func errLost() error { return &immutable.NotEnoughSharesError{Have: 2, Need: 3} }

const (
	mutableCap = "URI:SSK:vdv6pcqkblsguvkagrblr3gopu:6pd5r2qrsb3zuq2n6ocvcsg2a6b47ehclqxidkzd5awdabhtdo6a"
	dirCap     = "URI:DIR2:b6ozkxfcttzy2ssqdsqimcnwda:x4bzmqahogzcmihv7qk47xxozt2wfkcnfxyf5pa7n6qiqolr6oxq"
)

func TestGetFile(t *testing.T) {
	r := newRig(t)
	uri := r.cap.Encode()
	index := r.cap.Index().String()
	v, _ := r.cap.Verify()
	lost := testCap(t, 999).Encode()
	tests := []struct {
		name    string
		method  string // GET when empty
		target  string
		headers []string
		status  int
		body    string
		want    map[string]string
	}{
		{
			name: "plain", target: "/uri/" + uri, status: 200, body: r.text,
			want: map[string]string{
				"Content-Type": "text/plain", "Content-Length": "69", "Accept-Ranges": "bytes", "Etag": index + "-",
				"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Content-Security-Policy": "sandbox",
				"X-Content-Type-Options": "nosniff", "Content-Disposition": "",
			},
		},
		{name: "escaped colons", target: "/uri/" + url.QueryEscape(uri), status: 200, body: r.text},
		{name: "alias", target: "/cap/" + uri, status: 200, body: r.text},
		{name: "doubled slash in front", target: "//uri/" + uri, status: 200, body: r.text},
		{name: "doubled slash behind uri", target: "/uri//" + uri, status: 200, body: r.text},
		{name: "trailing blank", target: "/uri/" + uri + "%20%0A", status: 200, body: r.text},
		{name: "html name", target: "/uri/" + uri + "?filename=a.html", status: 200, body: r.text, want: map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "sandbox"}},
		{name: "packed name", target: "/uri/" + uri + "?filename=a.tar.gz", status: 200, body: r.text, want: map[string]string{"Content-Type": "application/x-tar", "Content-Encoding": "gzip"}},
		{
			name: "save", target: "/uri/" + uri + "?save=true&filename=a%22b.tar.gz", status: 200, body: r.text,
			want: map[string]string{"Content-Disposition": `attachment; filename="a\"b.tar.gz"`, "Content-Type": "application/x-tar", "Content-Encoding": ""},
		},
		{name: "save without a name", target: "/uri/" + uri + "?save=on&filename=", status: 200, body: r.text, want: map[string]string{"Content-Disposition": `attachment; filename="unknown"`}},
		{
			name: "save under a name that is not ASCII", target: "/uri/" + uri + "?save=1&filename=%C3%A9%20t%0D%0Ax.txt", status: 200, body: r.text,
			want: map[string]string{"Content-Disposition": `attachment; filename="é t__x.txt"; filename*=UTF-8''%C3%A9%20t%0D%0Ax.txt`},
		},
		{name: "save is no boolean", target: "/uri/" + uri + "?save=maybe", status: 400, body: "invalid boolean argument: save='maybe' is neither true nor false\n"},
		{name: "named", target: "/file/" + uri + "/@@named=/pic.jpg", status: 200, body: r.text, want: map[string]string{"Content-Type": "image/jpeg"}},
		{name: "named by its other name", target: "/named/" + uri + "/x/y/pic%2Fture.PNG", status: 200, body: r.text, want: map[string]string{"Content-Type": "image/png"}},
		{name: "named in one part", target: "/file/" + uri + "/@@named=pic.jpg", status: 200, body: r.text, want: map[string]string{"Content-Type": "image/jpeg"}},
		{name: "named, no name", target: "/file/" + uri, status: 200, body: r.text, want: map[string]string{"Content-Type": "text/plain"}},
		{name: "named, argument wins", target: "/file/" + uri + "/a.jpg?filename=b.png", status: 200, body: r.text, want: map[string]string{"Content-Type": "image/png"}},
		{name: "file without capability", target: "/file", status: 404, body: "/file must be followed by a file-cap and a name\n"},
		{name: "file by POST", method: "POST", target: "/file/" + uri + "/x", status: 405, body: "POST is not possible here, only GET, HEAD\n", want: map[string]string{"Allow": "GET, HEAD"}},
		{name: "head", method: "HEAD", target: "/uri/" + uri, status: 200, want: map[string]string{"Content-Length": "69", "Etag": index + "-", "Accept-Ranges": "bytes"}},
		{name: "head takes no t", method: "HEAD", target: "/uri/" + uri + "?t=json", status: 400},
		{name: "head of a lost file", method: "HEAD", target: "/uri/" + lost, status: 410},
		{name: "head of a range", method: "HEAD", target: "/uri/" + uri, headers: []string{"Range", "bytes=60-"}, status: 206, want: map[string]string{"Content-Length": "9", "Content-Range": "bytes 60-68/69"}},
		{
			name: "lost", target: "/uri/" + lost, status: 410, body: "found 2 good shares, and 3 are needed to rebuild the file; no server could be asked\n",
			want: map[string]string{"Content-Type": "text/plain;charset=utf-8", "Tahoe-Error": "not-enough-shares", "Etag": "", "Accept-Ranges": ""},
		},
		{name: "range", target: "/uri/" + uri, headers: []string{"Range", "bytes=2-4"}, status: 206, body: "234", want: map[string]string{"Content-Range": "bytes 2-4/69", "Content-Length": "3"}},
		{name: "first of ranges", target: "/uri/" + uri, headers: []string{"Range", "bytes=2-4, 10-"}, status: 206, body: "234"},
		{name: "suffix", target: "/uri/" + uri, headers: []string{"Range", "bytes=-2"}, status: 206, body: "/!"},
		{name: "bad range", target: "/uri/" + uri, headers: []string{"Range", "bytes=4-2"}, status: 200, body: r.text, want: map[string]string{"Content-Range": ""}},
		{name: "range behind the end", target: "/uri/" + uri, headers: []string{"Range", "bytes=69-"}, status: 416, body: "First beyond end of file\n", want: map[string]string{"Content-Range": "bytes */69"}},
		{name: "range of this version", target: "/uri/" + uri, headers: []string{"Range", "bytes=2-4", "If-Range", index + "-"}, status: 206, body: "234"},
		{name: "range of this version in quotes", target: "/uri/" + uri, headers: []string{"Range", "bytes=2-4", "If-Range", `"` + index + `-"`}, status: 206, body: "234"},
		{name: "range of another version", target: "/uri/" + uri, headers: []string{"Range", "bytes=2-4", "If-Range", "other"}, status: 200, body: r.text},
		{name: "not modified", target: "/uri/" + uri, headers: []string{"If-None-Match", index + "-"}, status: 304, want: map[string]string{"Etag": index + "-"}},
		{name: "not modified, quoted", target: "/uri/" + uri, headers: []string{"If-None-Match", `"x", W/"` + index + `-"`}, status: 304},
		{name: "not modified, list", target: "/uri/" + uri, headers: []string{"If-None-Match", "x " + index + "-"}, status: 304},
		{name: "not modified, any", target: "/uri/" + lost, headers: []string{"If-None-Match", "*"}, status: 304},
		{name: "modified", target: "/uri/" + uri, headers: []string{"If-None-Match", index + "-json"}, status: 200, body: r.text},
		{
			name: "json", target: "/uri/" + uri + "?t=json", status: 200,
			body: "[\n \"filenode\",\n {\n  \"mutable\": false,\n  \"format\": \"CHK\",\n  \"size\": 69,\n  \"ro_uri\": \"" + uri + "\",\n  \"verify_uri\": \"" + v.Encode() + "\"\n }\n]\n",
			want: map[string]string{"Content-Type": "text/plain", "Etag": index + "-json"},
		},
		{name: "json not modified", target: "/uri/" + uri + "?t=json", headers: []string{"If-None-Match", index + "-json"}, status: 304},
		{name: "uri", target: "/uri/" + uri + "?t=uri", status: 200, body: uri, want: map[string]string{"Etag": index + "-uri"}},
		{name: "readonly-uri", target: "/uri/" + uri + "?t=readonly-uri", status: 200, body: uri},
		{name: "info", target: "/uri/" + uri + "?t=info", status: 200, want: map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}},
		{name: "bad t", target: "/uri/" + uri + "?t=zzz", status: 400, body: "GET file: bad t=zzz\n"},
		{name: "child of a file", target: "/uri/" + uri + "/a", status: 400, body: "Files have no children named 'a'\n"},
		{name: "empty part", target: "/uri/" + uri + "//a", status: 400, body: "The webapi does not allow empty pathname components, i.e. a double slash\n"},
		{name: "slash behind a file", target: "/uri/" + uri + "/", status: 400, body: "Files have no children named ''\n"},
		{name: "a name that is no UTF-8", target: "/uri/" + dirCap + "/%ff", status: 400, body: "a name in the path is not UTF-8\n"},
		{name: "put below a file", method: "PUT", target: "/uri/" + uri + "/a", status: 409, body: "Cannot create directory 'a', because its parent is a file, not a directory\n"},
		{name: "put", method: "PUT", target: "/uri/" + uri, status: 400, body: "PUT to a file: an immutable file cannot be replaced; PUT /uri stores a new one\n"},
		{name: "append", method: "PUT", target: "/uri/" + uri + "?offset=3", status: 400, body: "PUT to a file: append operation invoked on an immutable cap\n"},
		{name: "put bad t", method: "PUT", target: "/uri/" + uri + "?t=x", status: 400, body: "PUT to a file: bad t=x\n"},
		{name: "put range", method: "PUT", target: "/uri/" + uri, headers: []string{"Content-Range", "bytes 0-1/2"}, status: 501, body: "Content-Range in PUT not yet supported\n"},
		{name: "put by curl with a slash", method: "PUT", target: "/uri/picture.jpg", status: 400, body: "Invalid capability in the path of this PUT: to store a new file, PUT to /uri without anything behind it\n"},
		{name: "post upload", method: "POST", target: "/uri/" + uri + "?t=upload", status: 400},
		{name: "post", method: "POST", target: "/uri/" + uri + "?t=zz", status: 400, body: "POST to file: bad t=zz\n"},
		{name: "delete", method: "DELETE", target: "/uri/" + uri, status: 400},
		{name: "patch", method: "PATCH", target: "/uri/" + uri, status: 405, want: map[string]string{"Allow": "GET, HEAD, PUT, POST, DELETE"}},
		{name: "malformed", target: "/uri/URI:CHK:zz", status: 400},
		{name: "no capability", target: "/uri/hello", status: 400, body: "Invalid capability: it does not begin with a kind and a colon, as URI:CHK: does\n"},
		{name: "unknown kind", target: "/uri/x-future:hello", status: 400, body: "GET unknown URI type: can only do t=info and t=json, not t=. A later version may know more of it\n"},
		{name: "unknown kind by POST", method: "POST", target: "/uri/x-future:hello", status: 400},
		{name: "verify capability", target: "/uri/" + v.Encode(), status: 400, body: "this is a verify capability: it may check a file but not read it\n"},
		{name: "lost mutable file", target: "/uri/" + mutableCap, status: 410, want: map[string]string{"Tahoe-Error": "not-enough-shares"}},
		{name: "lost directory", target: "/uri/" + dirCap + "/a/b", status: 410, want: map[string]string{"Tahoe-Error": "not-enough-shares"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			resp := r.do(t, method, tt.target, nil, tt.headers...)
			body := readAll(t, resp)
			if resp.StatusCode != tt.status {
				t.Errorf("status: got %d, want %d; %s", resp.StatusCode, tt.status, body)
			}
			if tt.body != "" && body != tt.body {
				t.Errorf("body: got %q, want %q", body, tt.body)
			}
			if method == http.MethodHead && body != "" {
				t.Errorf("body of HEAD: got %q, want none", body)
			}
			if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "text/plain;charset=utf-8" {
				t.Errorf("type of error: got %q", resp.Header.Get("Content-Type"))
			}
			checkHeaders(t, resp.Header, tt.want)
		})
	}
}

func TestLiteral(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{"", "x", strings.Repeat("y", 55)} {
		c, err := caps.NewLiteral([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		resp := r.do(t, "GET", "/uri/"+c.Encode(), nil, "Range", "bytes=0-", "If-None-Match", "*")
		want := 206
		if text == "" {
			want = 200
		}
		if got := readAll(t, resp); resp.StatusCode != want || got != text || resp.Header.Get("Etag") != "" {
			t.Errorf("literal of %d: got %d %q with tag %q", len(text), resp.StatusCode, got, resp.Header.Get("Etag"))
		}
		if got := readAll(t, r.do(t, "GET", "/uri/"+c.Encode()+"?t=json", nil)); strings.Contains(got, "verify_uri") {
			t.Errorf("literal has something to verify: %s", got)
		}
	}
}

// A file that is known to be there is not asked for again, and a HEAD asks once.
func TestFileReads(t *testing.T) {
	r := newRig(t)
	f := r.shelf.files[r.cap]
	tests := []struct {
		name    string
		method  string
		query   string
		headers []string
		want    int
	}{
		{"get", "GET", "", nil, 1},
		{"head", "HEAD", "", nil, 1},
		{"json", "GET", "?t=json", nil, 0},
		{"match", "GET", "", []string{"If-None-Match", "*"}, 0},
		{"bad range", "GET", "", []string{"Range", "bytes=500-"}, 0},
	}
	for _, tt := range tests {
		f.reads = 0
		r.do(t, tt.method, "/uri/"+r.cap.Encode()+tt.query, nil, tt.headers...)
		if f.reads != tt.want {
			t.Errorf("%s: got %d reads, want %d", tt.name, f.reads, tt.want)
		}
	}
}

func TestCutInMidBody(t *testing.T) {
	r := newRig(t)
	r.shelf.files[r.cap] = &file{data: []byte(r.text), good: 10, err: errors.New("server x: hung up")}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("got panic %v, want the connection to be cut", v)
		}
		if !strings.Contains(r.log.String(), "hung up") {
			t.Errorf("log does not say why: %s", r.log)
		}
	}()
	r.do(t, "GET", "/uri/"+r.cap.Encode(), nil)
	t.Error("an answer was finished that was not whole")
}
