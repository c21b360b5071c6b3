package lafs_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"tahoe/lafs"
)

// Over ten servers in memory: what the file store itself takes.

func BenchmarkAdd200OneByOne(b *testing.B) {
	servers, _ := newServers(b)
	c := clientOf(servers)
	for b.Loop() {
		d := benchDirectory(b, c, 0)
		for i := range 200 {
			if _, err := d.Set(b.Context(), literal(b, fmt.Sprint("child", i), "x"), lafs.ReplaceAny); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAdd200From16(b *testing.B) {
	servers, _ := newServers(b)
	c := clientOf(servers)
	for b.Loop() {
		d := benchDirectory(b, c, 0)
		var running sync.WaitGroup
		for w := range 16 {
			running.Go(func() {
				for i := w; i < 200; i += 16 {
					if _, err := d.Set(b.Context(), literal(b, fmt.Sprint("child", i), "x"), lafs.ReplaceAny); err != nil {
						b.Error(err)
					}
				}
			})
		}
		running.Wait()
		if n := len(names(b, d)); n != 200 {
			b.Fatalf("%d children are there", n)
		}
	}
}

// benchDirectory makes a directory of so many files.
func benchDirectory(b *testing.B, c *lafs.Client, files int) *lafs.Directory {
	b.Helper()
	children := make([]lafs.NewChild, files)
	for i := range children {
		children[i] = lafs.NewChild{
			Name: fmt.Sprintf("some name of a file %05d.txt", i), Child: lafs.ChildOf(chk(b, i, 1000)),
			Metadata: json.RawMessage(`{"tahoe": {"linkcrtime": 1700000000.123456, "linkmotime": 1700000000.123456}}`),
		}
	}
	return mkdir(b, c, children...)
}

// In a directory of 10,000.

func BenchmarkLargeList(b *testing.B) {
	servers, _ := newServers(b)
	c := clientOf(servers)
	d := benchDirectory(b, c, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		l, err := d.List(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		texts := make(map[string][3]string, l.Len())
		for e := range l.All() {
			v, _ := e.Verify()
			texts[e.Name] = [3]string{e.Read.Encode(), v.Encode(), e.Metadata.String()}
		}
		if out, err := json.Marshal(texts); err != nil || len(texts) != 10_000 || len(out) < 1<<20 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLargeAdd(b *testing.B) {
	servers, _ := newServers(b)
	d := benchDirectory(b, clientOf(servers), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Set(b.Context(), literal(b, "new", "x"), lafs.ReplaceAny); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLargeUnlink(b *testing.B) {
	servers, _ := newServers(b)
	d := benchDirectory(b, clientOf(servers), 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := d.Unlink(b.Context(), fmt.Sprintf("some name of a file %05d.txt", i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkWalk is a walk of 10,000 files in 100 directories, over memory without encoding.
func BenchmarkWalk(b *testing.B) {
	c, m := newMemoryClient(b)
	root := tree(b, m, 10, 2, 100)
	b.ReportAllocs()
	for b.Loop() {
		s, err := c.DeepStats(b.Context(), root)
		if err != nil || s.Files != 10_000 {
			b.Fatal(err)
		}
	}
}
