package bench_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tahoe/tests/gridtest"
)

// sizes are those of the files that go up and down.
var sizes = []struct {
	name string
	size int64
}{{"1KiB", 1 << 10}, {"1MiB", 1 << 20}, {"100MiB", 100 << 20}, {"1GiB", 1 << 30}}

// memoryDir is a directory whose files are in memory, where the system has one, so that ten servers do not share a disk.
func memoryDir(b *testing.B) string {
	b.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		b.Log("there is no /dev/shm: shares go to the disk")
		return b.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "tahoe-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A source is a file that is another one in each round, so that no round finds its shares there already.
type source struct {
	data []byte
	size int64
	n    uint64
}

func newSource(size int64) *source {
	s := &source{data: make([]byte, min(size, 16<<20)), size: size, n: rand.Uint64()}
	key := [32]byte{1}
	_, _ = rand.NewChaCha8(key).Read(s.data)
	return s
}

func (s *source) next() io.Reader {
	s.n++
	binary.LittleEndian.PutUint64(s.data, s.n)
	var parts []io.Reader
	for left := s.size; left > 0; left -= int64(len(s.data)) {
		parts = append(parts, bytes.NewReader(s.data[:min(left, int64(len(s.data)))]))
	}
	return io.MultiReader(parts...)
}

func upload(b *testing.B, g *gridtest.Grid, url string, s *source) string {
	b.Helper()
	req, err := http.NewRequest(http.MethodPut, url+"uri", s.next())
	if err != nil {
		b.Fatal(err)
	}
	req.ContentLength = s.size
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		b.Fatalf("upload: %d %s %v\n%s", resp.StatusCode, text, err, g.Client.Output())
	}
	return strings.TrimSpace(string(text))
}

func download(b *testing.B, url, cap string, size int64, buf []byte) {
	b.Helper()
	resp, err := http.Get(url + "uri/" + cap)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buf)
	if err != nil || n != size || resp.StatusCode != http.StatusOK {
		b.Fatalf("download: status %d, %d of %d bytes, %v", resp.StatusCode, n, size, err)
	}
}

// forget removes all shares, which would fill the memory.
func forget(b *testing.B, g *gridtest.Grid) {
	b.Helper()
	for i := range g.Server {
		shares := filepath.Join(g.ServerDir(i), "storage", "shares")
		entries, err := os.ReadDir(shares)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != "incoming" {
				_ = os.RemoveAll(filepath.Join(shares, e.Name()))
			}
		}
	}
}

// Ten storage processes and a client process over TLS, the shares in memory.
func BenchmarkUpload(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	url := g.URL()
	for _, c := range sizes {
		b.Run(c.name, func(b *testing.B) {
			s := newSource(c.size)
			upload(b, g, url, s) // connections are warm
			b.SetBytes(c.size)
			used := cpuSince(g)
			for b.Loop() {
				upload(b, g, url, s)
				if c.size >= 100<<20 {
					b.StopTimer()
					forget(b, g)
					b.StartTimer()
				}
			}
			report(b, c.size, uploadLimit())
			used(b)
		})
	}
}

// The same grid, the other way.
func BenchmarkDownload(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{Dir: memoryDir(b)})
	url := g.URL()
	buf := make([]byte, 256<<10)
	for _, c := range sizes {
		b.Run(c.name, func(b *testing.B) {
			cap := upload(b, g, url, newSource(c.size))
			download(b, url, cap, c.size, buf)
			b.SetBytes(c.size)
			used := cpuSince(g)
			for b.Loop() {
				download(b, url, cap, c.size, buf)
			}
			report(b, c.size, downloadLimit())
			used(b)
			forget(b, g)
		})
	}
}

// On a disk, where every share is synced: the ratio is to writing and syncing the same bytes without anything else.
func BenchmarkUploadToDisk(b *testing.B) {
	g := gridtest.New(b, gridtest.Config{})
	url := g.URL()
	for _, size := range []int64{1 << 20, 100 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			s := newSource(size)
			upload(b, g, url, s)
			forget(b, g)
			var raw time.Duration
			b.SetBytes(size)
			for b.Loop() {
				b.StopTimer()
				share := int(size / 3)
				raw += time.Duration(float64(10*share) / syncedWriteRate(b, g.Dir, share) * float64(time.Second))
				b.StartTimer()
				upload(b, g, url, s)
				b.StopTimer()
				forget(b, g)
				b.StartTimer()
			}
			took := b.Elapsed()
			b.ReportMetric(raw.Seconds()/float64(b.N), "raw-s/op")
			b.ReportMetric(took.Seconds()/raw.Seconds(), "times-raw")
			b.ReportMetric(float64(size)/uploadLimit(), "hash-limit-s/op") // where this is more than raw, the disk is not what limits
		})
	}
}

// cpu is the processor time that the client and the servers have used.
func cpu(g *gridtest.Grid) (client, servers time.Duration) {
	for _, s := range g.Server {
		servers += s.CPU()
	}
	return g.Client.CPU(), servers
}

// cpuSince reports the processor time of the client and of all servers, in seconds a round.
func cpuSince(g *gridtest.Grid) func(b *testing.B) {
	client, servers := cpu(g)
	return func(b *testing.B) {
		c, s := cpu(g)
		b.ReportMetric((c-client).Seconds()/float64(b.N), "client-cpu-s/op")
		b.ReportMetric((s-servers).Seconds()/float64(b.N), "servers-cpu-s/op")
	}
}

// What ten storage nodes and a client need when nobody uses them.
func BenchmarkIdle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("the processor time of processes is read from /proc")
	}
	g := gridtest.New(b, gridtest.Config{})
	ctx, cancel := context.WithTimeout(b.Context(), 22*time.Second)
	defer cancel()
	time.Sleep(2 * time.Second)
	client, servers := cpu(g)
	<-ctx.Done()
	c, s := cpu(g)
	b.ReportMetric((c + s - client - servers).Seconds(), "cpu-s/20s")
	b.ReportMetric(0, "ns/op")
}
