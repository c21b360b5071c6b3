// Package sharedump tells people what is in share files: one share at length, or all shares of some nodes a line each. It
// also flips a bit of a share, to see what clients make of it. It is for `tahoe debug`, and works on files alone, without a
// node.
//
// The texts are those that the original prints, to the byte, so that scripts which read them go on working.
//
// The invariant: a file that is not a whole share is an error that says what is wrong with it, and never a wrong fact.
package sharedump

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tahoe/internal/base32"
	"tahoe/storage"
	"tahoe/storage/share"
)

// The kinds of what containers hold.
const (
	KindCHK     = "CHK"
	KindSDMF    = "SDMF"
	KindMDMF    = "MDMF"
	KindUnknown = "unknown"
)

// A Report is what a share file says about itself. Its JSON form is only ever extended.
type Report struct {
	Filename  string    `json:"filename"`
	Kind      string    `json:"kind"`
	Container int       `json:"container-version"`
	Slot      *Slot     `json:"slot,omitempty"` // of mutable shares
	CHK       *CHK      `json:"chk,omitempty"`  // of immutable ones, unless only leases were asked for
	Mutable   *Mutable  `json:"mutable,omitempty"`
	VerifyCap string    `json:"verify-cap,omitempty"` // when the directory's name is a storage index
	Sections  []Section `json:"sections,omitempty"`
	Leases    []Lease   `json:"leases"`
}

// A Lease is one that the share has.
type Lease struct {
	Number  int       `json:"number"`
	Owner   uint32    `json:"owner"`
	Expires time.Time `json:"expires"`
	Renew   string    `json:"renew-secret,omitempty"` // of mutable shares
	Cancel  string    `json:"cancel-secret,omitempty"`
	Node    string    `json:"nodeid,omitempty"`
}

// A Section is where a part of the share begins in the file.
type Section struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	shift  int
}

// A file is an open share file whose container parses.
type file struct {
	*os.File
	path      string
	size      int64
	immutable share.Immutable
	mutable   *share.Mutable // nil: it is immutable
}

func open(path string, flag int) (*file, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	s := &file{File: f, path: path}
	if err := s.parse(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (f *file) parse() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is not a file, so it is no share: %w", share.ErrCorrupt)
	}
	f.size = info.Size()
	head := make([]byte, min(f.size, int64(max(share.MagicSize, share.ImmutableHeaderSize))))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, f.size), head); err != nil {
		return err
	}
	if !share.IsMutable(head) {
		f.immutable, err = share.ParseImmutable(head, f.size)
		return err
	}
	m, err := share.ReadMutable(f, f.size)
	f.mutable = &m
	return err
}

// data are the bytes of the share itself.
func (f *file) data() *io.SectionReader {
	if f.mutable != nil {
		return io.NewSectionReader(f, share.MutableDataAt, f.mutable.Size)
	}
	return io.NewSectionReader(f, share.ImmutableHeaderSize, f.immutable.Size)
}

// index is the storage index that the file's directory names.
func (f *file) index() (storage.Index, bool) {
	i, err := storage.ParseIndex(filepath.Base(filepath.Dir(f.path)))
	return i, err == nil
}

// Read reads a share file. With leasesOnly, what is within an immutable container is left alone.
func Read(path string, leasesOnly bool) (*Report, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &Report{Filename: path, Leases: []Lease{}}
	if f.mutable != nil {
		err = f.reportMutable(r)
	} else {
		err = f.reportImmutable(r, leasesOnly)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (f *file) reportImmutable(r *Report, leasesOnly bool) error {
	r.Kind, r.Container = KindCHK, int(f.immutable.Version)
	for l, err := range f.immutable.AllLeases(f) {
		if err != nil {
			return err
		}
		r.Leases = append(r.Leases, Lease{Number: len(r.Leases), Owner: l.Owner, Expires: l.Time().UTC()})
	}
	if leasesOnly {
		return nil
	}
	c, err := f.readCHK()
	if err != nil {
		return err
	}
	r.CHK, r.Sections = &c, c.sections(f.immutable)
	if i, ok := f.index(); ok {
		r.VerifyCap = c.verifyCap(i)
	}
	return nil
}

func (f *file) reportMutable(r *Report) error {
	m := f.mutable
	enabler := m.WriteEnabler.Bytes()
	r.Kind, r.Container = f.kind(), int(m.Version)
	r.Slot = &Slot{
		WriteEnabler: base32.Encode(enabler[:]), Node: base32.Encode(m.Node[:]), ExtraLeases: m.Extra,
		ContainerSize: m.ExtraAt - share.MutableDataAt, DataLength: m.Size,
	}
	number := -1
	for l, err := range m.AllLeases(f) {
		if err != nil {
			return err
		}
		number++
		if l.Owner != 0 {
			r.Leases = append(r.Leases, mutableLease(number, m.Version, l))
		}
	}
	if r.Kind == KindUnknown {
		return nil
	}
	v, err := f.readVersion()
	if err != nil {
		return err
	}
	r.Mutable, r.Sections = &v, v.sections(*m)
	if i, ok := f.index(); ok {
		r.VerifyCap = v.verifyCap(i)
	}
	return nil
}

func mutableLease(number int, version share.Version, l share.Lease) Lease {
	hash := ""
	if version != share.V1 {
		hash = "hash:"
	}
	renew, cancel := l.Renew.Bytes(), l.Cancel.Bytes()
	return Lease{
		Number: number, Owner: l.Owner, Expires: l.Time().UTC(), Renew: hash + base32.Encode(renew[:]),
		Cancel: hash + base32.Encode(cancel[:]), Node: base32.Encode(l.Node[:]),
	}
}
