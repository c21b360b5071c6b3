package bench_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tahoe/caps"
	"tahoe/tests/gridtest"
)

// A gateway is the web port of a grid's client.
type gateway struct {
	tb  testing.TB
	url string
	c   http.Client
}

func newGateway(tb testing.TB, g *gridtest.Grid) *gateway {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	tb.Cleanup(transport.CloseIdleConnections)
	return &gateway{tb: tb, url: g.URL(), c: http.Client{Transport: transport}}
}

// do sends a request and returns what it is answered, without the space around it.
func (w *gateway) do(method, path string, body []byte) string {
	w.tb.Helper()
	req, err := http.NewRequest(method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	resp, err := w.c.Do(req)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		w.tb.Fatalf("%s: %d %s %v", method, resp.StatusCode, text, err)
	}
	return strings.TrimSpace(string(text))
}

func (w *gateway) mkdir() string { return w.do("PUT", "uri?t=mkdir", nil) }

// fill puts n files into a new directory, with one request for each thousand.
func (w *gateway) fill(n int) string {
	w.tb.Helper()
	dir := w.mkdir()
	for from := 0; from < n; from += 1000 {
		children := map[string]any{}
		for i := from; i < min(n, from+1000); i++ {
			children[fmt.Sprintf("child-%06d.txt", i)] = []any{"filenode", map[string]any{"ro_uri": somewhere(w.tb)}}
		}
		body, err := json.Marshal(children)
		if err != nil {
			w.tb.Fatal(err)
		}
		w.do("POST", "uri/"+dir+"?t=set_children", body)
	}
	return dir
}

// somewhere is the capability of a file that nobody has stored.
func somewhere(tb testing.TB) string {
	p := caps.CHKParams{Needed: 3, Total: 10, Size: 1000}
	_, _ = rand.Read(p.Key[:])
	_, _ = rand.Read(p.UEBHash[:])
	c, err := caps.NewCHK(p)
	if err != nil {
		tb.Fatal(err)
	}
	return c.Encode()
}

// small is the content of the n-th of many small files that all differ.
func small(n int64) []byte { return fmt.Appendf(nil, "small file %d %s", n, strings.Repeat(".", 100)) }

// Ten storage processes and a client process over TLS: mutable files and directories by the web API.
func BenchmarkMutable(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	w := newGateway(b, g)
	b.Run("mkdir", func(b *testing.B) {
		w.mkdir()
		for b.Loop() {
			w.mkdir()
		}
	})
	for _, c := range []struct {
		name, format string
		size         int
	}{{"sdmf-10KiB", "SDMF", 10 << 10}, {"mdmf-1MiB", "MDMF", 1 << 20}} {
		data := make([]byte, c.size)
		cap := w.do("PUT", "uri?format="+c.format, data)
		b.Run("overwrite/"+c.name, func(b *testing.B) {
			for b.Loop() {
				w.do("PUT", "uri/"+cap, data)
			}
		})
		b.Run("read/"+c.name, func(b *testing.B) {
			for b.Loop() {
				w.do("GET", "uri/"+cap, nil)
			}
		})
	}
	cap := w.do("PUT", "uri?format=MDMF", make([]byte, 10<<20))
	b.Run("update/mdmf-1KiB-of-10MiB", func(b *testing.B) {
		for b.Loop() {
			w.do("PUT", "uri/"+cap+"?offset=5000000", make([]byte, 1<<10))
		}
	})
}

// 200 children for a directory: the time is that of all 200.
func BenchmarkAddChildren(b *testing.B) {
	const children = 200
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	w := newGateway(b, g)
	var made atomic.Int64
	ways := []struct {
		name string
		add  func(dir string, n int64)
	}{
		{"literal", func(dir string, n int64) {
			w.do("PUT", fmt.Sprintf("uri/%s/file-%d", dir, n), fmt.Appendf(nil, "%d", n))
		}},
		{"file", func(dir string, n int64) { w.do("PUT", fmt.Sprintf("uri/%s/file-%d", dir, n), small(n)) }},
	}
	for _, way := range ways {
		b.Run("one-by-one/"+way.name, func(b *testing.B) {
			for b.Loop() {
				dir := w.mkdir()
				for range children {
					way.add(dir, made.Add(1))
				}
			}
		})
		b.Run("16-clients/"+way.name, func(b *testing.B) {
			for b.Loop() {
				dir := w.mkdir()
				var all sync.WaitGroup
				left := atomic.Int64{}
				for range 16 {
					all.Go(func() {
						for left.Add(1) <= children {
							way.add(dir, made.Add(1))
						}
					})
				}
				all.Wait()
			}
		})
	}
}

// A directory of 10,000 entries.
func BenchmarkLargeDirectory(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	w := newGateway(b, g)
	dir := w.fill(10_000)
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			w.do("GET", "uri/"+dir+"?t=json", nil)
		}
	})
	var n int64
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			n++
			w.do("PUT", fmt.Sprintf("uri/%s/new-%d", dir, n), []byte("literal"))
		}
	})
	var gone int
	b.Run("unlink", func(b *testing.B) {
		for b.Loop() {
			w.do("DELETE", fmt.Sprintf("uri/%s/child-%06d.txt", dir, gone), nil)
			gone++
		}
	})
}

// A walk over directories of 1,000 entries each; the memory of the client is to be the same for both.
func BenchmarkWalk(b *testing.B) {
	for _, entries := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
			w := newGateway(b, g)
			top := w.mkdir()
			for i := range entries / 1000 {
				w.do("PUT", fmt.Sprintf("uri/%s/directory-%03d?t=uri", top, i), []byte(w.fill(1000)))
			}
			g.Client.Stop() // what the filling took does not count
			g.StartClient(nil)
			w.url = g.URL()
			for b.Loop() {
				lines := strings.Count(w.do("POST", "uri/"+top+"?t=stream-manifest", nil), "\n") + 1
				if want := entries + entries/1000 + 2; lines != want {
					b.Fatalf("%d lines, want %d", lines, want)
				}
			}
			b.ReportMetric(float64(g.Client.PeakMemory())/(1<<20), "client-peak-MiB")
		})
	}
}
