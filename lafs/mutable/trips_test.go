package mutable_test

import (
	"strings"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/storage/storagetest"
)

// How many times an operation waits for far servers, when nothing goes wrong.
func TestRoundTrips(t *testing.T) {
	const trip = 50 * time.Millisecond
	small, large := random(1, 5000), random(2, 300_000)
	for _, c := range []struct {
		name     string
		format   caps.Format
		contents []byte
		fresh    bool // at a node that knows nothing
		trips    int
		do       func(t *testing.T, f *mutable.File) error
	}{
		{"read, remembered", caps.SDMF, large, false, 1, read},
		{"read small", caps.SDMF, small, true, 1, read},
		{"read large", caps.SDMF, large, true, 2, read},
		{"read small MDMF", caps.MDMF, small, true, 1, read},
		{"read large MDMF", caps.MDMF, large, true, 2, read},
		{"stat", caps.SDMF, large, true, 1, func(t *testing.T, f *mutable.File) error { _, err := f.Stat(t.Context()); return err }},
		{"modify, remembered", caps.SDMF, large, false, 1, modify},
		{"modify small", caps.SDMF, small, true, 2, modify},
		{"modify large", caps.SDMF, large, true, 3, modify},
		{"prepare large", caps.SDMF, large, true, 2, prepare},
		{"modify large, prepared", caps.SDMF, large, true, 3, func(t *testing.T, f *mutable.File) error {
			must(t, prepare(t, f))
			return modify(t, f)
		}},
		{"overwrite, remembered", caps.SDMF, small, false, 1, overwrite},
		{"overwrite small", caps.SDMF, small, true, 2, overwrite},
		{"overwrite MDMF", caps.MDMF, large, true, 2, overwrite},
		{"write in place", caps.MDMF, large, true, 4, func(t *testing.T, f *mutable.File) error {
			_, err := f.WriteAt(t.Context(), strings.NewReader("x"), 200_000, 1)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFakeTime(t, 10, func(t *testing.T, w *world) {
				for _, f := range w.faulty {
					f.Add(storagetest.Fault{Effect: storagetest.Delay(trip)})
				}
				begin := time.Now()
				file := w.create(w.files(), c.format, c.contents)
				if got := time.Since(begin); got != trip {
					t.Errorf("creating took %v, want %v", got, trip)
				}
				if c.fresh {
					file = w.same(w.files(), file)
				}
				begin = time.Now()
				must(t, c.do(t, file))
				if got, want := time.Since(begin), time.Duration(c.trips)*trip; got != want {
					t.Errorf("took %v, want %v", got, want)
				}
			})
		})
	}
}

func read(t *testing.T, f *mutable.File) error {
	_, _, err := f.Contents(t.Context(), 1<<20)
	return err
}

func modify(t *testing.T, f *mutable.File) error {
	_, err := f.Modify(t.Context(), 1<<20, func(old []byte) ([]byte, error) { return append(old, 'x'), nil })
	return err
}

func prepare(t *testing.T, f *mutable.File) error { return f.Prepare(t.Context(), 1<<20) }

func overwrite(t *testing.T, f *mutable.File) error {
	_, err := f.Overwrite(t.Context(), strings.NewReader("new"), 3)
	return err
}
