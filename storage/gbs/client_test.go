package gbs_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/internal/nurl"
	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

func secret(c byte) storage.Secret {
	return storage.NewSecret([32]byte(bytes.Repeat([]byte{c}, 32)))
}

var leaseSecrets = storage.LeaseSecrets{Renew: secret('r'), Cancel: secret('c')}

// scripted answers every request with the same answer, and remembers the request.
type scripted struct {
	status int
	header []string
	body   string

	got     *http.Request
	gotBody string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.got, s.gotBody = r, string(b)
	for _, h := range s.header {
		name, value, _ := strings.Cut(h, ": ")
		w.Header().Set(name, value)
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

const asCBOR = "Content-Type: application/cbor"

// What the client sends, byte by byte.
func TestRequestsGolden(t *testing.T) {
	i := fixedIndex(t)
	length := int64(5)
	secretLine := func(kind string, c string) string {
		return "X-Tahoe-Authorization: " + kind + " " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32)))
	}
	leaseLines := secretLine("lease-renew-secret", "r") + "\n" + secretLine("lease-cancel-secret", "c") + "\n"
	const upload = "X-Tahoe-Authorization: upload-secret (secret)\n"
	for _, tc := range []struct {
		name   string
		answer scripted
		call   func(c *gbs.Client) error
		want   string // the request line, the headers that are not the same for all, the body
	}{
		{
			"version", scripted{500, nil, "", nil, ""},
			func(c *gbs.Client) error { _, err := c.Version(t.Context()); return err },
			"GET /storage/v1/version\n\n",
		},
		{
			"lease", scripted{204, nil, "", nil, ""},
			func(c *gbs.Client) error { return c.AddLease(t.Context(), i, leaseSecrets) },
			"PUT /storage/v1/lease/" + indexText + "\n" + leaseLines + "\n",
		},
		{
			"allocate", scripted{200, []string{asCBOR}, "\xa2\x6calready-have\xd9\x01\x02\x80\x69allocated\xd9\x01\x02\x80", nil, ""},
			func(c *gbs.Client) error {
				_, err := c.Allocate(t.Context(), i, storage.Allocation{Shares: []storage.ShareNum{9, 1, 200}, Size: 1000, Lease: leaseSecrets})
				return err
			},
			"POST " + immutable + "\nContent-Type: application/cbor\n" + leaseLines + upload +
				"\n\xa2\x6dshare-numbers\xd9\x01\x02\x83\x01\x09\x18\xc8\x6eallocated-size\x19\x03\xe8",
		},
		{
			"list", scripted{200, []string{asCBOR}, "\xd9\x01\x02\x81\x01", nil, ""},
			func(c *gbs.Client) error { _, err := c.Buckets(t.Context(), i); return err },
			"GET " + immutable + "/shares\n\n",
		},
		{
			"corrupt", scripted{200, nil, "", nil, ""},
			func(c *gbs.Client) error {
				return c.AdviseCorrupt(t.Context(), storage.Corruption{Kind: storage.KindMutable, Index: i, Share: 3, Reason: "bad"})
			},
			"POST " + mutable + "/3/corrupt\nContent-Type: application/cbor\n\n\xa1\x66reason\x63bad",
		},
		{
			"slot", scripted{200, []string{asCBOR}, "\xd9\x01\x02\x80", nil, ""},
			func(c *gbs.Client) error { _, err := c.Slot(t.Context(), i); return err },
			"GET " + mutable + "/shares\n\n",
		},
		{
			"read slot", scripted{206, []string{"Content-Range: bytes 5-7/*"}, "abc", nil, ""},
			func(c *gbs.Client) error {
				_, err := c.ReadSlot(t.Context(), i, []storage.ShareNum{4}, []storage.Span{{Offset: 5, Size: 3}})
				return err
			},
			"GET " + mutable + "/4\nRange: bytes=5-7\n\n",
		},
		{
			"test and write", scripted{200, []string{asCBOR}, "\xa2\x67success\xf5\x64data\xa1\x00\x81\x42ab", nil, ""},
			func(c *gbs.Client) error {
				got, err := c.TestAndWrite(t.Context(), i, storage.SlotWrite{
					WriteEnabler: secret('w'), Lease: leaseSecrets,
					Shares: map[storage.ShareNum]storage.ShareWrite{
						7: {NewLength: &length},
						2: {
							Tests:  []storage.Test{{Offset: 0, Size: 1, Specimen: []byte("s")}},
							Writes: []storage.Write{{Offset: 300, Data: bytes.NewReader([]byte("data"))}},
						},
					},
					Reads: []storage.Span{{Offset: 1, Size: 2}},
				})
				if err == nil && (!got.Wrote || string(got.Data[0][0]) != "ab") {
					return fmt.Errorf("got %v", got)
				}
				return err
			},
			"POST " + mutable + "/read-test-write\nContent-Type: application/cbor\n" + leaseLines + secretLine("write-enabler", "w") + "\n" +
				"\n\xa2\x72test-write-vectors\xa2" +
				"\x02\xa3\x64test\x81\xa3\x66offset\x00\x64size\x01\x68specimen\x41s\x65write\x81\xa2\x66offset\x19\x01\x2c\x64data\x44data\x6anew-length\xf6" +
				"\x07\xa3\x64test\x80\x65write\x80\x6anew-length\x05" +
				"\x6bread-vector\x81\xa2\x66offset\x01\x64size\x02",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.answer
			c := connect(t, serve(t, &s, gbs.ServerConfig{}), gbs.ClientConfig{})
			if err := tc.call(c); err != nil && s.status != 500 {
				t.Fatalf("got error %v, want none", err)
			}
			if got := rendered(t, s.got) + s.gotBody; got != tc.want {
				t.Errorf("got\n%q, want\n%q", got, tc.want)
			}
		})
	}
}

// rendered is the request without its body and without what all requests have, which it checks.
func rendered(t *testing.T, r *http.Request) string {
	t.Helper()
	for name, want := range map[string]string{
		"Authorization": "Tahoe-LAFS " + base64.StdEncoding.EncodeToString([]byte(swissText)),
		"Accept":        "application/cbor",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if len(r.TransferEncoding) > 0 || r.Proto != "HTTP/1.1" {
		t.Errorf("got encoding %v of %s, want none of HTTP/1.1", r.TransferEncoding, r.Proto)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range r.Header {
			if !slices.Contains([]string{"Authorization", "Accept", "Content-Length"}, name) && !yield(name) {
				return
			}
		}
	}) {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	b.WriteString("\n")
	return regexp.MustCompile(`upload-secret [A-Za-z0-9+/]{27}=`).ReplaceAllString(b.String(), "upload-secret (secret)")
}

// Answers that a server of the protocol does not give.
func TestBadAnswers(t *testing.T) {
	i := fixedIndex(t)
	version := func(c *gbs.Client) error { _, err := c.Version(t.Context()); return err }
	allocate := func(c *gbs.Client) error {
		_, err := c.Allocate(t.Context(), i, storage.Allocation{Shares: []storage.ShareNum{1}, Size: 1})
		return err
	}
	list := func(c *gbs.Client) error { _, err := c.Buckets(t.Context(), i); return err }
	read := func(c *gbs.Client) error {
		_, err := c.ReadSlot(t.Context(), i, []storage.ShareNum{4}, []storage.Span{{Offset: 5, Size: 3}})
		return err
	}
	change := func(c *gbs.Client) error {
		_, err := c.TestAndWrite(t.Context(), i, storage.SlotWrite{Reads: []storage.Span{{Offset: 0, Size: 2}}})
		return err
	}
	for _, tc := range []struct {
		name   string
		answer scripted
		call   func(c *gbs.Client) error
		want   string
	}{
		{"HTML", scripted{200, []string{"Content-Type: text/html"}, "<html>", nil, ""}, version, `Content-Type is "text/html"`},
		{"not CBOR", scripted{200, []string{asCBOR}, "\xff", nil, ""}, version, "answer not understood"},
		{"text keys", scripted{200, []string{asCBOR}, "\xa1\x61x\x01", nil, ""}, version, "answer not understood: a key of the answer is a text"},
		{"room for another share", scripted{200, []string{asCBOR}, "\xa2\x6calready-have\xd9\x01\x02\x80\x69allocated\xd9\x01\x02\x81\x02", nil, ""}, allocate, "room for share 2, which was not asked for"},
		{"too long", scripted{200, []string{asCBOR}, strings.Repeat("x", 1<<16+1), nil, ""}, list, "more than 65536"},
		{"redirect", scripted{302, []string{"Location: https://127.0.0.1:1/"}, "", nil, ""}, list, "status 302"},
		{"teapot", scripted{418, nil, "<b>I am a teapot</b>", nil, ""}, list, "status 418"},
		{"no Content-Range", scripted{206, nil, "abc", nil, ""}, read, "no Content-Range"},
		{"other range", scripted{206, []string{"Content-Range: bytes 6-8/*"}, "abc", nil, ""}, read, "3 bytes at 6, asked for 3 at 5"},
		{"longer range", scripted{206, []string{"Content-Range: bytes 5-8/*"}, "abcd", nil, ""}, read, "4 bytes at 5, asked for 3 at 5"},
		{"other length", scripted{206, []string{"Content-Range: bytes 5-7/*"}, "ab", nil, ""}, read, "Content-Length says 2"},
		{"whole share", scripted{200, nil, "abc", nil, ""}, read, "status 200"},
		{"long value", scripted{200, []string{asCBOR}, "\xa2\x67success\xf5\x64data\xa1\x00\x81\x43abc", nil, ""}, change, "more than 2"},
		{"too few values", scripted{200, []string{asCBOR}, "\xa2\x67success\xf5\x64data\xa1\x00\x80", nil, ""}, change, "0 values, not 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.answer
			n := serve(t, &s, gbs.ServerConfig{})
			err := tc.call(connect(t, n, gbs.ClientConfig{}))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
			if !strings.Contains(err.Error(), n.addr) {
				t.Errorf("got %v, want it to name the server %s", err, n.addr)
			}
			for _, sentinel := range []error{storage.ErrMalformed, storage.ErrRange, storage.ErrNotFound} {
				if errors.Is(err, sentinel) {
					t.Errorf("got %v, which is %v, want neither: the request was good", err, sentinel)
				}
			}
		})
	}
}

// refusing is a server that fails in one way.
type refusing struct {
	storage.Server
	err error
}

func (r refusing) AddLease(context.Context, storage.Index, storage.LeaseSecrets) error {
	return fmt.Errorf("adding lease: %w", r.err)
}

func TestErrorsCrossTheWire(t *testing.T) {
	all := []error{
		storage.ErrNotFound, storage.ErrConflict, storage.ErrBadSecret, storage.ErrNoSpace, storage.ErrReadOnly,
		storage.ErrRange, storage.ErrTooLarge, storage.ErrMalformed, storage.ErrIncomplete,
	}
	for _, want := range all {
		t.Run(want.Error(), func(t *testing.T) {
			err := overTLS(t, refusing{err: want}, gbs.HandlerConfig{}).AddLease(t.Context(), storage.Index{}, leaseSecrets)
			for _, other := range all {
				if got := errors.Is(err, other); got != (other == want) {
					t.Errorf("got %v, which is %q: %v", err, other, got)
				}
			}
			if !strings.Contains(err.Error(), "adding a lease to aaaaa at server 127.0.0.1:") {
				t.Errorf("got %v, want it to say what was done where", err)
			}
		})
	}
	err := overTLS(t, refusing{err: errors.New("disk on fire in /secret/place")}, gbs.HandlerConfig{}).AddLease(t.Context(), storage.Index{}, leaseSecrets)
	if refused, ok := errors.AsType[*gbs.ServerError](err); !ok || refused.Status != 500 || strings.Contains(err.Error(), "fire") {
		t.Errorf("got %v, want status 500 without the server's inner error", err)
	}
	full := fmt.Errorf("%w: %w", storage.ErrNoSpace, &fs.PathError{Op: "write", Path: "/secret/place", Err: errors.New("disk full")})
	err = overTLS(t, refusing{err: full}, gbs.HandlerConfig{}).AddLease(t.Context(), storage.Index{}, leaseSecrets)
	if !errors.Is(err, storage.ErrNoSpace) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want %v without the names of files", err, storage.ErrNoSpace)
	}
}

// The statuses of a server that gives no hints, as the original does.
func TestErrorsWithoutHint(t *testing.T) {
	for status, want := range map[int]error{
		400: storage.ErrMalformed, 401: storage.ErrBadSecret, 404: storage.ErrNotFound, 409: storage.ErrConflict,
		413: storage.ErrTooLarge, 416: storage.ErrRange, 507: storage.ErrNoSpace,
	} {
		c := connect(t, serve(t, &scripted{status: status}, gbs.ServerConfig{}), gbs.ClientConfig{})
		if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); !errors.Is(err, want) {
			t.Errorf("status %d: got %v, want %v", status, err, want)
		}
	}
}

func TestWrongServer(t *testing.T) {
	s := &scripted{status: 204}
	n, other := serve(t, s, gbs.ServerConfig{}), serve(t, s, gbs.ServerConfig{})
	wrong, err := nurl.New(other.nurl.SPKI(), n.nurl.Addrs(), n.nurl.Swissnum(), false)
	if err != nil {
		t.Fatal(err)
	}
	err = connect(t, &node{nurl: wrong}, gbs.ClientConfig{}).AddLease(t.Context(), storage.Index{}, leaseSecrets)
	if err == nil || !strings.Contains(err.Error(), "not the one that its NURL names") || strings.Contains(err.Error(), swissText) {
		t.Errorf("got %v, want that the key is another", err)
	}
	if s.got != nil {
		t.Errorf("got a request, want none to a server with another key")
	}
}

func TestSecondAddress(t *testing.T) {
	n := serve(t, &scripted{status: 204}, gbs.ServerConfig{})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	both, err := nurl.New(n.nurl.SPKI(), []string{closed.Addr().String(), n.addr}, n.nurl.Swissnum(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(t, &node{nurl: both}, gbs.ClientConfig{}).AddLease(t.Context(), storage.Index{}, leaseSecrets); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestTorNeedsDialer(t *testing.T) {
	spki := nurl.SPKI{}
	n, err := nurl.New(spki, []string{"a.onion:1"}, swissnum(t), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gbs.NewClient(n, gbs.ClientConfig{}); err == nil {
		t.Errorf("got no error, want that Tor is not set up")
	}
}

// A share of several requests' size, and one that a reader breaks.
func TestWriterStreams(t *testing.T) {
	mem := storagetest.NewMem(storagetest.Config{})
	var mu sync.Mutex
	var patches []string
	h := gbs.NewHandler(mem, swissnum(t), gbs.HandlerConfig{})
	n := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			mu.Lock()
			patches = append(patches, r.Header.Get("Content-Range"))
			mu.Unlock()
		}
		h.ServeHTTP(w, r)
	}), gbs.ServerConfig{})
	c := connect(t, n, gbs.ClientConfig{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 65<<16) // 65 MiB
	size := int64(len(data))
	a, err := c.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken reader")
	_, err = a.Writers[0].Write(t.Context(), storage.Span{Size: size}, io.MultiReader(bytes.NewReader(data[:1<<20]), failing{broken}))
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the reader's error", err)
	}
	seen := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		return len(patches)
	}
	for end := time.Now().Add(5 * time.Second); seen() == 0 && time.Now().Before(end); { // the server may hear of it late
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	patches = nil
	mu.Unlock()
	missing, err := a.Writers[0].Write(t.Context(), storage.Span{Size: size}, bytes.NewReader(data))
	if err != nil || len(missing) != 0 {
		t.Fatalf("got %v, %v, want a complete share", missing, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := fmt.Sprint(patches), "[bytes 0-67108863/* bytes 67108864-68157439/*]"; got != want {
		t.Errorf("got requests %v, want %v", got, want)
	}
	if !bytes.Equal(mem.Bytes(storage.Index{}, 0), data) {
		t.Error("the share differs from what was written")
	}
	if _, err := a.Writers[0].Write(t.Context(), storage.Span{Offset: 5, Size: 10}, bytes.NewReader(data[5:15])); err != nil {
		t.Errorf("the same bytes once more: got %v, want no error", err)
	}
	if _, err := a.Writers[0].Write(t.Context(), storage.Span{Offset: 5, Size: 10}, bytes.NewReader(data[6:16])); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("other bytes: got %v, want ErrConflict", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A write is refused while its body is on its way: the sentence arrives, and the reader is left alone afterwards.
func TestEarlyRefusal(t *testing.T) {
	c := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/cbor")
			_, _ = io.WriteString(w, "\xa2\x6calready-have\xd9\x01\x02\x80\x69allocated\xd9\x01\x02\x81\x00")
			return
		}
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		w.WriteHeader(http.StatusConflict)
	}), gbs.ServerConfig{}), gbs.ClientConfig{})
	const size = 32 << 20
	a, err := c.Allocate(t.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	r := &counting{}
	_, err = a.Writers[0].Write(t.Context(), storage.Span{Size: size}, r)
	if !errors.Is(err, storage.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	before := r.n // racy, and found by the race detector, if the transport still reads
	time.Sleep(20 * time.Millisecond)
	if r.n != before {
		t.Errorf("the body was read on after Write returned: %d bytes", r.n-before)
	}
}

type counting struct{ n int }

func (c *counting) Read(b []byte) (int, error) {
	c.n += len(b)
	return len(b), nil
}

func TestClosedClient(t *testing.T) {
	c := connect(t, serve(t, &scripted{status: 204}, gbs.ServerConfig{}), gbs.ClientConfig{})
	if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := c.AddLease(t.Context(), storage.Index{}, leaseSecrets); err == nil || !strings.Contains(err.Error(), "client is closed") {
		t.Errorf("got %v, want that the client is closed", err)
	}
}

func TestReasonIsCut(t *testing.T) {
	var s scripted
	s.status = 200
	c := connect(t, serve(t, &s, gbs.ServerConfig{}), gbs.ClientConfig{})
	for _, tc := range []struct{ name, reason, end string }{
		{"long", strings.Repeat("é", 16382), "é"},
		{"not UTF-8", "a\xff", "a\ufffd"},
		{"empty", "", "unspecified"},
	} {
		if err := c.AdviseCorrupt(t.Context(), storage.Corruption{Reason: tc.reason}); err != nil {
			t.Errorf("%s: got %v, want no error", tc.name, err)
		}
		if len(s.gotBody) > 32768 || !strings.HasSuffix(s.gotBody, tc.end) {
			t.Errorf("%s: got %d bytes that end with %q, want at most 32768 and %q", tc.name, len(s.gotBody), s.gotBody[max(0, len(s.gotBody)-12):], tc.end)
		}
	}
}
