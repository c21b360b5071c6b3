package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/vfs"
)

// Several sessions write and read one file, each in stripes of its own, and close and open it all the while. Nothing of what any has
// written is ever seen otherwise.
func TestStripes(t *testing.T) {
	const stripe, stripes, players = 1000, 300, 4
	for seed := range uint64(seeds(t, 1)) {
		d := sit(t, vfs.Config{Clock: hasty{time.Now()}})
		d.grid.Hook(moody(seed))
		want := []byte(big(stripe*stripes, seed))
		d.grid.Add(d.root, "f", d.grid.PutData(string(want)), "")
		var all sync.WaitGroup
		for k := range players {
			v := d.fs.View(d.view.Account())
			t.Cleanup(v.Close)
			r := rand.New(rand.NewPCG(seed, uint64(k)))
			all.Go(func() { stripePlayer(t, v, r, want, k, players, stripe) })
		}
		all.Wait()
		d.settle()
		if got := d.grid.Tree(d.root)["f"]; got != string(want) {
			t.Error("the grid has something else")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// stripePlayer uses the stripes of want whose number leaves k.
func stripePlayer(t *testing.T, v *vfs.View, r *rand.Rand, want []byte, k, players, stripe int) {
	var f *vfs.File
	defer func() {
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for step := 0; step < 200 && !t.Failed(); step++ {
		if f == nil || r.IntN(8) == 0 {
			if f != nil {
				if err := f.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			var err error
			if f, err = v.Open(t.Context(), "/f", vfs.FlagRead|vfs.FlagWrite); err != nil {
				t.Error(err)
				return
			}
		}
		at := (r.IntN(len(want)/stripe/players)*players + k) * stripe
		mine := want[at : at+stripe]
		if r.IntN(2) == 0 {
			for i := range mine {
				mine[i] = byte(step + i)
			}
			if _, err := f.WriteAt(t.Context(), mine, int64(at)); err != nil {
				t.Error(err)
			}
		}
		b := make([]byte, stripe)
		if n, err := f.ReadAt(t.Context(), b, int64(at)); n != stripe || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(b, mine) {
			t.Errorf("session %d, step %d: at %d: %d bytes, %v, equal %v", k, step, at, n, err, bytes.Equal(b, mine))
		}
	}
}

// Who puts a file into a directory while others remove that has an error, or the file is there.
func TestNothingGoesWithADirectory(t *testing.T) {
	for seed := range uint64(seeds(t, 4)) {
		d := sit(t, vfs.Config{Clock: hasty{time.Now()}})
		d.grid.Hook(moody(seed))
		var all sync.WaitGroup
		kept := make([]int, 3)
		for k := range kept {
			all.Go(func() {
				for range 30 {
					path := fmt.Sprintf("/d/%d-%d", k, kept[k])
					_ = d.view.Mkdir(t.Context(), "/d")
					if err := d.view.Rmdir(t.Context(), "/d"); err == nil {
						_ = d.view.Mkdir(t.Context(), "/d")
					}
					f, err := d.view.Open(t.Context(), path, create)
					if err != nil {
						continue
					}
					if err = f.Close(t.Context()); err == nil {
						err = d.view.Rename(t.Context(), path, fmt.Sprintf("/kept-%d-%d", k, kept[k]), true)
					}
					if err != nil {
						t.Errorf("seed %d: %s: %v", seed, path, err)
					}
					kept[k]++
				}
			})
		}
		all.Wait()
		d.settle()
		n := len(d.grid.Names(d.root))
		if _, ok := d.grid.Child(d.root, "d"); ok {
			n--
		}
		if want := kept[0] + kept[1] + kept[2]; n != want || want == 0 {
			t.Errorf("seed %d: %d files are there, want %d", seed, n, want)
		}
	}
}
