// Package tally counts how far a long work on many files is. It is for the commands, which draw it, and has no opinion about how.
// The invariant: counting never waits for who looks.
package tally

import (
	"io"
	"sync/atomic"
)

// A Tally is what was done and what there is to do. Its zero value is ready. Many may count at once.
type Tally struct {
	files, bytes           atomic.Int64
	totalFiles, totalBytes atomic.Int64
	known                  atomic.Bool
}

// A State is a moment of a Tally.
type State struct {
	Files, Bytes           int64
	TotalFiles, TotalBytes int64 // as far as they are known
	Known                  bool  // the totals are all there is
}

// Find adds to what there is to do.
func (t *Tally) Find(files, bytes int64) {
	t.totalFiles.Add(files)
	t.totalBytes.Add(bytes)
}

// Found says that nothing will be added to what there is to do.
func (t *Tally) Found() { t.known.Store(true) }

// Do adds to what was done.
func (t *Tally) Do(files, bytes int64) {
	t.files.Add(files)
	t.bytes.Add(bytes)
}

// State is how far it is.
func (t *Tally) State() State {
	return State{
		Files: t.files.Load(), Bytes: t.bytes.Load(),
		TotalFiles: t.totalFiles.Load(), TotalBytes: t.totalBytes.Load(), Known: t.known.Load(),
	}
}

// A Part counts the bytes of one file, which may be begun again.
type Part struct {
	tally *Tally
	size  int64
	bytes atomic.Int64
}

// Part begins a file of a size that was found.
func (t *Tally) Part(size int64) *Part { return &Part{tally: t, size: size} }

// Reader counts what is read from r.
func (p *Part) Reader(r io.Reader) io.Reader { return &reader{r, p} }

type reader struct {
	r io.Reader
	p *Part
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.p.Add(int64(n))
	return n, err
}

// Add counts bytes.
func (p *Part) Add(n int64) {
	p.bytes.Add(n)
	p.tally.bytes.Add(n)
}

// Done ends the file: all its bytes count, however many were read.
func (p *Part) Done() { p.tally.Do(1, p.size-p.bytes.Swap(p.size)) }

// Again takes back what was counted.
func (p *Part) Again() { p.tally.bytes.Add(-p.bytes.Swap(0)) }
