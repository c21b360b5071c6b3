package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web"
	"tahoe/frontends/web/uploads"
	"tahoe/frontends/web/wapi"
)

// A tlsRig is a rig behind HTTPS, whose client speaks HTTP/2 and has one connection.
type tlsRig struct {
	*rig
	t      *testing.T
	base   string
	client *http.Client
	stop   func() error
}

func newTLSRig(t *testing.T) *tlsRig {
	t.Helper()
	lender := httptest.NewUnstartedServer(http.NotFoundHandler()) // of a certificate
	lender.StartTLS()
	lender.Close()
	s, err := uploads.Open(t.TempDir(), uploads.Config{Secret: []byte("a secret"), Limit: 1 << 20, Keep: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := newRig(t, func(c *web.Config) { c.Clock, c.Uploads = nil, s })
	ln := tls.NewListener(listen(t), &tls.Config{NextProtos: []string{"h2", "http/1.1"}, Certificates: lender.TLS.Certificates})
	stop := serving(t, r.Server, ln)
	pool := x509.NewCertPool()
	pool.AddCert(lender.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, MaxConnsPerHost: 1}
	t.Cleanup(tr.CloseIdleConnections)
	return &tlsRig{r, t, "https://" + ln.Addr().String(), &http.Client{Transport: tr}, stop}
}

func (r *tlsRig) send(ctx context.Context, method, target string, body io.Reader, headers ...string) (*http.Response, error) {
	r.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = r.base + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for k := 0; k < len(headers); k += 2 {
		req.Header.Set(headers[k], headers[k+1])
	}
	resp, err := r.client.Do(req)
	if err == nil && resp.ProtoMajor != 2 {
		r.t.Fatalf("got %s, want HTTP/2", resp.Proto)
	}
	return resp, err
}

func (r *tlsRig) ask(method, target, body string, status int, headers ...string) (*http.Response, string) {
	r.t.Helper()
	resp, err := r.send(r.t.Context(), method, target, strings.NewReader(body), headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text := readAll(r.t, resp)
	if resp.StatusCode != status {
		r.t.Fatalf("%s: got %d %q, want %d", method, resp.StatusCode, text, status)
	}
	return resp, text
}

// Over HTTP/2 several listeners and an upload share a connection, and events end when the node stops.
func TestEventsOverHTTP2(t *testing.T) {
	r := newTLSRig(t)
	var all []*listener
	for range 3 {
		resp, err := r.send(t.Context(), http.MethodGet, "/status?t=events", nil)
		if err != nil {
			t.Fatal(err)
		}
		checkHeaders(t, resp.Header, map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
		all = append(all, &listener{t: t, in: bufio.NewReader(resp.Body), resp: resp})
	}
	r.ask(http.MethodPut, "/uri", "hello", http.StatusOK)
	for _, l := range all {
		var st wapi.Status
		for len(st.Recent) == 0 {
			if _, more := l.next(&st); !more {
				t.Fatal("the events end before the upload is told")
			}
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	for _, l := range all {
		for more := true; more; {
			_, more = l.next(new(wapi.Status))
		}
		_ = l.resp.Body.Close()
	}
}

// A request that ends in the middle of its bytes leaves the connection to others, and what it brought is there to go on from.
func TestInterruptedUploadOverHTTP2(t *testing.T) {
	r := newTLSRig(t)
	file := strings.Repeat("0123456789", 40_000)
	tus := []string{"Tus-Resumable", "1.0.0"}
	resp, _ := r.ask(http.MethodPost, "/uploads", "", http.StatusCreated, append(tus, "Upload-Length", strconv.Itoa(len(file)))...)
	at := resp.Header.Get("Location")
	piece := func(offset string) []string { return append(tus, "Upload-Offset", offset, "Content-Type", octets) }

	ctx, cancel := context.WithCancel(t.Context())
	body, bytes := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		resp, err := r.send(ctx, http.MethodPatch, at, body, piece("0")...)
		if err == nil {
			_ = resp.Body.Close()
		}
		ended <- err
	}()
	if _, err := io.WriteString(bytes, file[:len(file)-1]); err != nil {
		t.Fatal(err)
	}
	for u := (wapi.Upload{}); u.Received == 0; {
		_, text := r.ask(http.MethodGet, at, "", http.StatusOK)
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("the request was answered, and should have been broken off")
	}
	_ = bytes.Close()

	for status := http.StatusConflict; status == http.StatusConflict; { // as long as the broken request still brings some of its bytes
		resp, _ = r.ask(http.MethodHead, at, "", http.StatusOK, tus...)
		offset, err := strconv.Atoi(resp.Header.Get("Upload-Offset"))
		if err != nil || offset == 0 || offset == len(file) {
			t.Fatalf("got %v", resp.Header)
		}
		if resp, err = r.send(t.Context(), http.MethodPatch, at, strings.NewReader(file[offset:]), piece(strconv.Itoa(offset))...); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		status = resp.StatusCode
	}
	if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Tahoe-Upload-State") != wapi.UploadStored {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	if string(r.shelf.got) != file {
		t.Errorf("stored %d bytes, others than were sent", len(r.shelf.got))
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
