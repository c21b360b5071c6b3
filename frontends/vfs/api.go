package vfs

import (
	"context"
	"errors"
	"iter"

	"tahoe/frontends/auth"
)

// An FS is the file system of a node, common to all sessions and doors. It is a reactor.Service, which commits what has been
// closed. It may be used by several goroutines at once.
type FS struct{}

// Open opens the folder with the staged files, and finds those that were on their way when the node stopped.
func Open(c Config) (*FS, error) { return nil, errors.ErrUnsupported }

// Run commits until ctx ends.
func (f *FS) Run(ctx context.Context, ready func()) error { return errors.ErrUnsupported }

// Close gives up the folder. It is called after Run has returned.
func (f *FS) Close() error { return nil }

// View makes the tree of an account. The caller closes it when the session is over.
func (f *FS) View(a auth.Account) *View { return nil }

// Realm makes views for a portal.
func (f *FS) Realm() auth.Realm[*View] {
	return func(_ context.Context, a auth.Account) (*View, func(), error) {
		v := f.View(a)
		return v, v.Close, nil
	}
}

// Queue lists the files that are on their way to the grid, in the order in which they were closed.
func (f *FS) Queue() []Waiting { return nil }

// Retry lets all that is waiting to try again try now.
func (f *FS) Retry() {}

// Discard gives a file up that is on its way: it is lost. fs.ErrNotExist when there is none with this ID.
func (f *FS) Discard(ctx context.Context, id uint64) error { return errors.ErrUnsupported }

// Staged is how many bytes staged files take, and how many they may.
func (f *FS) Staged() (used, limit int64) { return 0, 0 }

// A View is one session's sight of an account's tree. Paths begin at the account's root, are separated by slashes, and are cleaned: no ..
// leads out of it. /uri/CAP/… is the tree of any capability, for accounts that may. It may be used by several goroutines at once.
type View struct{}

// Close abandons what is open. What was closed before goes its way.
func (v *View) Close() {}

// Account is whose tree it is.
func (v *View) Account() auth.Account { return auth.Account{} }

// Stat describes what is at a path.
func (v *View) Stat(ctx context.Context, path string) (Info, error) {
	return Info{}, errors.ErrUnsupported
}

// List describes what is in a directory, sorted by name. The sequence asks servers for the sizes of mutable files as it
// goes on; it does not fail.
func (v *View) List(ctx context.Context, path string) (iter.Seq[Info], error) {
	return nil, errors.ErrUnsupported
}

// Open opens a file. The caller ends it with Close, or with Abandon when it did not come to its end.
func (v *View) Open(ctx context.Context, path string, flags Flag) (*File, error) {
	return nil, errors.ErrUnsupported
}

// Mkdir makes a directory. Its parent is there: see MkdirAll.
func (v *View) Mkdir(ctx context.Context, path string) error { return errors.ErrUnsupported }

// MkdirAll makes a directory and its parents; what is there already is no error, if it is a directory.
func (v *View) MkdirAll(ctx context.Context, path string) error { return errors.ErrUnsupported }

// Remove removes a file, or the link to what this version does not know.
func (v *View) Remove(ctx context.Context, path string) error { return errors.ErrUnsupported }

// Rmdir removes an empty directory.
func (v *View) Rmdir(ctx context.Context, path string) error { return errors.ErrUnsupported }

// RemoveAll removes whatever is at a path, with all that is in it, in one step.
func (v *View) RemoveAll(ctx context.Context, path string) error { return errors.ErrUnsupported }

// Rename gives a file or directory another path. What is there is replaced, a file by a file, when replace says so; else fs.ErrExist.
func (v *View) Rename(ctx context.Context, from, to string, replace bool) error {
	return errors.ErrUnsupported
}

// Link gives a file a second path: both lead to the same capability. A file that is on its way is waited for.
func (v *View) Link(ctx context.Context, from, to string, replace bool) error {
	return errors.ErrUnsupported
}

// SetAttr changes attributes.
func (v *View) SetAttr(ctx context.Context, path string, a Attr) error { return errors.ErrUnsupported }

// Statfs says how much room there is for this account: its quota and what is left of it, or what the grid has.
func (v *View) Statfs(ctx context.Context) (Space, error) { return Space{}, errors.ErrUnsupported }

// A File is an open file. It may be used by several goroutines at once.
type File struct{}

// Stat describes the file as it is now, written or not.
func (f *File) Stat(ctx context.Context) (Info, error) { return Info{}, errors.ErrUnsupported }

// ReadAt reads as io.ReaderAt does.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return 0, errors.ErrUnsupported
}

// WriteAt writes as io.WriterAt does. It keeps nothing of p.
func (f *File) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return 0, errors.ErrUnsupported
}

// SetAttr changes attributes; they go to the grid with the content.
func (f *File) SetAttr(ctx context.Context, a Attr) error { return errors.ErrUnsupported }

// Sync returns when what was written is on the node's disk. It does not publish it.
func (f *File) Sync(ctx context.Context) error { return errors.ErrUnsupported }

// Close ends the file, and commits what was written. Calling it again gives fs.ErrClosed.
func (f *File) Close(ctx context.Context) error { return errors.ErrUnsupported }

// Abandon ends the file, and forgets what was written through it. After Close it does nothing.
func (f *File) Abandon() {}
