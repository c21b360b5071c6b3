package gbs_test

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// A raw client sends what the tests tell it, which a gbs.Client never would.
type raw struct {
	t    testing.TB
	node *node
	http *http.Client
}

func newRaw(t testing.TB, n *node) *raw {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &raw{t, n, &http.Client{Transport: tr, Timeout: 10 * time.Second}}
}

// rawTo is a raw client of a server in memory.
func rawTo(t testing.TB, c gbs.HandlerConfig) (*raw, *storagetest.Mem) {
	t.Helper()
	mem := storagetest.NewMem(storagetest.Config{})
	return newRaw(t, serve(t, gbs.NewHandler(mem, swissnum(t), c), gbs.ServerConfig{})), mem
}

// message is what the tests send: header lines are "Name: value".
type message struct {
	method, path string
	header       []string
	body         string
	stream       io.Reader // instead of body
	length       int64     // what Content-Length says; 0 is the truth, -1 sends the body in pieces
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (r *raw) send(m message) answer {
	r.t.Helper()
	got, err := r.try(m)
	if err != nil {
		r.t.Fatalf("%s %s: %v", m.method, m.path, err)
	}
	return got
}

func (r *raw) try(m message) (answer, error) {
	if m.stream == nil {
		m.stream = strings.NewReader(m.body)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), m.method, "https://"+r.node.addr+m.path, io.NopCloser(m.stream))
	if err != nil {
		return answer{}, err
	}
	req.ContentLength = int64(len(m.body))
	if m.length != 0 {
		req.ContentLength = m.length
	}
	if req.ContentLength == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Authorization", "Tahoe-LAFS "+base64.StdEncoding.EncodeToString([]byte(swissText)))
	for _, h := range m.header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Authorization" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func (r *raw) want(m message, status int, sentence string) {
	r.t.Helper()
	got := r.send(m)
	if got.status != status || !strings.Contains(got.body, sentence) {
		r.t.Errorf("got status %d, %q; want %d and %q", got.status, got.body, status, sentence)
	}
	if strings.Contains(got.body, swissText) || strings.Contains(got.body, b64(32)) {
		r.t.Errorf("got %q, which holds a secret", got.body)
	}
}

// b64 is a secret of n bytes as headers hold it.
func b64(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", n))) }

func secretHeader(kind string, n int) string { return "X-Tahoe-Authorization: " + kind + " " + b64(n) }

var (
	renew   = secretHeader("lease-renew-secret", 32)
	cancel  = secretHeader("lease-cancel-secret", 32)
	upload  = secretHeader("upload-secret", 20)
	enabler = secretHeader("write-enabler", 32)
)

const (
	indexText = "aeaqcaibaeaqcaibaeaqcaibae"
	immutable = "/storage/v1/immutable/" + indexText
	mutable   = "/storage/v1/mutable/" + indexText
)

// encode is CBOR as another implementation writes it.
func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func set(shares ...int) cbor.Tag {
	if shares == nil {
		shares = []int{}
	}
	return cbor.Tag{Number: 258, Content: shares}
}

func allocation(t testing.TB, size int, shares ...int) message {
	t.Helper()
	return message{
		method: "POST", path: immutable, header: []string{renew, cancel, upload},
		body: encode(t, map[string]any{"share-numbers": set(shares...), "allocated-size": size}),
	}
}

func patch(share, contentRange, body string, more ...string) message {
	return message{method: "PATCH", path: immutable + "/" + share, header: append([]string{upload, "Content-Range: " + contentRange}, more...), body: body}
}

func fixedIndex(t testing.TB) storage.Index {
	t.Helper()
	i, err := storage.ParseIndex(indexText)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
