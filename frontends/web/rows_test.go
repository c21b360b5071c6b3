package web_test

import (
	"net/http"
	"regexp"
	"strconv"
	"testing"
)

// rows are the rows B1 to B56 of the table of what the web API does, by their numbers: a few requests for each, with status, header and
// the shape of the body. What depends on the state of a grid, and what each row is like in detail, is tested beside its code.
var rows = []struct {
	row   int
	about string
	steps []step
}{
	{1, "the page of the node", []step{
		{request: "GET /", want: "~<!DOCTYPE html>", header: "Content-Type: text/html; charset=utf-8"},
		{request: "GET /?t=json", want: `~"servers": [`, header: "Content-Type: application/json; charset=utf-8"},
		{request: "GET /?t=zz", status: 400, want: "Unknown t value: 'zz'"},
	}},
	{2, "a capability in a form", []step{
		{request: "GET /uri?uri={CHK}", status: 302, header: "Location: /uri/{CHK}"},
		{request: "GET /cap?uri={CHK}&t=json", status: 302, header: "Location: /uri/{CHK}?t=json"},
		{request: "GET /uri", status: 400, want: "GET /uri requires uri="},
		{request: "GET /uri?uri=nonsense", status: 400, want: "~nvalid capability"},
	}},
	{3, "a file that no directory knows", []step{
		{request: "PUT /uri", body: long, want: "{CHK}", header: "Content-Type: text/plain"},
		{request: "PUT /uri?format=sdmf", body: long, want: "~URI:SSK:"},
		{request: "PUT /uri?mutable=true", body: long, want: "~URI:SSK:"},
		{request: "PUT /uri?format=zz", status: 400, want: "Unknown format: zz, I know CHK, SDMF, MDMF"},
		{request: "PUT /uri?t=mkdir", want: "~URI:DIR2:"},
		{request: "PUT /uri?t=mkdir&format=MDMF", want: "~URI:DIR2-MDMF:"},
		{request: "PUT /uri?t=mkdir&format=CHK", status: 400},
	}},
	{4, "forms without a directory", []step{
		{request: "POST /uri?t=upload", form: []string{"file@a.txt", long}, want: "~{CHK}"},
		{request: "POST /uri?t=upload&format=mdmf", form: []string{"file@a.txt", long}, want: "~URI:MDMF:"},
		{request: "POST /uri?t=upload&when_done=/uri/%25(uri)s", form: []string{"file@a.txt", long}, status: 302, header: "Location: /uri/{CHK}"},
		{request: "POST /uri?t=mkdir", want: "~URI:DIR2:"},
		{request: "POST /uri?t=mkdir&redirect_to_result=true", status: 303},
		{request: "POST /uri?t=mkdir-with-children", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, want: "~URI:DIR2:"},
		{request: "POST /uri?t=mkdir-immutable", body: `{}`, want: "URI:DIR2-LIT:"},
		{request: "POST /uri?t=zz", status: 400, want: "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir"},
	}},
	{5, "what a capability names", []step{{request: "GET /uri/{CHK}", want: long}, {request: "GET /cap/{D}/sub/chk", want: long}}},
	{6, "a file by another name", []step{
		{request: "GET /file/{CHK}/@@named=/a.html", want: long, header: "Content-Type: text/html"},
		{request: "HEAD /named/{CHK}/b.png", header: "Content-Type: image/png"},
		{request: "GET /file/{D}/a", status: 400},
		{request: "GET /file", status: 404, want: "/file must be followed by a file-cap and a name"},
	}},
	{7, "transfers", []step{
		{request: "GET /status", want: "~<!DOCTYPE html>"},
		{request: "GET /status/?t=json", want: `~"recent": [`},
		{request: "GET /status/up-0", want: "~<h1 id=\"transfer\">Upload</h1>"},
		{request: "GET /status/publish-0", want: "~Write of a mutable file"},
		{request: "GET /status/down-77", status: 404},
		{request: "GET /status?t=zz", status: 400, want: "Unknown t value: 'zz'"},
	}},
	{8, "statistics", []step{
		{request: "GET /statistics", want: "~<!DOCTYPE html>"},
		{request: "GET /statistics?t=json", want: `~"counters": {`},
		{request: "GET /statistics?t=openmetrics", want: "~# EOF\n", header: "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"},
	}},
	{11, "slow operations", []step{
		{request: "GET /operations/nobody", status: 404, want: "unknown/expired handle 'nobody'"},
		{request: "POST /operations/nobody?t=cancel", status: 404},
	}},
	{12, "a report", []step{
		{request: "POST /report_incident", form: []string{"details", "it is slow"}, want: "~Thank you for your report!"},
		{request: "GET /report_incident", status: 405},
	}},
	{13, "the log", []step{{request: "GET /private/logs/v1", status: 401, header: `Www-Authenticate: tahoe-lafs realm="tahoe-lafs"`}}},
	{14, "plugins of storage", []step{{request: "GET /storage-plugins/nobody", status: 404}}},
	{15, "files of the operator, and of the pages", []step{
		{request: "GET /static/none", status: 404}, {request: "GET /tahoe.css", header: "Content-Type: text/css; charset=utf-8"},
	}},
	{20, "the bytes of a file", []step{
		{request: "GET /uri/{CHK}", want: long, header: "Content-Type: text/plain"},
		{request: "GET /uri/{CHK}?filename=a.jpg", header: "Content-Type: image/jpeg"},
		{request: "GET /uri/{CHK}?filename=a.tar.gz", header: "Content-Encoding: gzip"},
		{request: "GET /uri/{CHK}?save=true&filename=a.jpg", header: `Content-Disposition: attachment; filename="a.jpg"`},
		{request: "HEAD /uri/{CHK}", header: "Content-Length: 200"},
	}},
	{21, "a range", []step{{request: "HEAD /uri/{CHK}", header: "Accept-Ranges: bytes"}}},
	{22, "tags", []step{{request: "GET /uri/{CHK}", want: long}}},
	{24, "what is known of a file", []step{
		{request: "GET /uri/{CHK}?t=json", want: `~"format": "CHK"`, header: "Content-Type: text/plain"},
		{request: "GET /uri/{LIT}?t=json", want: `~"size": 5`},
		{request: "GET /uri/{D}/lit?t=json", want: `~"linkcrtime"`},
	}},
	{25, "other faces of a file", []step{
		{request: "GET /uri/{CHK}?t=info", want: "~<!DOCTYPE html>"},
		{request: "GET /uri/{CHK}?t=uri", want: "{CHK}"},
		{request: "GET /uri/{CHK}?t=readonly-uri", want: "{CHK}"},
		{request: "GET /uri/{CHK}?t=zz", status: 400, want: "GET file: bad t=zz"},
	}},
	{26, "a file is stored by its path", []step{
		{request: "PUT /uri/{D}/f", body: long, status: 201, want: "{CHK}"},
		{request: "PUT /uri/{D}/f", body: "x", want: "URI:LIT:pa"},
		{request: "PUT /uri/{D}/f?replace=false", body: "x", status: 409, want: exists},
		{request: "POST /uri/{D}?t=upload&name=sub&replace=only-files", form: []string{"file@a.txt", "x"}, status: 409},
		{request: "PUT /uri/{D}/m?format=MDMF", body: "first", status: 201, save: "M"},
		{request: "PUT /uri/{D}/m?offset=1", body: "X", want: "{M}"},
		{request: "PUT /uri/{D}/f?offset=1", status: 400},
	}},
	{27, "a capability is linked", []step{{request: "PUT /uri/{D}/g?t=uri", body: "{CHK}", want: "{CHK}"}, {request: "PUT /uri/{D}/g?t=uri", body: "no", status: 400}}},
	{28, "forms at a path", []step{
		{request: "POST /uri/{D}/h?t=upload", form: []string{"file@a.txt", "x"}, want: "URI:LIT:pa"},
		{request: "POST /uri/{D}/lit?t=mkdir", status: 409},
		{request: "POST /uri/{CHK}?t=check&output=json", want: `~"healthy": true`},
	}},
	{29, "a link is taken away", []step{
		{request: "DELETE /uri/{D}/h", want: "URI:LIT:pa"}, {request: "DELETE /uri/{D}/h", status: 404, want: "No such child: h"}, {request: "DELETE /uri/{CHK}", status: 400},
	}},
	{40, "a directory", []step{
		{request: "GET /uri/{D}", status: 302, header: "Location: /uri/{D}/"},
		{request: "GET /uri/{D}/", want: "~<!DOCTYPE html>"},
		{request: "GET /uri/{D}?t=json", want: `~"dirnode"`, header: "Content-Type: text/plain"},
	}},
	{41, "other faces of a directory", []step{
		{request: "GET /uri/{D}?t=info", want: "~<!DOCTYPE html>"},
		{request: "GET /uri/{D}?t=uri", want: "{D}"},
		{request: "GET /uri/{D}?t=readonly-uri", want: "~URI:DIR2-RO:"},
		{request: "GET /uri/{D}?t=rename-form&name=lit", want: "~<form"},
		{request: "GET /uri/{D}?t=zz", status: 400, want: "GET directory: bad t=zz"},
	}},
	{42, "a directory by PUT", []step{
		{request: "PUT /uri/{D}/made?t=mkdir", want: "~URI:DIR2:", save: "MADE"},
		{request: "PUT /uri/{D}/made?t=mkdir", want: "{MADE}"},
		{request: "PUT /uri/{D}", status: 400, want: "PUT to a directory"},
	}},
	{43, "a directory by POST", []step{{request: "POST /uri/{D}?t=mkdir&name=made", want: "{MADE}"}}},
	{44, "a directory with children", []step{
		{request: "POST /uri/{D}?t=mkdir-with-children&name=full", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, want: "~URI:DIR2:"},
		{request: "GET /uri/{D}/full/a", want: long},
		{request: "POST /uri/{D}?t=mkdir-with-children&name=full", body: `{}`, status: 409},
	}},
	{45, "an immutable directory", []step{
		{request: "POST /uri/{D}?t=mkdir-immutable&name=still", body: `{"a": ["filenode", {"ro_uri": "{CHK}"}]}`, want: "~URI:DIR2-"},
		{request: "POST /uri/{D}?t=mkdir-immutable&name=none", body: `{}`, want: "URI:DIR2-LIT:"},
		{request: "POST /uri/{D}?t=mkdir-immutable&name=no", body: `{"a": ["dirnode", {"rw_uri": "{D}"}]}`, status: 400, want: "~MustBeDeepImmutable"},
	}},
	{46, "a form stores a file", []step{
		{request: "POST /uri/{D}?t=upload", form: []string{"file@own.txt", "x"}, want: "URI:LIT:pa"},
		{request: "GET /uri/{D}/own.txt", want: "x"},
		{request: "POST /uri/{D}?t=upload&name=a/b", form: []string{"file@own.txt", "x"}, status: 400},
	}},
	{47, "a form links a capability", []step{{request: "POST /uri/{D}?t=uri&name=linked&uri={CHK}", want: "{CHK}"}}},
	{48, "a form takes a link away", []step{{request: "POST /uri/{D}?t=unlink&name=linked", want: "thing unlinked"}, {request: "POST /uri/{D}?t=delete&name=linked", status: 404}}},
	{49, "another name", []step{
		{request: "POST /uri/{D}?t=rename&from_name=own.txt&to_name=other.txt", want: "thing moved"},
		{request: "POST /uri/{D}?t=rename&from_name=a&to_name=b&to_dir={D}", status: 400},
	}},
	{50, "another directory", []step{
		{request: "POST /uri/{D}?t=relink&from_name=other.txt&to_dir={SUB}", want: "thing moved"},
		{request: "GET /uri/{SUB}/other.txt", want: "x"},
		{request: "POST /uri/{D}?t=relink&from_name=lit&to_dir={CHK}", status: 400, want: "to_dir is not a directory"},
	}},
	{51, "many children at once", []step{
		{request: "POST /uri/{D}?t=set_children", body: `{"s": ["filenode", {"ro_uri": "{CHK}"}]}`, want: "Okay so I did it."},
		{request: "POST /uri/{D}?t=set-children&overwrite=false", body: `{"s": ["filenode", {"ro_uri": "{CHK}"}]}`, status: 409},
	}},
	{52, "a check", []step{
		{request: "POST /uri/{D}?t=check&output=JSON", want: `~"count-shares-good": 10`},
		{request: "POST /uri/{D}?t=check", want: "~Healthy"},
		{request: "POST /uri/{LIT}?t=check&output=json", want: `~"storage-index": ""`},
		{request: "POST /uri/{D}?t=check&verify=perhaps", status: 400, want: "~invalid boolean argument"},
	}},
	{53, "slow operations begin", []step{
		{request: "POST /uri/{D}?t=start-deep-stats&ophandle=a", status: 302, header: "Location: /operations/a"},
		{request: "POST /uri/{D}?t=start-manifest&ophandle=b&output=json", status: 302, header: "Location: /operations/b?output=json"},
		{request: "POST /uri/{D}?t=start-deep-size", status: 400, want: "slow operation requires ophandle="},
		{request: "POST /uri/{D}?t=start-deep-check&ophandle=c", status: 302},
		{request: "GET /operations/a?output=json", want: `~"finished":`},
		{request: "GET /operations/a?output=zz", status: 400, want: "Unknown output value: 'zz'"},
	}},
	{54, "streams", []step{
		{request: "POST /uri/{D}?t=stream-manifest", want: `~"type": "stats"`},
		{request: "POST /uri/{D}?t=stream-deep-check", want: `~"check-results"`},
	}},
	{55, "DELETE by path", []step{{request: "DELETE /uri/{D}/s", want: "{CHK}"}}},
	{56, "what only a later version understands", []step{
		{request: "PUT /uri/{D}/later?t=uri", body: "ro.x-future:1", want: "ro.x-future:1"},
		{request: "GET /uri/{D}/later?t=json", want: `~"unknown"`},
		{request: "GET /uri/{D}/later?t=info", want: "~<!DOCTYPE html>"},
		{request: "GET /uri/{D}/later?t=uri", status: 400},
	}},
}

// elsewhere are rows that need more than a client's web port in memory, and where they are tested.
var elsewhere = map[int]string{
	9:  "the upload helper: TestHelper…",
	10: "storage: TestStorage…",
	16: "an introducer: TestIntroducerJSON, TestIntroducerPage",
	23: "a failure in the middle of a body: TestCutInMidBody, TestCutIsVisible",
}

func TestRows(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	seen := map[int]bool{}
	for _, r := range rows {
		seen[r.row] = true
		t.Run("B"+strconv.Itoa(r.row)+" "+r.about, func(t *testing.T) { w.run(t, r.steps) })
	}
	for n := 1; n <= 56; n++ {
		none := n > 16 && n < 20 || n > 29 && n < 40 // the table has no such rows
		if !seen[n] && !none && elsewhere[n] == "" {
			t.Errorf("row B%d is not tested", n)
		}
	}
}

// Rows B21 and B22, which are about headers of requests.
func TestRangesAndTags(t *testing.T) {
	w := newWorld(t)
	w.grow(t)
	target := "/uri/" + w.caps["CHK"]
	tag := w.do(t, "GET", target, nil).Header.Get("Etag")
	for _, c := range []struct {
		header, value string
		status        int
		body          string
		want          string // of Content-Range
	}{
		{"Range", "bytes=0-4", 206, "01234", "bytes 0-4/200"},
		{"Range", "bytes=198-", 206, "89", "bytes 198-199/200"},
		{"Range", "bytes=-3", 206, "789", "bytes 197-199/200"},
		{"Range", "bytes=0-1,5-6", 206, "01", "bytes 0-1/200"},
		{"Range", "bytes=x", 200, long, ""},
		{"Range", "lines=1-2", 200, long, ""},
		{"Range", "bytes=200-", 416, "", "bytes */200"},
		{"If-None-Match", tag, 304, "", ""},
		{"If-None-Match", `"` + tag + `"`, 304, "", ""},
		{"If-None-Match", "*", 304, "", ""},
		{"If-None-Match", "other " + tag, 304, "", ""},
		{"If-None-Match", "other", 200, long, ""},
	} {
		resp := w.do(t, "GET", target, nil, c.header, c.value)
		text := readAll(t, resp)
		if resp.StatusCode != c.status || c.status < 300 && text != c.body || resp.Header.Get("Content-Range") != c.want {
			t.Errorf("%s: %s: got %d %q %q", c.header, c.value, resp.StatusCode, text, resp.Header.Get("Content-Range"))
		}
	}
	if !regexp.MustCompile(`^"?[a-z2-7]{26}-"?$`).MatchString(tag) {
		t.Errorf("the tag is %q", tag)
	}
	for _, name := range []string{"LIT", "D"} {
		if got := w.do(t, http.MethodGet, "/uri/"+w.caps[name]+"?t=json", nil).Header.Get("Etag"); got != "" {
			t.Errorf("%s, which has no tag, has %q", name, got)
		}
	}
}
