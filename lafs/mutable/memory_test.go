package mutable_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage/storagetest"
)

// Whoever reads may need the memory that a writer of the same file has, who waits until nobody reads.
func TestReadersAndWritersShareMemory(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			inFakeTime(t, 10, func(t *testing.T, w *world) {
				b := reactor.NewBudget(1 << 20)
				m := w.files(func(c *mutable.Config) { c.Budget, c.Remember = b, -1 })
				old, next := random(1, 2<<20), random(2, 3<<20)
				file := w.create(m, f, old)
				for _, s := range w.faulty {
					s.Add(storagetest.Fault{Effect: storagetest.Delay(100 * time.Millisecond)})
				}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						got, v, err := file.Contents(t.Context(), 4<<20)
						if want := [][]byte{old, next}[v.Seqnum-1]; err != nil || !bytes.Equal(got, want) {
							t.Errorf("read %d bytes of version %v, %v", len(got), v, err)
						}
					})
				}
				time.Sleep(50 * time.Millisecond) // they are asking servers
				_, err := file.Overwrite(t.Context(), bytes.NewReader(next), -1)
				must(t, err)
				all.Wait()
				wantContents(t, file, next)
				if n := b.InUse(); n != 0 {
					t.Errorf("%d bytes are still in use", n)
				}
			})
		})
	}
}
