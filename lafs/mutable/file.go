package mutable

import (
	"context"
	"io"

	"tahoe/caps"
)

// A File is a mutable file as its capability allows to use it. It may be used by several goroutines at once, and holds
// nothing that needs closing.
type File struct {
	m   *Files
	cap func() caps.Read
}

// Cap is the capability that the file was opened with.
func (f *File) Cap() caps.Read { return f.cap() }

// Writeable says whether the capability allows to write.
func (f *File) Writeable() bool { return false }

// Format is how the file is laid out.
func (f *File) Format() caps.Format { return 0 }

// Stat asks the servers for the best version that can be rebuilt.
func (f *File) Stat(ctx context.Context) (Version, error) { return Version{}, errNotYet }

// Read writes n bytes of the best version from off on to w, in order, and returns that version. A range that ends behind the
// end of the file ends there, one that begins there is empty; a negative one is storage.ErrRange. Nothing is written before
// it is verified.
func (f *File) Read(ctx context.Context, off, n int64, w io.Writer) (Version, error) {
	return Version{}, errNotYet
}

// Contents is the whole of the best version. A file of more than limit bytes is ErrTooLarge.
func (f *File) Contents(ctx context.Context, limit int64) ([]byte, Version, error) {
	return nil, Version{}, errNotYet
}

// Overwrite replaces the contents by what src yields: size bytes, or all there are when size is -1.
func (f *File) Overwrite(ctx context.Context, src io.Reader, size int64) (Version, error) {
	return Version{}, errNotYet
}

// WriteAt replaces the bytes from off on by what src yields, size bytes or all there are when size is -1, and makes the file
// longer where they end behind its end. An off behind the end of the file is storage.ErrRange.
func (f *File) WriteAt(ctx context.Context, src io.Reader, off, size int64) (Version, error) {
	return Version{}, errNotYet
}

// Modify replaces the contents by what edit makes of them. edit is called again on fresh contents when another writer was
// faster, and must not keep or change old. When it returns ErrUnchanged nothing is written, and Modify returns the version
// without an error; any other error ends Modify and is returned as it is. Contents of more than limit bytes, old or new, are
// ErrTooLarge.
func (f *File) Modify(ctx context.Context, limit int64, edit func(old []byte) ([]byte, error)) (Version, error) {
	return Version{}, errNotYet
}
