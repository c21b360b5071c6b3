package web

import (
	"context"
	"io"

	"tahoe/caps"
	"tahoe/lafs"
)

// A Store holds the files and directories that are served: a *lafs.Client, which says what its methods do.
type Store interface {
	Put(ctx context.Context, src io.Reader, o lafs.PutOptions) (lafs.PutResult, error)
	PutMutable(ctx context.Context, src io.Reader, size int64, o lafs.MutableOptions) (*lafs.MutableFile, error)
	Mkdir(ctx context.Context, children []lafs.NewChild, o lafs.MkdirOptions) (*lafs.Directory, error)
	MkdirImmutable(ctx context.Context, children []lafs.NewChild) (*lafs.Directory, error)

	MayOpen(k caps.Cap) error
	OpenChild(c lafs.Child) (lafs.Node, error)
	OpenDirectory(k caps.Cap) (*lafs.Directory, error)

	Lookup(ctx context.Context, root caps.Cap, path []string) (lafs.Entry, error)
	LookupDirectory(ctx context.Context, root caps.Cap, path []string) (*lafs.Directory, error)
	MakePath(ctx context.Context, root caps.Cap, path []string, o lafs.MkdirOptions) (*lafs.Directory, error)
	Move(ctx context.Context, from *lafs.Directory, fromName string, to *lafs.Directory, toName string, r lafs.Replace) error
	Walk(ctx context.Context, root caps.Cap, visit func(lafs.Visit) error) error

	Check(ctx context.Context, k caps.Cap, o lafs.CheckOptions) (*lafs.CheckResult, error)
	Repair(ctx context.Context, k caps.Cap, o lafs.CheckOptions) (*lafs.RepairResult, error)
	DeepCheck(ctx context.Context, root caps.Cap, repair bool, o lafs.CheckOptions, visit func(lafs.Checked) error) error
}
