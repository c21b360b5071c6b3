package sharedump

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

// An Entry is a share in a line.
type Entry struct {
	Kind     string `json:"kind"`
	Index    string `json:"storage-index,omitempty"`
	Needed   int64  `json:"needed-shares,omitempty"`
	Total    int64  `json:"total-shares,omitempty"`
	Size     int64  `json:"size,omitempty"`
	UEBHash  string `json:"UEB-hash,omitempty"`  // of immutable shares
	Seqnum   uint64 `json:"seqnum,omitempty"`    // of mutable ones
	RootHash string `json:"root-hash,omitempty"` // likewise
	Expires  int64  `json:"expires-in"`          // seconds until the first of the leases ends; 0: none has a lease that lasts
	Filename string `json:"filename"`

	mutable bool
}

// String is the line.
func (e Entry) String() string {
	path := Quote(e.Filename, true)
	switch {
	case e.Kind == KindCHK:
		return fmt.Sprintf("CHK %s %d/%d %d %s %d %s", e.Index, e.Needed, e.Total, e.Size, e.UEBHash, e.Expires, path)
	case e.Kind != KindUnknown:
		return fmt.Sprintf("%s %s %d/%d %d #%d:%s %d %s", e.Kind, e.Index, e.Needed, e.Total, e.Size, e.Seqnum, e.RootHash, e.Expires, path)
	case e.mutable:
		return "UNKNOWN mutable " + path
	}
	return "UNKNOWN really-unknown " + path
}

// Describe is what a share file is, in short. A file that is no container is an Entry of an unknown kind; a share that is
// broken is an error.
func Describe(path string, now time.Time) (Entry, error) {
	r, err := Read(path, false)
	if errors.Is(err, share.ErrCorrupt) && !hasMagic(path) {
		return Entry{Kind: KindUnknown, Filename: path}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Kind: r.Kind, Index: filepath.Base(filepath.Dir(path)), Filename: path, mutable: r.Slot != nil}
	if c := r.CHK; c != nil {
		e.Needed, e.Total, e.Size, e.UEBHash = c.Needed, c.Total, c.FileSize, c.UEBHash
	}
	if m := r.Mutable; m != nil {
		e.Needed, e.Total, e.Size, e.Seqnum, e.RootHash = int64(m.Needed), int64(m.Total), m.Size, m.Seqnum, m.RootHash
	}
	for i, l := range r.Leases {
		left := max(0, int64(l.Expires.Sub(now)/time.Second))
		if i == 0 || left < e.Expires {
			e.Expires = left
		}
	}
	return e, nil
}

// hasMagic says whether a file begins as a container does, mutable or not.
func hasMagic(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, share.MagicSize)
	n, _ := f.ReadAt(head, 0)
	if n < 4 {
		return true // it says nothing, so it is a broken share rather than something else
	}
	return share.IsMutable(head[:n]) || string(head[:4]) == "\x00\x00\x00\x01" || string(head[:4]) == "\x00\x00\x00\x02"
}

// incoming is where shares are that are not complete.
const incoming = "incoming"

// Catalog yields the files below the folder shares of a node, in order, those of incoming aside: a path, or an error about
// a directory or stray file, after which it goes on. A folder that is not there has no files. It keeps the names of one
// directory in memory.
func Catalog(shares string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefixes, err := names(shares)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield("", err)
			return
		}
		for _, p := range prefixes {
			if p != incoming && !catalogPrefix(filepath.Join(shares, p), yield) {
				return
			}
		}
	}
}

func catalogPrefix(dir string, yield func(string, error) bool) bool {
	indices, err := names(dir)
	if err != nil {
		return yield("", err)
	}
	for _, i := range indices {
		bucket := filepath.Join(dir, i)
		numbers, err := names(bucket)
		if err != nil && !yield("", err) {
			return false
		}
		for _, n := range byNumber(numbers) {
			if !yield(filepath.Join(bucket, n), nil) {
				return false
			}
		}
	}
	return true
}

// Find returns the share files of an index below the folder shares of a node.
func Find(shares string, i storage.Index) ([]string, error) {
	text := i.String()
	bucket := filepath.Join(shares, text[:2], text)
	found, err := names(bucket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for k, n := range byNumber(found) {
		found[k] = filepath.Join(bucket, n)
	}
	return found, err
}

// names are what is in a directory, sorted. A stray file is told as what it is.
func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if info, err := d.Stat(); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file where a directory of shares should be", dir)
	}
	all, err := d.Readdirnames(-1)
	slices.Sort(all)
	return all, err
}

// byNumber sorts the names of share files: numbers by their value, then what is no number.
func byNumber(names []string) []string {
	slices.SortFunc(names, func(a, b string) int {
		m, errM := strconv.ParseUint(a, 10, 32)
		n, errN := strconv.ParseUint(b, 10, 32)
		switch {
		case errM == nil && errN == nil && m != n:
			return int(int64(m) - int64(n))
		case errM == nil && errN != nil:
			return -1
		case errM != nil && errN == nil:
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}
