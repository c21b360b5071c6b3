package lafs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/dirnode"
	"tahoe/storage"
)

// A recordedWalk is a tree, with loops and several links to the same things, and what the original comes to in it.
type recordedWalk struct {
	Root        string
	Directories []struct {
		Cap      string
		Contents []byte
	}
	Manifest []struct {
		Path []string
		Cap  string
	}
	Stats json.RawMessage
}

func inner(t testing.TB, k caps.Cap) caps.Read {
	t.Helper()
	switch d := k.(type) {
	case caps.DirectoryWrite:
		return d.Inner()
	case caps.DirectoryRead:
		return d.Inner()
	}
	t.Fatalf("%v is no directory", k)
	return nil
}

// TestWalkAsTheOriginal: the same tree is visited in the same order, and gives the same statistics.
func TestWalkAsTheOriginal(t *testing.T) {
	b, err := os.ReadFile("testdata/walk.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recordedWalk
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	c, m := newMemoryClient(t)
	for _, d := range r.Directories {
		m.Place(inner(t, parse(t, d.Cap)), d.Contents)
	}
	var got, want []string
	for _, x := range r.Manifest {
		want = append(want, strings.Join(x.Path, "/")+" "+x.Cap)
	}
	err = c.Walk(t.Context(), parse(t, r.Root), func(v lafs.Visit) error {
		got = append(got, strings.Join(v.Path, "/")+" "+v.Cap().Encode())
		return v.Err
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, other visits (-want +got):\n%s", err, diff)
	}
	stats, err := c.DeepStats(t.Context(), parse(t, r.Root))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(stats)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(t, r.Stats), decode(t, encoded)); diff != "" {
		t.Errorf("other statistics (-want +got):\n%s", diff)
	}
}

func decode(t *testing.T, b []byte) (x map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestWalkOfAFile: what is no directory is visited alone.
func TestWalkOfAFile(t *testing.T) {
	c, _ := newMemoryClient(t)
	n := 0
	err := c.Walk(t.Context(), chk(t, 1, 100), func(v lafs.Visit) error {
		n++
		return v.Err
	})
	if err != nil || n != 1 {
		t.Errorf("%d visits, %v", n, err)
	}
}

var errGone = errors.New("gone")

// TestWalkPastTrouble: a directory that cannot be read is told of, and the rest is visited; the visitor decides.
func TestWalkPastTrouble(t *testing.T) {
	c, m := newMemoryClient(t)
	bad, skipped := mkdir(t, c, literal(t, "unseen", "x")), mkdir(t, c, literal(t, "skipped", "x"))
	root := mkdir(t, c, lafs.NewChild{Name: "a", Child: bad.Child()}, lafs.NewChild{Name: "b", Child: skipped.Child()},
		lafs.NewChild{Name: "c", Child: mkdir(t, c, literal(t, "seen", "x")).Child()})
	m.Read = func(k caps.Read) error {
		if k == inner(t, bad.Cap()) {
			return errGone
		}
		return nil
	}
	var got []string
	err := c.Walk(t.Context(), root.Cap(), func(v lafs.Visit) error {
		got = append(got, strings.Join(v.Path, "/"))
		if v.Name == "b" {
			return lafs.ErrSkipDirectory
		}
		if (v.Name == "a") != errors.Is(v.Err, errGone) {
			t.Errorf("%q: got %v", v.Path, v.Err)
		}
		return nil
	})
	if want := `["" "a" "b" "c" "c/seen"]`; err != nil || sprint(got) != want {
		t.Errorf("got %q, %v; want %s", got, err, want)
	}
	if _, err := c.DeepStats(t.Context(), root.Cap()); !errors.Is(err, errGone) {
		t.Errorf("statistics: got %v, want %v", err, errGone)
	}
	err = c.Walk(t.Context(), root.Cap(), func(v lafs.Visit) error { return v.Err })
	if !errors.Is(err, errGone) {
		t.Errorf("got %v, want %v", err, errGone)
	}
}

func TestWalkEndsWithItsContext(t *testing.T) {
	c, _ := newMemoryClient(t)
	root := mkdir(t, c, literal(t, "a", "x"), literal(t, "b", "x"))
	ctx, cancel := context.WithCancelCause(t.Context())
	err := c.Walk(ctx, root.Cap(), func(v lafs.Visit) error {
		if v.Name == "b" {
			t.Error("went on")
		}
		if v.Name == "a" {
			cancel(errGone)
		}
		return nil
	})
	if !errors.Is(err, errGone) {
		t.Errorf("got %v, want %v", err, errGone)
	}
}

// tree makes directories of fan directories each, depth levels of them, with files in the lowest.
func tree(t testing.TB, m *lafs.Memory, fan, depth, files int) caps.Cap {
	t.Helper()
	n := 0
	var grow func(depth int) caps.Read
	grow = func(depth int) caps.Read {
		n++
		w := caps.NewMutableWrite(caps.SDMF, [16]byte{byte(n), byte(n >> 8), byte(n >> 16)}, [32]byte{})
		var children []lafs.NewChild
		for i := range fan {
			if depth > 0 {
				children = append(children, lafs.NewChild{Name: fmt.Sprintf("d%03d", i), Child: lafs.ChildOf(grow(depth - 1))})
			}
		}
		for i := range files {
			if depth == 0 {
				children = append(children, lafs.NewChild{Name: fmt.Sprintf("f%03d", i), Child: lafs.ChildOf(chk(t, n*files+i, 1000))})
			}
		}
		contents, err := dirnode.Pack(children, w)
		if err != nil {
			t.Fatal(err)
		}
		m.Place(w, contents)
		d, err := caps.NewDirectory(w)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return grow(depth)
}

// TestWalkReadsAhead: with servers that are far away a walk takes a fraction of the time that its directories take one after
// the other, and reads few of them twice, also in a deep tree.
func TestWalkReadsAhead(t *testing.T) {
	for _, x := range []struct{ fan, depth int }{{100, 1}, {10, 2}, {3, 5}, {2, 7}} {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, m := newMemoryClient(t)
				root := tree(t, m, x.fan, x.depth, 1)
				var reads, now, most atomic.Int64
				m.Read = func(caps.Read) error {
					reads.Add(1)
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(100 * time.Millisecond)
					now.Add(-1)
					return nil
				}
				directories := int64(0)
				begun := time.Now()
				if err := c.Walk(t.Context(), root, func(v lafs.Visit) error {
					if v.Kind() == lafs.KindDirectory {
						directories++
					}
					return v.Err
				}); err != nil {
					t.Fatal(err)
				}
				took, serial := time.Since(begun), time.Duration(directories)*100*time.Millisecond
				if took > serial/3 {
					t.Errorf("took %v, one after the other %v", took, serial)
				}
				if reads.Load() > directories*5/4 {
					t.Errorf("%d directories were read %d times", directories, reads.Load())
				}
				if most.Load() > 64 {
					t.Errorf("%d directories were read at once", most.Load())
				}
			})
		})
	}
}

// TestWalkMemory: the memory of a walk does not grow with the tree.
func TestWalkMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	peak := func(fan int) uint64 {
		c, m := newMemoryClient(t)
		root := tree(t, m, fan, 2, 100)
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		most, visits := uint64(0), 0
		if err := c.Walk(t.Context(), root, func(v lafs.Visit) error {
			if visits++; visits%5000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
			}
			return v.Err
		}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d visits: %d KiB", visits, most>>10)
		runtime.KeepAlive(m)
		return most
	}
	small, large := peak(10), peak(32) // 10,000 files and 102,400
	if large > small+8<<20 {
		t.Errorf("a walk takes %d KiB of 10,000 files, and %d KiB of 100,000", small>>10, large>>10)
	}
}

// TestProhibited: what access to is forbidden to is told of, and neither opened nor walked into.
func TestProhibited(t *testing.T) {
	m := lafs.NewMemory()
	var forbidden storage.Index
	c := lafs.WithMemory(lafs.New(lafs.Config{Access: func(i storage.Index) error {
		if i == forbidden {
			return &lafs.ProhibitedError{Reason: "because"}
		}
		return nil
	}}), m)
	bad := mkdir(t, c, literal(t, "unseen", "x"))
	root := mkdir(t, c, lafs.NewChild{Name: "bad", Child: bad.Child()}, literal(t, "fine", "x"))
	forbidden, _ = bad.Child().Index()
	for _, k := range []caps.Cap{bad.Cap(), bad.Child().Read} {
		_, err := c.Open(k)
		if e, ok := errors.AsType[*lafs.ProhibitedError](err); !ok || e.Reason != "because" || !errors.Is(err, lafs.ErrProhibited) {
			t.Errorf("%v: got %v", k, err)
		}
	}
	var got []string
	if err := c.Walk(t.Context(), root.Cap(), func(v lafs.Visit) error {
		got = append(got, v.Name)
		if (v.Name == "bad") != errors.Is(v.Err, lafs.ErrProhibited) {
			t.Errorf("%q: got %v", v.Name, v.Err)
		}
		return nil
	}); err != nil || !slices.Equal(got, []string{"", "fine", "bad"}) {
		t.Errorf("got %q, %v", got, err)
	}
	s, err := c.DeepStats(t.Context(), root.Cap())
	if err != nil || s.Directories != 1 || s.LiteralFiles != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}
