package web

import (
	"errors"
	"io/fs"
	"net/http"

	"tahoe/frontends/vfs"
	"tahoe/frontends/web/wapi"
)

// ofHome gives the errors of an account's tree their statuses; all others have theirs.
func ofHome(err error) error {
	if _, ok := errors.AsType[problem](err); ok || err == nil {
		return err
	}
	p := problem{}
	switch {
	case errors.Is(err, vfs.ErrQuota):
		p = problem{status: http.StatusInsufficientStorage, kind: wapi.KindNoSpace, text: "there is no room left for it: the account's quota is used up"}
	case errors.Is(err, vfs.ErrNoSpace):
		p = problem{status: http.StatusInsufficientStorage, kind: wapi.KindNoSpace, text: "the node has no room left for files on their way to the grid; try again when some have arrived"}
	case errors.Is(err, vfs.ErrUnavailable), errors.Is(err, vfs.ErrTooManyFiles), errors.Is(err, fs.ErrClosed):
		p = problem{status: http.StatusServiceUnavailable, text: "the grid cannot serve this now; try again later"}
	case errors.Is(err, vfs.ErrWaiting):
		p = conflict("it is still on its way to the grid, and can be shared when it has arrived")
	case errors.Is(err, vfs.ErrReadOnly):
		p = problem{status: http.StatusForbidden, text: "this account, or this part of its files, can be read and not changed"}
	case errors.Is(err, vfs.ErrNotEmpty):
		p = conflict("the directory is not empty")
	case errors.Is(err, fs.ErrExist):
		p = conflict("there is something of that name already, and it was not to be replaced")
	case errors.Is(err, vfs.ErrIsDirectory):
		p = conflict("there is a directory by that name, which is not replaced by a file")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrNotDirectory):
		p = problem{status: http.StatusNotFound, text: "there is nothing of that name"}
	case errors.Is(err, fs.ErrPermission):
		p = problem{status: http.StatusForbidden, text: "that is not allowed here"}
	case errors.Is(err, fs.ErrInvalid):
		p = badRequest("that is not possible: a directory cannot be put into itself")
	default:
		return err
	}
	return problemBecause{p, err}
}

// A problemBecause is a problem whose cause is for the log.
type problemBecause struct {
	problem
	cause error
}

func (p problemBecause) Error() string { return p.text + " (" + p.cause.Error() + ")" }

func (p problemBecause) Unwrap() []error { return []error{p.problem, p.cause} }
