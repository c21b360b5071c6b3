package sftp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/pkg/sftp"

	"tahoe/frontends/vfs"
)

// codeOf is the table of all codes. What has none of its own is a failure, with its text.
func codeOf(err error) uint32 {
	switch {
	case err == nil:
		return codeOK
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, vfs.ErrNotDirectory):
		return codeNoSuchFile
	case errors.Is(err, fs.ErrExist): // version 3 has no code for it, and clients take a failure of a creation for that
		return codeFailure
	case errors.Is(err, fs.ErrPermission):
		return codePermission
	case errors.Is(err, errors.ErrUnsupported):
		return codeUnsupported
	case errors.Is(err, fs.ErrInvalid), errors.Is(err, errPacket):
		return codeBadMessage
	case errors.Is(err, io.EOF):
		return codeEOF
	}
	return codeFailure
}

// asStatus gives an error the form in which the library finds its code.
func asStatus(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	switch codeOf(err) {
	case codeNoSuchFile:
		return os.ErrNotExist
	case codePermission:
		return sftp.ErrSSHFxPermissionDenied
	case codeUnsupported:
		return sftp.ErrSSHFxOpUnsupported
	case codeBadMessage:
		return sftp.ErrSSHFxBadMessage
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("the session is over")
	}
	return errors.New(err.Error()) // without a chain in which the library would find what it knows
}
