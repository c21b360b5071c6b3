package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// memory is a store that costs nothing: what is measured is the web port.
type memory struct {
	web.Store
	segment []byte
	size    int64
	cap     caps.CHK
}

func (m *memory) Put(_ context.Context, src io.Reader, _ lafs.PutOptions) (res lafs.PutResult, err error) {
	buf := m.segment
	for {
		if _, err := src.Read(buf); err == io.EOF {
			res.Cap = m.cap
			return res, nil
		} else if err != nil {
			return res, err
		}
	}
}

func (m *memory) OpenChild(lafs.Child) (lafs.Node, error) { return m, nil }
func (m *memory) Cap() caps.Cap                           { return m.cap }
func (m *memory) Size() int64                             { return m.size }

func (m *memory) Read(_ context.Context, _, n int64, w io.Writer) error {
	for n > 0 {
		k, err := w.Write(m.segment[:min(n, int64(len(m.segment)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

func newMemory(b *testing.B, size int64) *memory {
	return &memory{segment: make([]byte, 1<<20), size: size, cap: testCap(b, size)}
}

// The handler alone, without a connection.
func BenchmarkHandler(b *testing.B) {
	m := newMemory(b, 1024)
	s := web.New(m, gridOf{}, web.Config{})
	body := make([]byte, 1024)
	for _, method := range []string{"GET", "PUT"} {
		b.Run(method+"/1KiB", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(method, "/uri", bytes.NewReader(body))
				if req.Host = "localhost"; method == "GET" {
					req.URL.Path = "/uri/" + m.cap.Encode()
				}
				rec := httptest.NewRecorder()
				if s.ServeHTTP(rec, req); rec.Code != http.StatusOK {
					b.Fatal(rec.Body)
				}
			}
		})
	}
}

// Server and client over loopback.
func BenchmarkWire(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"1KiB", 1 << 10}, {"100MiB", 100 << 20}} {
		m, ln := newMemory(b, size.bytes), listen(b)
		stop := serving(b, web.New(m, gridOf{}, web.Config{}), ln)
		c := clientOf(b, ln)
		b.Run("GET/"+size.name, func(b *testing.B) {
			b.SetBytes(size.bytes)
			b.ReportAllocs()
			buf := make([]byte, 256<<10)
			for b.Loop() {
				body, err := c.Get(b.Context(), m.cap.Encode(), wapi.Range{})
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{body}, buf)
				if body.Close(); err != nil || n != size.bytes {
					b.Fatal(n, err)
				}
			}
		})
		b.Run("PUT/"+size.name, func(b *testing.B) {
			b.SetBytes(size.bytes)
			b.ReportAllocs()
			data := make([]byte, size.bytes)
			for b.Loop() {
				if _, _, err := c.Put(b.Context(), bytes.NewReader(data), size.bytes, wapi.PutOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := stop(); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkLongListing opens directories of 10,000 entries, as a page and as JSON.
func BenchmarkLongListing(b *testing.B) {
	w := newWorld(b)
	children := map[string]any{}
	for i := range 10_000 {
		c := testCap(b, int64(1000+i))
		children[fmt.Sprintf("a file of some length %d.txt", i)] = []any{"filenode", map[string]string{"ro_uri": c.Encode()}}
	}
	body, err := json.Marshal(children)
	if err != nil {
		b.Fatal(err)
	}
	dir := "/uri/" + url.PathEscape(readAll(b, w.do(b, "POST", "/uri?t=mkdir-with-children", bytes.NewReader(body))))
	for name, target := range map[string]string{"page": dir + "/", "json": dir + "?t=json"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n := len(readAll(b, w.do(b, "GET", target, nil))); n < 1_000_000 {
					b.Fatalf("got %d bytes", n)
				}
			}
		})
	}
}
