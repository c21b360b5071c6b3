package ftp

import (
	"context"
	"errors"
	"io/fs"

	"tahoe/frontends/vfs"
)

// fail answers with what an error means to a client. It is the one table from errors to replies; no text names a path.
func (in *session) fail(err error) {
	code, text := replyOf(err)
	if code == 451 {
		in.s.log.Warn("a command of FTP failed", "account", in.view.Account().Name, "reason", err.Error())
	}
	in.reply(code, text)
}

func replyOf(err error) (int, string) {
	for _, r := range replies {
		if errors.Is(err, r.err) {
			return r.code, r.text
		}
	}
	return 451, "That did not work; try again later."
}

// replies are looked through in their order. The table is not changed.
var replies = []struct {
	err  error
	code int
	text string
}{
	{errAborted, 426, "The transfer was aborted; nothing of it was kept."},
	{errGone, 426, "The client has gone."},
	{errFlooded, 421, "Too many commands came at once. Goodbye."},
	{errUnguarded, 521, "Data connections have to be protected here: PROT P."},
	{errNoWay, 425, "There is no data connection."},
	{errBroke, 426, "The data connection broke."},
	{errCut, 426, "The data connection broke; nothing of an upload was kept."},
	{errBeyond, 554, "The file ends before that position."},
	{vfs.ErrQuota, 552, "The account's quota is used up."},
	{vfs.ErrNoSpace, 452, "There is no room for it now."},
	{vfs.ErrTooManyFiles, 450, "Too many files are open."},
	{vfs.ErrIsDirectory, 550, "It is a directory."},
	{vfs.ErrNotDirectory, 550, "It is not a directory."},
	{vfs.ErrNotEmpty, 550, "The directory is not empty."},
	{vfs.ErrReadOnly, 550, "It is read-only: permission denied."},
	{vfs.ErrUnavailable, 450, "The grid cannot serve it now; try again later."},
	{fs.ErrNotExist, 550, "Not found: there is no such file or directory."},
	{fs.ErrExist, 550, "File exists."},
	{fs.ErrPermission, 550, "Permission denied."},
	{fs.ErrInvalid, 553, "That cannot be done with this name."},
	{errors.ErrUnsupported, 550, "That cannot be done with this file now."},
	{context.Canceled, 421, "The server stops."},
}
