// Package vfs is one account's tree for protocols that think in paths and bytes: SFTP, FTP, WebDAV. It is for the front ends of
// those, which see it and package auth, and nothing of capabilities.
//
// An FS serves a node. It makes a View for everybody who signs in; a View opens Files. A file is read by range, with
// read-ahead. What is written goes to a staged file on the node's disk, encrypted, where every byte can be written again, and to the
// grid when the file is closed: in the background, or before Close returns, as configured. A staged file that has been closed is in a
// journal, sealed under a secret of the node, and is on the grid sooner or later, whatever happens to the node in between.
//
// Views of all sessions see the same files: one that is open or on its way to the grid is listed, read, renamed and removed as if it
// were there already. An exclusive creation is exclusive in this node.
//
// Modification times and modes are kept in the metadata of the link: mtime in seconds, mode as in Unix, and mtime-of, which says for what
// content the time holds, because others change the content and keep the metadata.
//
// The invariant: what has been closed is never lost, and what has not been closed is never published.
package vfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"tahoe/caps"
	"tahoe/internal/durable"
	"tahoe/reactor"
)

// What operations fail with beside fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid, fs.ErrClosed, errors.ErrUnsupported and the
// cause of a context. No error names a path or a capability.
var (
	ErrIsDirectory  = errors.New("it is a directory")
	ErrNotDirectory = errors.New("it is not a directory")
	ErrNotEmpty     = errors.New("the directory is not empty")
	ErrNoSpace      = errors.New("no space is left for files on their way to the grid")
	ErrQuota        = errors.New("the account's quota is used up")
	ErrUnavailable  = errors.New("the grid cannot serve it now") // the text behind it says why
	ErrReadOnly     = fmt.Errorf("it is read-only: %w", fs.ErrPermission)
	ErrTooManyFiles = errors.New("too many files are open")
)

// A Commit says when Close of a file that was written returns.
type Commit uint8

const (
	// Background: when the file is safe on the node's disk. It is uploaded then, and again until that succeeds.
	Background Commit = iota
	// OnClose: when it is on the grid. When that fails, Close does too, and the file is gone.
	OnClose
)

// A Config is what an FS is made of.
type Config struct {
	Grid    Grid
	Dir     string // holds staged files and their journal, and nothing else
	Secret  []byte // the journal is sealed under it; the same at every start
	Limit   int64  // how many bytes staged files may take on the disk; 0: 16 GiB
	Commit  Commit
	Workers int                                  // how many files are committed side by side; 0: 8
	Memory  *reactor.Budget                      // for read-ahead; nil: 64 MiB
	Free    func(context.Context) (Space, error) // what the grid has left for this node; nil: unknown
	Clock   reactor.Clock                        // nil: the system's
	Log     *slog.Logger                         // nil: none
	Disk    durable.FS                           // makes changes in Dir
	Notify  func(Waiting)                        // is told when a file has been committed or cannot be; nil: nobody is
}

// Space is what a file system says of itself, in bytes. Total 0: not known.
type Space struct{ Total, Free int64 }

// A Child is a name in a directory.
type Child struct {
	Name     string
	Cap      caps.Cap        // with all the power that the link gives
	Metadata json.RawMessage // a JSON object; nil: none
}

// A Source is a file on its way to the grid: bytes that may be read more than once.
type Source interface {
	io.Reader
	io.ReaderAt
}

// A Grid is what vfs needs of the file store; NewGrid makes one of a lafs.Client. Its errors are those of this package:
// fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, ErrIsDirectory, ErrNotDirectory; all others are taken to pass.
type Grid interface {
	// List is all that is in a directory, in no order. Names are NFC.
	List(ctx context.Context, dir caps.Read) ([]Child, error)
	// Link puts a child into a directory. A directory of that name is never replaced; a file only when replace says so.
	Link(ctx context.Context, dir caps.Write, c Child, replace bool) error
	// SetMetadata replaces the metadata of a child, and keeps what the grid keeps of it itself.
	SetMetadata(ctx context.Context, dir caps.Write, name string, metadata json.RawMessage) error
	Unlink(ctx context.Context, dir caps.Write, name string) error
	// Move gives a child another name and place; replace as with Link.
	Move(ctx context.Context, from caps.Write, name string, to caps.Write, toName string, replace bool) error
	// Mkdir makes a directory, which is not there yet, in dir.
	Mkdir(ctx context.Context, dir caps.Write, name string) (caps.Write, error)

	// Put stores an immutable file.
	Put(ctx context.Context, src Source, size int64) (caps.Read, error)
	Overwrite(ctx context.Context, file caps.MutableWrite, src Source, size int64) error
	// Read writes n bytes of a file from off on, in order and verified, fewer at its end.
	Read(ctx context.Context, file caps.Read, off, n int64, w io.Writer) error
	// Size asks servers for the size of a mutable file.
	Size(ctx context.Context, file caps.Read) (int64, error)
}

// A Flag says what a file is opened for: FlagRead or FlagWrite or both, and more.
type Flag uint8

const (
	FlagRead      Flag = 1 << iota
	FlagWrite          // without FlagTruncate what is there stays
	FlagCreate         // made when it is not there
	FlagExclusive      // with FlagCreate: fs.ErrExist when it is there
	FlagTruncate       // what is there goes
)

// An Attr is a change of attributes; nil fields stay.
type Attr struct {
	Size    *int64
	Mode    *fs.FileMode // permission bits; without any for writing the link says no-write
	ModTime *time.Time
}

// Waiting is the state of a file on its way to the grid.
type Waiting struct {
	ID        uint64
	Account   string
	Path      string // for people: as it was when the file was opened or renamed, without capabilities
	Size      int64
	Closed    time.Time
	State     State
	Attempts  int
	NextTry   time.Time // when State is Retrying
	LastError string    // of the last attempt
}

// A State is where a file stands between its close and the link.
type State string

// The states.
const (
	Queued    State = "queued"
	Filling   State = "fetching the unchanged parts"
	Uploading State = "uploading"
	Linking   State = "linking"
	Retrying  State = "waiting to try again"
	Done      State = "done"
)
