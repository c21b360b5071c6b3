package web_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/lafs"
)

// A mutable file that is too large to be sent from memory is sent as it comes, whole and in parts.
func TestLargeMutableFile(t *testing.T) {
	w := newWorld(t)
	data := make([]byte, 600<<10)
	rand.Read(data)
	w.caps["M"] = readAll(t, w.do(t, "PUT", "/uri?format=mdmf", bytes.NewReader(data)))
	resp := w.do(t, "GET", "/uri/"+w.caps["M"], nil)
	if got := readAll(t, resp); got != string(data) || resp.ContentLength != int64(len(data)) && resp.Header.Get("Content-Length") != "614400" {
		t.Errorf("got %d bytes, %v", len(got), resp.Header)
	}
	resp = w.do(t, "GET", "/uri/"+w.caps["M"], nil, "Range", "bytes=300000-300009")
	if got := readAll(t, resp); resp.StatusCode != http.StatusPartialContent || got != string(data[300000:300010]) {
		t.Errorf("range: got %d, %d bytes", resp.StatusCode, len(got))
	}
	resp = w.do(t, "PUT", "/uri/"+w.caps["M"]+"?offset=400000", strings.NewReader("changed"))
	copy(data[400000:], "changed")
	if got := readAll(t, w.do(t, "GET", "/uri/"+w.caps["M"], nil)); resp.StatusCode != 200 || got != string(data) {
		t.Errorf("after a change in the middle: got %d, other bytes", resp.StatusCode)
	}
}

// A reader never takes a part of a newer version for the end of the one that it was promised.
func TestOverwrittenWhileRead(t *testing.T) {
	c := newClient(t)
	f, err := c.PutMutable(t.Context(), strings.NewReader(long), -1, lafs.MutableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old, err := f.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := web.ReadVersion(t.Context(), f, old, &out); err != nil || out.String() != long {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if _, err := f.Overwrite(t.Context(), strings.NewReader(long+long), -1); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := web.ReadVersion(t.Context(), f, old, &out); err == nil || out.Len() == len(long) {
		t.Errorf("got %d bytes, %v; want an error before the end", out.Len(), err)
	}
}

func TestPrivateKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.URLEncoding.EncodeToString
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	w := newWorld(t)
	w.run(t, []step{
		{request: "PUT /uri?format=sdmf&private-key=" + encode(pkcs8), body: "x", save: "S"},
		{request: "PUT /uri?format=sdmf&private-key=" + encode(pkcs8), body: "x", status: 500, want: "~UncoordinatedWriteError", header: "Tahoe-Error: uncoordinated-write"},
		{request: "PUT /uri?format=sdmf&private-key=" + encode(x509.MarshalPKCS1PrivateKey(small)), status: 400, want: "~1024 bits"},
		{request: "PUT /uri?format=sdmf&private-key=%21", status: 400, want: "~base64"},
		{request: "PUT /uri?format=sdmf&private-key=" + encode([]byte("x")), status: 400, want: "private-key= is not an RSA key"},
	})
	other := newWorld(t)
	other.run(t, []step{
		{request: "POST /uri?t=mkdir&private-key=" + encode(x509.MarshalPKCS1PrivateKey(key)), save: "D"},
	})
	k, err := caps.Parse(other.caps["D"])
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := k.(caps.DirectoryWrite); !ok || d.Inner().Encode() != w.caps["S"] {
		t.Errorf("a file and a directory of one key have different capabilities")
	}
}
