// Package lafs is the file store of a grid: it puts files there and opens what a capability names. It is for front ends,
// and for programs that use a grid as a library.
//
// The invariant: a Node can do no more than the capability that it was opened with.
package lafs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/storage"
)

// ErrWrongKind means that a capability is of another kind than what it was used for.
var ErrWrongKind = errors.New("wrong kind of capability")

// PutOptions say how a file is stored. Size has to be stated: -1 when it is not known.
type PutOptions = immutable.UploadOptions

// A PutResult tells what Put did, and has the capability.
type PutResult = immutable.UploadResult

// A Client stores and opens files on one grid. It may be used by several goroutines at once.
type Client struct {
	up   *immutable.Uploader
	down *immutable.Downloader
}

// NewClient makes a client that works with these.
func NewClient(up *immutable.Uploader, down *immutable.Downloader) *Client {
	return &Client{up: up, down: down}
}

// Put stores what src yields as an immutable file. See immutable.Uploader.Upload about sources.
func (c *Client) Put(ctx context.Context, src io.Reader, o PutOptions) (PutResult, error) {
	_, r, err := c.up.Upload(ctx, src, o)
	if err != nil {
		return PutResult{}, err
	}
	return *r, nil
}

// A Node is what a capability names: a File, so far.
type Node interface {
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

// Open makes a Node of a capability, which names a file that can be read: else ErrWrongKind. It asks no server.
func (c *Client) Open(k caps.Cap) (Node, error) {
	switch k := k.(type) {
	case caps.CHK:
		return chkFile{c.down.Open(k), func() caps.CHK { return k }}, nil
	case caps.Literal:
		return literalFile{func() caps.Literal { return k }}, nil
	default:
		return nil, fmt.Errorf("%s %w", whatIs(k), ErrWrongKind)
	}
}

// whatIs begins the sentence that says why k cannot be opened.
func whatIs(k caps.Cap) string {
	_, verify := k.(caps.Verify)
	_, unknown := k.(caps.Unknown)
	switch {
	case k == nil:
		return "there is no capability to open:"
	case unknown:
		return "the capability is of a kind that this version does not know:"
	case verify:
		return caps.Abbrev(k) + " allows to verify, and not to read:"
	case caps.IsDirectory(k):
		return caps.Abbrev(k) + " names a directory, and only immutable files can be opened:"
	default:
		return caps.Abbrev(k) + " names a mutable file, and only immutable files can be opened:"
	}
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
