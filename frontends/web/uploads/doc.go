// Package uploads keeps files that clients send piece by piece, until they are on the grid. It is for the web port; it knows
// neither HTTP nor capabilities.
//
// An upload is a head, a staged file (package staging) without bytes whose note says what is known of the upload, and parts, staged
// files with the bytes in their order. A part is kept when it is full or when its client stops sending, so that what is on the disk is never
// written again, and no byte of a key stream is used twice. Small parts are joined into larger ones: a client that sends
// a file in tiny pieces does not leave as many files.
//
// The invariant: bytes that Append has reported are there until the upload is done, removed or expired, whatever happens to the node in
// between; and they are the first bytes of the file, without a gap.
package uploads

import (
	"errors"

	"tahoe/frontends/vfs/staging"
)

var (
	// ErrUnknown means that there is no such upload, or not any more.
	ErrUnknown = errors.New("there is no such upload: it was never begun, or is over, or has expired")
	// ErrTooMany means that there are as many uploads as there may be.
	ErrTooMany = errors.New("too many uploads are under way")
	// ErrNoSpace means that the uploads would take more than they may, or than the disk has.
	ErrNoSpace = staging.ErrNoSpace
)

const (
	// partSize is how much is lost at most when the node is killed.
	partSize = 32 << 20
	// maxUploads bounds what is remembered of uploads.
	maxUploads = 2000
	// unknown is the size of an upload before its client has said it.
	unknown = -1
)
