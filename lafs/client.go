// Package lafs is the file store of a grid: files, mutable files, and directories of both, reached by their capabilities and
// by paths from those. It is for front ends, and for programs that use a grid as a library.
//
// A directory is a table (package dirnode) in a file. Edits of one directory that come together go out together: one version of
// the file holds them all, and each has its own result. See Directory.
//
// The invariant: a Node can do no more than the capability that it was opened with, and what is reached through a directory no
// more than the directory allows.
package lafs

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
)

// PutOptions say how a file is stored. Size has to be stated: -1 when it is not known.
type PutOptions = immutable.UploadOptions

// A PutResult tells what Put did, and has the capability.
type PutResult = immutable.UploadResult

// Config is what a Client works with. Uploader, Downloader and Mutable are required; what else is zero has a default.
type Config struct {
	Uploader   *immutable.Uploader
	Downloader *immutable.Downloader
	Mutable    *mutable.Files
	Checker    *immutable.Checker  // to check immutable files; without one they cannot be
	Repairer   *immutable.Repairer // to repair them
	Pool       *reactor.Pool       // for reading directories; a pool of its own
	Budget     *reactor.Budget     // bounds the memory of immutable directories under way; not the Downloader's, which they wait for; 32 MiB of its own
	Format     Format              // of mutable files and directories that do not say; SDMF
	Clock      reactor.Clock       // for the times in metadata; the system's
	Log        *slog.Logger        // discards
	// Access may forbid to open what an index names, with a *ProhibitedError; nil allows all.
	Access func(storage.Index) error
}

// A Client stores and opens files and directories on one grid. It may be used by several goroutines at once.
//
// There is to be one for each node: edits of one directory meet in it, whichever front end they come from.
type Client struct {
	c       Config
	mutable mutables
	edits   commits
}

// New makes a client.
func New(c Config) *Client {
	if c.Pool == nil {
		c.Pool = reactor.NewPool(0)
	}
	if c.Budget == nil {
		c.Budget = reactor.NewBudget(32 << 20)
	}
	if c.Format == "" {
		c.Format = SDMF
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Access == nil {
		c.Access = func(storage.Index) error { return nil }
	}
	return &Client{c: c, mutable: overGrid{c.Mutable}}
}

// Put stores what src yields as an immutable file. See immutable.Uploader.Upload about sources.
func (c *Client) Put(ctx context.Context, src io.Reader, o PutOptions) (PutResult, error) {
	_, r, err := c.c.Uploader.Upload(ctx, src, o)
	if err != nil {
		return PutResult{}, err
	}
	return *r, nil
}

// overGrid is the mutable files of a grid.
type overGrid struct{ files *mutable.Files }

var errNoMutable = errors.New("this client was made without mutable files")

func (g overGrid) open(k caps.Read) (editable, error) {
	if g.files == nil {
		return nil, errNoMutable
	}
	return g.files.Open(k)
}

func (g overGrid) create(ctx context.Context, o mutable.CreateOptions, contents func(caps.MutableWrite) ([]byte, error)) (editable, error) {
	if g.files == nil {
		return nil, errNoMutable
	}
	return g.files.Create(ctx, o, contentsSource(contents))
}
