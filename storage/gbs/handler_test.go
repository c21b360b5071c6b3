package gbs_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tahoe/storage/gbs"
)

func TestAuthorization(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	lease := "/storage/v1/lease/" + indexText
	mem.Put(fixedIndex(t), 0, []byte("abc"))
	for _, tc := range []struct {
		name     string
		m        message
		status   int
		sentence string
	}{
		{"wrong swissnum", message{method: "GET", path: "/storage/v1/version", header: []string{"Authorization: Tahoe-LAFS " + b64(32)}}, 401, "check the swissnum"},
		{"no swissnum", message{method: "GET", path: "/storage/v1/version", header: []string{"Authorization: "}}, 401, "check the swissnum"},
		{"other scheme", message{method: "GET", path: "/storage/v1/version", header: []string{"Authorization: Basic " + b64(32)}}, 401, "check the swissnum"},
		{"wrong swissnum and path", message{method: "GET", path: "/nothing", header: []string{"Authorization: Tahoe-LAFS x"}}, 401, "check the swissnum"},
		{"other path", message{method: "GET", path: "/nothing"}, 404, ""},
		{"other method", message{method: "DELETE", path: "/storage/v1/version"}, 405, ""},
		{"both secrets", message{method: "PUT", path: lease, header: []string{renew, cancel}}, 204, ""},
		{"either order", message{method: "PUT", path: lease, header: []string{cancel, renew}}, 204, ""},
		{"missing secret", message{method: "PUT", path: lease, header: []string{renew}}, 400, "no X-Tahoe-Authorization header with a lease-cancel-secret"},
		{"extra secret", message{method: "PUT", path: lease, header: []string{renew, cancel, upload}}, 400, "of a kind that this request does not take, it takes lease-renew-secret, lease-cancel-secret"},
		{"secret where none is taken", message{method: "GET", path: "/storage/v1/version", header: []string{upload}}, 400, "it takes none"},
		{"secret twice", message{method: "PUT", path: lease, header: []string{renew, renew, cancel}}, 400, "two X-Tahoe-Authorization headers"},
		{"short secret", message{method: "PUT", path: lease, header: []string{renew, secretHeader("lease-cancel-secret", 31)}}, 400, "secret of 31 bytes, not 32"},
		{"long secret", message{method: "PUT", path: lease, header: []string{renew, secretHeader("lease-cancel-secret", 33)}}, 400, "secret of 33 bytes, not 32"},
		{"not base64", message{method: "PUT", path: lease, header: []string{renew, "X-Tahoe-Authorization: lease-cancel-secret ()"}}, 400, "not base64"},
		{"no value", message{method: "PUT", path: lease, header: []string{renew, "X-Tahoe-Authorization: lease-cancel-secret"}}, 400, "secret of 0 bytes"},
		{"empty upload secret", message{method: "PUT", path: immutable + "/0/abort", header: []string{secretHeader("upload-secret", 0)}}, 400, "upload-secret of 0 bytes"},
		{"long upload secret", message{method: "PUT", path: immutable + "/0/abort", header: []string{secretHeader("upload-secret", 257)}}, 400, "upload-secret of 257 bytes"},
		{"lease on nothing", message{method: "PUT", path: "/storage/v1/lease/" + strings.Repeat("a", 26), header: []string{renew, cancel}}, 404, "no such share"},
		{"index in upper case", message{method: "GET", path: "/storage/v1/immutable/" + strings.ToUpper(indexText) + "/shares"}, 404, "storage index"},
		{"short index", message{method: "GET", path: "/storage/v1/immutable/" + indexText[1:] + "/shares"}, 404, "storage index"},
		{"share 256", message{method: "GET", path: immutable + "/256"}, 404, "share number"},
		{"share 00", message{method: "GET", path: immutable + "/00"}, 404, "share number"},
		{"share -1", message{method: "GET", path: immutable + "/-1"}, 404, "share number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := *r
			r.t = t
			r.want(tc.m, tc.status, tc.sentence)
		})
	}
}

func TestBodies(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	mem.Put(fixedIndex(t), 0, []byte("abc"))
	alloc := func(body string, header ...string) message {
		return message{method: "POST", path: immutable, header: append([]string{renew, cancel, upload}, header...), body: body}
	}
	slot := func(body string, header ...string) message {
		return message{method: "POST", path: mutable + "/read-test-write", header: append([]string{renew, cancel, enabler}, header...), body: body}
	}
	corrupt := func(body string) message {
		return message{method: "POST", path: immutable + "/0/corrupt", body: body}
	}
	good := encode(t, map[string]any{"share-numbers": set(1), "allocated-size": 1})
	inPieces := alloc(strings.Repeat("x", 10000))
	inPieces.length = -1
	manyTests := make([]map[string]any, 31)
	for n := range manyTests {
		manyTests[n] = map[string]any{"offset": 0, "size": 1, "specimen": []byte("x")}
	}
	shares := map[int]any{}
	for n := range 257 {
		shares[n] = map[string]any{"test": []any{}, "write": []any{}, "new-length": nil}
	}
	rtw := func(share any, reads ...any) string {
		return encode(t, map[string]any{"test-write-vectors": map[int]any{0: share}, "read-vector": append([]any{}, reads...)})
	}
	read := map[string]any{"offset": 0, "size": 1}
	for _, tc := range []struct {
		name     string
		m        message
		status   int
		sentence string
	}{
		{"JSON", alloc(good, "Content-Type: application/json"), 415, "Content-Type is not application/cbor"},
		{"CBOR with a parameter", alloc(good, "Content-Type: application/cbor; x=y"), 200, ""},
		{"accepts JSON", alloc(good, "Accept: application/json"), 406, "Accept does not name application/cbor"},
		{"accepts CBOR not at all", alloc(good, "Accept: application/cbor;q=0, text/html"), 406, "Accept"},
		{"accepts anything", alloc(good, "Accept: text/html, */*;q=0.1"), 200, ""},
		{"nothing", alloc(""), 400, "the message ends within the request, at byte 0"},
		{"not CBOR", alloc("\x1c"), 400, "is not CBOR"},
		{"array", alloc("\x80"), 400, "the request is an array, not a map"},
		{"more behind", alloc(good + "\x00"), 400, "1 bytes follow the message"},
		{"missing key", alloc(encode(t, map[string]any{"allocated-size": 1})), 400, `no "share-numbers"`},
		{"other key", alloc(encode(t, map[string]any{"allocated-size": 1, "x": set(1)})), 400, `key "x"`},
		{"key twice", alloc("\xa2\x6eallocated-size\x01\x6eallocated-size\x01"), 400, `key "allocated-size", which it should not have`},
		{"byte-string key", alloc(encode(t, map[cbor.ByteString]any{"allocated-size": 1, "share-numbers": set(1)})), 400, "byte string, not a text"},
		{"array for a set", alloc(encode(t, map[string]any{"allocated-size": 1, "share-numbers": []int{1}})), 400, "share-numbers is an array, not a tag"},
		{"other tag", alloc(encode(t, map[string]any{"allocated-size": 1, "share-numbers": cbor.Tag{Number: 259, Content: []int{}}})), 400, "tag 259"},
		{"share twice", alloc(encode(t, map[string]any{"allocated-size": 1, "share-numbers": set(1, 1)})), 400, "holds 1 twice"},
		{"share 256", alloc(encode(t, map[string]any{"allocated-size": 1, "share-numbers": set(256)})), 400, "is 256, more than 255"},
		{"negative size", alloc(encode(t, map[string]any{"allocated-size": -1, "share-numbers": set(1)})), 400, "a negative integer"},
		{"size of 2^63", alloc("\xa2\x6eallocated-size\x1b\x80\x00\x00\x00\x00\x00\x00\x00"), 400, "more than 9223372036854775807"},
		{"bomb: long map", alloc("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), 400, "length 18446744073709551615"},
		{"bomb: long array", alloc("\xa2\x6dshare-numbers\xd9\x01\x02\x9a\xff\xff\xff\xff"), 400, "length 4294967295, more than 256"},
		{"bomb: array that is not there", alloc("\xa2\x6dshare-numbers\xd9\x01\x02\x98\xff"), 400, "more than what is left"},
		{"bomb: nesting", alloc(strings.Repeat("\x81", 8000)), 400, "the request is an array"},
		{"bomb: nested tags", alloc("\xa2\x6dshare-numbers" + strings.Repeat("\xd9\x01\x02", 2000)), 400, "is a tag, not an array"},
		{"bomb: indefinite map", alloc("\xbf" + good[1:] + "\xff"), 400, "no definite length"},
		{"bomb: indefinite set", alloc("\xa2\x6dshare-numbers\xd9\x01\x02\x9f\x01\xff"), 400, "no definite length"},
		{"too large", alloc(strings.Repeat("x", 8193)), 413, "body of 8193 bytes, more than 8192"},
		{"too large, in pieces", inPieces, 413, "body of more than 8192 bytes"},

		{"reason", corrupt(encode(t, map[string]string{"reason": "rotten"})), 200, ""},
		{"longest reason that fits", corrupt(encode(t, map[string]string{"reason": strings.Repeat("x", 32757)})), 200, ""},
		{"empty reason", corrupt(encode(t, map[string]string{"reason": ""})), 400, "the reason is empty"},
		{"reason in bytes", corrupt(encode(t, map[string]any{"reason": []byte("x")})), 400, "a byte string, not a text"},
		{"reason not in UTF-8", corrupt("\xa1\x66reason\x62\xff\xfe"), 400, "not UTF-8"},
		{"long reason", corrupt(encode(t, map[string]string{"reason": strings.Repeat("x", 32766)})), 413, "more than 32768"},

		{"rtw: tests", slot(rtw(map[string]any{"test": manyTests, "write": []any{}, "new-length": nil})), 400, "length 31, more than 30"},
		{"rtw: shares", slot(encode(t, map[string]any{"test-write-vectors": shares, "read-vector": []any{}})), 400, "length 257, more than 256"},
		{"rtw: reads", slot(encode(t, map[string]any{"test-write-vectors": map[int]any{}, "read-vector": make([]any, 31)})), 400, "length 31, more than 30"},
		{"rtw: reads too much", slot(encode(t, map[string]any{"test-write-vectors": map[int]any{}, "read-vector": []any{read, map[string]any{"offset": 0, "size": 4 << 20}}})), 400, "more than 4194303"},
		{"rtw: no new-length", slot(rtw(map[string]any{"test": []any{}, "write": []any{}})), 400, `no "new-length"`},
		{"rtw: new-length is text", slot(rtw(map[string]any{"test": []any{}, "write": []any{}, "new-length": "x"})), 400, "neither an integer nor null"},
		{"rtw: data is text", slot(rtw(map[string]any{"test": []any{}, "write": []any{map[string]any{"offset": 0, "data": "x"}}, "new-length": nil})), 400, "a text, not a byte string"},
		{"rtw: bomb in data", slot("\xa2\x72test-write-vectors\xa1\x00\xa3\x65write\x81\xa2\x64data\x5b\x00\x00\xff\xff\xff\xff\xff\xff"), 400, "more than what is left of the message"},
		{"rtw: bomb in a specimen", slot("\xa2\x72test-write-vectors\xa1\x00\xa3\x64test\x81\xa3\x68specimen\x5a\x00\x30\x00\x00"), 400, "more than what is left of the message"},
		{"rtw: JSON", slot("{}", "Content-Type: application/json"), 415, ""},
		{"rtw: accepts JSON", slot("{}", "Accept: application/json"), 406, ""},
		{"rtw: nothing to do", slot(encode(t, map[string]any{"test-write-vectors": map[int]any{}, "read-vector": []any{read}})), 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := *r
			r.t = t
			r.want(tc.m, tc.status, tc.sentence)
		})
	}
}

func TestWriteShare(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	if got := r.send(allocation(t, 10, 0, 3)); got.body != encode(t, struct {
		Have cbor.Tag `cbor:"already-have"`
		Room cbor.Tag `cbor:"allocated"`
	}{set(), set(0, 3)}) {
		t.Fatalf("got %d %q", got.status, got.body)
	}
	lying := func(m message, length int64) message {
		m.length = length
		return m
	}
	for _, tc := range []struct {
		name     string
		m        message
		status   int
		sentence string
	}{
		{"no Content-Range", patch("0", "", "01234"), 416, "no Content-Range"},
		{"other unit", patch("0", "shares 0-4/*", "01234"), 416, "not in bytes"},
		{"no size", patch("0", "bytes 0-4", "01234"), 416, "no size or *"},
		{"open end", patch("0", "bytes 0-/*", "01234"), 416, "both ends"},
		{"ends before it begins", patch("0", "bytes 5-4/*", ""), 416, "before it begins"},
		{"beyond 2^63", patch("0", "bytes 0-9223372036854775808/*", "0"), 416, "both ends"},
		{"last offset there is", patch("0", "bytes 0-9223372036854775807/*", "0"), 416, "both ends"},
		{"behind the size in the header", patch("0", "bytes 8-12/10", "01234"), 416, "does not lie within"},
		{"behind the allocated size", patch("0", "bytes 8-12/*", "01234"), 416, "ends at byte 13 of a share of 10"},
		{"other size", patch("0", "bytes 0-4/11", "01234"), 416, "has 11 bytes, it was allocated with 10"},
		{"longer than the body", patch("0", "bytes 0-5/*", "01234"), 400, "about 6 bytes, Content-Length says 5"},
		{"shorter than the body", patch("0", "bytes 0-3/*", "01234"), 400, "about 4 bytes, Content-Length says 5"},
		{"no Content-Length", lying(patch("0", "bytes 0-4/*", "01234"), -1), 411, "needs a Content-Length"},
		{"empty range of a share that is not empty", patch("0", "bytes */0", ""), 416, "has 0 bytes"},
		{"other share", patch("1", "bytes 0-4/*", "01234"), 404, "not being uploaded"},
		{"other upload secret", message{method: "PATCH", path: immutable + "/0", header: []string{secretHeader("upload-secret", 21), "Content-Range: bytes 0-4/*"}, body: "01234"}, 401, "another upload secret"},
		{"part", patch("0", "bytes 2-6/*", "23456"), 200, encode(t, map[string]any{"required": []map[string]int{{"begin": 0, "end": 2}, {"begin": 7, "end": 10}}})[:9]},
		{"conflict", patch("0", "bytes 4-8/10", "xxxxx"), 409, "share data differs"},
		{"abort with another secret", message{method: "PUT", path: immutable + "/0/abort", header: []string{secretHeader("upload-secret", 21)}}, 401, "another upload secret"},
		{"abort", message{method: "PUT", path: immutable + "/3/abort", header: []string{upload}}, 200, ""},
		{"abort again", message{method: "PUT", path: immutable + "/3/abort", header: []string{upload}}, 404, "not being uploaded"},
		{"write after abort", patch("3", "bytes 0-4/*", "01234"), 404, "not being uploaded"},
		{"rest", patch("0", "bytes 0-9/10", "0123456789"), 201, encode(t, map[string]any{"required": []int{}})},
		{"write when complete", patch("0", "bytes 0-4/*", "01234"), 404, "not being uploaded"},
		{"abort when complete", message{method: "PUT", path: immutable + "/0/abort", header: []string{upload}}, 405, "share is complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := *r
			r.t = t
			r.want(tc.m, tc.status, tc.sentence)
		})
	}
	if got := string(mem.Bytes(fixedIndex(t), 0)); got != "0123456789" {
		t.Errorf("got share %q, want 0123456789", got)
	}
	if mem.Open() != 0 {
		t.Errorf("got %d open writers, want none", mem.Open())
	}
}

// The same allocation with the same upload secret gives the same answer; with another secret it does not give away what
// the first is writing.
func TestAllocateAgain(t *testing.T) {
	r, _ := rawTo(t, gbs.HandlerConfig{})
	first := r.send(allocation(t, 10, 0, 3))
	if again := r.send(allocation(t, 10, 0, 3)); again.status != 200 || again.body != first.body {
		t.Errorf("got %d %q, want 200 %q", again.status, again.body, first.body)
	}
	other := allocation(t, 10, 0, 5)
	other.header[2] = secretHeader("upload-secret", 32)
	if got := r.send(other); !strings.HasSuffix(got.body, encode(t, set(5))) {
		t.Errorf("got %q, want share 5 alone", got.body)
	}
}

func TestEmptyShare(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	r.send(allocation(t, 0, 1))
	r.want(patch("1", "bytes */0", ""), 201, "")
	if got := mem.Shares(fixedIndex(t)); fmt.Sprint(got) != "[1]" {
		t.Errorf("got shares %v, want [1]", got)
	}
}

func TestReadShare(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	mem.Put(fixedIndex(t), 7, []byte("0123456789"))
	big := strings.Repeat("0123456789abcdef", 50000)
	mem.Put(fixedIndex(t), 8, []byte(big))
	for _, tc := range []struct {
		name, path, header string
		status             int
		contentRange, want string
	}{
		{"all", "/7", "", 200, "", "0123456789"},
		{"part", "/7", "bytes=2-4", 206, "bytes 2-4/*", "234"},
		{"over the end", "/7", "bytes=8-100", 206, "bytes 8-9/*", "89"},
		{"far over the end", "/7", "bytes=0-9223372036854775806", 206, "bytes 0-9/*", "0123456789"},
		{"from the end", "/7", "bytes=10-12", 204, "", ""},
		{"behind the end", "/7", "bytes=1000-1001", 204, "", ""},
		{"open end", "/7", "bytes=2-", 416, "", "both ends of the range must be given"},
		{"last bytes", "/7", "bytes=-3", 416, "", "both ends of the range must be given"},
		{"two ranges", "/7", "bytes=0-1,3-4", 416, "", "several ranges"},
		{"other unit", "/7", "lines=0-1", 416, "", "not in bytes"},
		{"ends before it begins", "/7", "bytes=3-2", 416, "", "before it begins"},
		{"nonsense", "/7", "bytes=a-b", 416, "", "both ends"},
		{"hexadecimal", "/7", "bytes=0x0-0x1", 416, "", "both ends"},
		{"sign", "/7", "bytes=+0-1", 416, "", "both ends"},
		{"absent", "/6", "bytes=0-1", 404, "", "no such share"},
		{"absent, whole", "/6", "", 404, "", "no such share"},
		{"large", "/8", "bytes=0-799999", 206, "bytes 0-799999/*", big},
		{"large, whole", "/8", "", 200, "", big},
		{"large, over the end", "/8", "bytes=16-1000000", 206, "bytes 16-799999/*", big[16:]},
		{"a chunk exactly", "/8", "bytes=0-262143", 206, "bytes 0-262143/*", big[:262144]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := message{method: "GET", path: immutable + tc.path}
			if tc.header != "" {
				m.header = []string{"Range: " + tc.header}
			}
			got := r.send(m)
			if got.status != tc.status || got.header.Get("Content-Range") != tc.contentRange {
				t.Fatalf("got status %d, Content-Range %q, want %d, %q", got.status, got.header.Get("Content-Range"), tc.status, tc.contentRange)
			}
			if tc.status < 300 && got.body != tc.want || !strings.Contains(got.body, tc.want) {
				t.Errorf("got %d bytes %.80q, want %d bytes %.80q", len(got.body), got.body, len(tc.want), tc.want)
			}
			// The original's client looks at the type before it looks at the status.
			if ct := got.header.Get("Content-Type"); tc.status != http.StatusNoContent && ct != "application/octet-stream" {
				t.Errorf("got type %q, want application/octet-stream", ct)
			}
		})
	}
}

// Exact bytes of answers, as the original's client validates them.
func TestAnswersGolden(t *testing.T) {
	r, mem := rawTo(t, gbs.HandlerConfig{})
	mem.Put(fixedIndex(t), 7, []byte("0123456789"))
	mem.Put(fixedIndex(t), 2, []byte("x"))
	slot := message{
		method: "POST", path: mutable + "/read-test-write", header: []string{renew, cancel, enabler},
		body: encode(t, map[string]any{
			"test-write-vectors": map[int]any{
				24: map[string]any{"test": []any{}, "write": []any{map[string]any{"offset": 0, "data": []byte("mutable")}}, "new-length": nil},
			},
			"read-vector": []any{map[string]int{"offset": 0, "size": 3}},
		}),
	}
	wrongEnabler := slot
	wrongEnabler.header = []string{renew, cancel, "X-Tahoe-Authorization: write-enabler " + strings.Replace(b64(32), "c", "d", 1)}
	for _, tc := range []struct {
		name   string
		m      message
		status int
		want   string
	}{
		{"version", message{method: "GET", path: "/storage/v1/version"}, 200, "\xa2" +
			"\x58\x2fhttp://allmydata.org/tahoe/protocols/storage/v1\xa3" +
			"\x58\x1cmaximum-immutable-share-size\x1b\x7f\xff\xff\xff\xff\xff\xff\xff" +
			"\x58\x1amaximum-mutable-share-size\x1a"},
		{"list", message{method: "GET", path: immutable + "/shares"}, 200, "\xd9\x01\x02\x82\x02\x07"},
		{"list of nothing", message{method: "GET", path: mutable + "/shares"}, 200, "\xd9\x01\x02\x80"},
		{"allocate", allocation(t, 1, 1, 2), 200, "\xa2\x6calready-have\xd9\x01\x02\x82\x02\x07\x69allocated\xd9\x01\x02\x81\x01"},
		{"slot made", slot, 200, "\xa2\x67success\xf5\x64data\xa0"},
		{"slot changed", slot, 200, "\xa2\x67success\xf5\x64data\xa1\x18\x18\x81\x43mut"},
		{"wrong write enabler", wrongEnabler, 401, ""},
		{"list of the slot", message{method: "GET", path: mutable + "/shares"}, 200, "\xd9\x01\x02\x81\x18\x18"},
		{"read the slot", message{method: "GET", path: mutable + "/24", header: []string{"Range: bytes=3-100"}}, 206, "able"},
		{"read no slot", message{method: "GET", path: mutable + "/23", header: []string{"Range: bytes=3-100"}}, 404, ""},
		{"read behind the slot", message{method: "GET", path: mutable + "/24", header: []string{"Range: bytes=7-100"}}, 204, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := r.send(tc.m)
			if tc.name == "version" { // its numbers are the server's
				got.body = got.body[:min(len(got.body), strings.Index(got.body, "maximum-mutable-share-size")+26)] + "\x1a"
			}
			if got.status != tc.status || got.status < 300 && got.body != tc.want {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, tc.status, tc.want)
			}
		})
	}
}
