package lafs

import (
	"context"
	"fmt"
	"iter"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
	"tahoe/lafs/mutable"
)

// MaxDirectory is the most bytes that a directory may have: more than 100,000 entries fit.
const MaxDirectory = 64 << 20

// A Directory is a directory as its capability allows to use it. It may be used by several goroutines at once, and holds
// nothing that needs closing.
//
// Each edit reads what is there, changes the entries that it names, and writes a new version; another writer that was faster
// is noticed, and the edit done again on what that one wrote. Edits that come while a version is being written, through any
// Directory of the same client, wait and go out together in the next version. Each has its own result: one that is refused
// fails no other. An edit whose ctx ends while it is written may come into effect or not.
type Directory struct {
	c    *Client
	cap  caps.Read
	file backing
}

// A backing is the file that a directory is kept in.
type backing interface {
	// Contents is the whole file, which nobody changes; more than limit bytes are ErrTooLarge.
	Contents(ctx context.Context, limit int64) ([]byte, mutable.Version, error)
}

// editable is a backing that can change, if its capability allows to; see mutable.File.
type editable interface {
	backing
	Cap() caps.Read
	Prepare(ctx context.Context, limit int64) error
	Modify(ctx context.Context, limit int64, edit func(old []byte) ([]byte, error)) (mutable.Version, error)
}

// mutables make and open what mutable directories are kept in.
type mutables interface {
	open(k caps.Read) (editable, error)
	create(ctx context.Context, o mutable.CreateOptions, contents func(caps.MutableWrite) ([]byte, error)) (editable, error)
}

// openDirectory opens a DirectoryRead or a DirectoryWrite.
func (c *Client) openDirectory(k caps.Read) (Node, error) {
	inner := innerOf(k)
	d := &Directory{c: c, cap: k}
	if !caps.IsMutable(k) {
		d.file = immutableBacking{c.c.Budget, c.openFile(inner)}
		return d, nil
	}
	f, err := c.mutable.open(inner)
	if err != nil {
		return nil, err
	}
	d.file = f
	return d, nil
}

func innerOf(k caps.Read) caps.Read {
	switch k := k.(type) {
	case caps.DirectoryWrite:
		return k.Inner()
	case caps.DirectoryRead:
		return k.Inner()
	}
	return k
}

// Cap is the capability that the directory was opened with: a caps.DirectoryRead or caps.DirectoryWrite.
func (d *Directory) Cap() caps.Cap { return d.cap }

// Writeable says whether the capability allows to change the directory.
func (d *Directory) Writeable() bool { _, ok := d.cap.(caps.Write); return ok }

// Mutable says whether the directory can change at all.
func (d *Directory) Mutable() bool { return caps.IsMutable(d.cap) }

// Child is the directory as an entry of another one would hold it.
func (d *Directory) Child() Child { return ChildOf(d.cap) }

// List reads the directory.
func (d *Directory) List(ctx context.Context) (*Listing, error) {
	b, _, err := d.file.Contents(ctx, MaxDirectory)
	if err != nil {
		return nil, err
	}
	t, err := dirnode.Parse(b, d.cap)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caps.Abbrev(d.cap), err)
	}
	return &Listing{d, t}, nil
}

// Get reads the entry of a name: *NoChildError when there is none.
func (d *Directory) Get(ctx context.Context, name string) (Entry, error) {
	l, err := d.List(ctx)
	if err != nil {
		return Entry{}, err
	}
	return l.Get(name)
}

// A Listing is what a directory held when it was read. It never changes.
type Listing struct {
	d *Directory
	t *dirnode.Table
}

// Format does what it does of the table, whatever the verb.
func (l Listing) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%v", l.t) }

// Directory is the directory.
func (l *Listing) Directory() *Directory { return l.d }

// Size is the size of the directory's file, in bytes.
func (l *Listing) Size() int64 { return int64(l.t.Size()) }

// Len is the number of entries: at least as many as All yields, and of a directory that keeps to the rules just as many.
func (l *Listing) Len() int { return l.t.Len() }

// Get is the entry of a name: *NoChildError when there is none.
func (l *Listing) Get(name string) (Entry, error) { return l.t.Get(name) }

// All yields the entries in the order of their names. They are decoded a little ahead, on all processors; it never holds all of
// them.
func (l *Listing) All() iter.Seq[Entry] { return l.t.Ahead(l.d.c.c.Pool) }

// Entries are all entries in the order of their names, decoded on all processors.
func (l *Listing) Entries(ctx context.Context) ([]Entry, error) {
	return l.t.Entries(ctx, l.d.c.c.Pool)
}
