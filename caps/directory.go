package caps

import (
	"fmt"

	"tahoe/storage"
)

// A directory is a file that holds a table, and its capability is that file's with another kind. Inner gives the file's.

// NewDirectory makes the capability of the directory that is kept in file: a CHK, Literal, MutableRead or MutableWrite. The result is a
// DirectoryWrite when file can be written, else a DirectoryRead. Anything else is ErrMalformed.
func NewDirectory(file Read) (Read, error) {
	s := secretOf(file)
	if !s.kind.readable() || s.directory {
		return nil, fmt.Errorf("%w: %s cannot hold a directory", ErrMalformed, s.abbrev())
	}
	s.directory = true
	d, _ := s.cap().(Read)
	return d, nil
}

// inner is the file that holds the directory s.
func (s secret) inner() Cap {
	s.directory = false
	return s.cap()
}

// A DirectoryWrite allows to change a directory.
type DirectoryWrite struct{ body }

// Inner is the capability of the file that holds the directory.
func (c DirectoryWrite) Inner() MutableWrite { w, _ := c.open().inner().(MutableWrite); return w }

// Index names the shares.
func (c DirectoryWrite) Index() storage.Index { return c.open().index }

// ReadOnly gives up writing.
func (c DirectoryWrite) ReadOnly() Read { return c.open().reader() }

// Verify gives up writing and reading.
func (c DirectoryWrite) Verify() (Verify, bool) { return c.open().verifier() }

// A DirectoryRead allows to read a directory, mutable or not.
type DirectoryRead struct{ body }

// Inner is the capability of the file that holds the directory: a MutableRead, CHK or Literal.
func (c DirectoryRead) Inner() Read { r, _ := c.open().inner().(Read); return r }

// Verify gives up reading.
func (c DirectoryRead) Verify() (Verify, bool) { return c.open().verifier() }

// A DirectoryVerify allows to verify a directory.
type DirectoryVerify struct{ body }

func (DirectoryVerify) verifies() {}

// Inner is the capability of the file that holds the directory: a MutableVerify or CHKVerify.
func (c DirectoryVerify) Inner() Verify { v, _ := c.open().inner().(Verify); return v }

// Index names the shares.
func (c DirectoryVerify) Index() storage.Index { return c.open().index }
