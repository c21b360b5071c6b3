package lafs

import (
	"context"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/storage"
)

// A Node is what a capability names: a File, a *MutableFile, a *Directory, or an *UnknownNode.
type Node interface {
	// Cap is the capability that the node was opened with.
	Cap() caps.Cap
}

// A File is an immutable file. It may be read by several goroutines at once, and holds nothing that needs closing.
type File interface {
	Node
	Size() int64
	// Read writes n bytes from off on to w, in order. A range that ends behind the end of the file ends there; one that
	// begins there is empty; a negative one is storage.ErrRange. Nothing is written that is not verified.
	Read(ctx context.Context, off, n int64, w io.Writer) error
}

// A MutableFile is a mutable file that holds no directory. See mutable.File for its methods.
type MutableFile struct{ *mutableFile }

type mutableFile = mutable.File

// Cap is the capability that the file was opened with.
func (f *MutableFile) Cap() caps.Cap { return f.mutableFile.Cap() }

// An UnknownNode is something that only a later version understands.
type UnknownNode struct{ child Child }

// Cap is the capability that it was opened with.
func (n *UnknownNode) Cap() caps.Cap { return n.child.Cap() }

// Child has the capabilities that a directory keeps of it.
func (n *UnknownNode) Child() Child { return n.child }

// Open makes a Node of a capability to read or write, or of an unknown one: what only verifies is ErrWrongKind. What the
// client's Access forbids is a *ProhibitedError. Open asks no server.
func (c *Client) Open(k caps.Cap) (Node, error) {
	if err := c.MayOpen(k); err != nil {
		return nil, err
	}
	switch k := k.(type) {
	case caps.CHK, caps.Literal:
		return c.openFile(k.(caps.Read)), nil
	case caps.MutableRead, caps.MutableWrite:
		return c.openMutable(k.(caps.Read))
	case caps.DirectoryRead, caps.DirectoryWrite:
		return c.openDirectory(k.(caps.Read))
	case caps.Unknown:
		return &UnknownNode{ChildOf(k)}, nil
	case nil:
		return nil, fmt.Errorf("there is no capability to open: %w", ErrWrongKind)
	}
	return nil, fmt.Errorf("%s allows to verify, and not to read: %w", caps.Abbrev(k), ErrWrongKind)
}

// MayOpen says why the client's Access forbids to open what k names, with a *ProhibitedError, and takes no memory.
func (c *Client) MayOpen(k caps.Cap) error {
	if index, ok := caps.IndexOf(k); ok {
		return c.c.Access(index)
	}
	return nil
}

// OpenChild makes a Node of a child, of the capability of it that allows most. A child without one that can be opened is
// an *UnknownNode.
func (c *Client) OpenChild(ch Child) (Node, error) {
	if ch.Kind() == KindUnknown {
		return &UnknownNode{ch}, nil
	}
	return c.Open(ch.Cap())
}

// OpenDirectory makes a Directory of the capability of one: anything else is a *NotDirectoryError.
func (c *Client) OpenDirectory(k caps.Cap) (*Directory, error) {
	n, err := c.Open(k)
	if err != nil {
		return nil, err
	}
	d, ok := n.(*Directory)
	if !ok {
		return nil, &NotDirectoryError{}
	}
	return d, nil
}

// openFile opens a CHK or a Literal.
func (c *Client) openFile(k caps.Read) File {
	if k, ok := k.(caps.CHK); ok {
		return chkFile{c.c.Downloader.Open(k), func() caps.CHK { return k }}
	}
	literal, _ := k.(caps.Literal)
	return literalFile{func() caps.Literal { return literal }}
}

func (c *Client) openMutable(k caps.Read) (Node, error) {
	f, err := c.mutableFile(k)
	if err != nil {
		return nil, err
	}
	return &MutableFile{f}, nil
}

func (c *Client) mutableFile(k caps.Read) (*mutable.File, error) {
	f, err := c.mutable.open(k)
	if err != nil {
		return nil, err
	}
	file, ok := f.(*mutable.File)
	if !ok {
		return nil, fmt.Errorf("%s is in no grid: %w", caps.Abbrev(k), ErrWrongKind)
	}
	return file, nil
}

// chkFile keeps its capability in a function, which nothing prints.
type chkFile struct {
	*immutable.File
	cap func() caps.CHK
}

func (f chkFile) Cap() caps.Cap { return f.cap() }

// A literalFile is its capability, kept likewise.
type literalFile struct{ cap func() caps.Literal }

func (f literalFile) Cap() caps.Cap { return f.cap() }

func (f literalFile) Size() int64 { return int64(len(f.cap().Data())) }

func (f literalFile) Read(_ context.Context, off, n int64, w io.Writer) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("read %d bytes at %d: %w", n, off, storage.ErrRange)
	}
	data := f.cap().Data()
	data = data[min(off, int64(len(data))):]
	if data = data[:min(n, int64(len(data)))]; len(data) == 0 {
		return nil
	}
	_, err := w.Write(data)
	return err
}
