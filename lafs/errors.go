package lafs

import (
	"errors"
	"strconv"

	"tahoe/lafs/dirnode"
	"tahoe/lafs/mutable"
)

// What callers branch on, besides the errors of immutable and mutable. The structs below, and those of dirnode, unwrap to
// them.
var (
	ErrWrongKind = errors.New("wrong kind of capability")
	// ErrReadOnly means that the capability does not allow to change what was to be changed, or that nothing does.
	ErrReadOnly   = mutable.ErrReadOnly
	ErrProhibited = errors.New("access prohibited")
	ErrTooLarge   = mutable.ErrTooLarge // a directory of more than MaxDirectory bytes

	ErrNoChild          = dirnode.ErrNoChild
	ErrChildExists      = dirnode.ErrChildExists
	ErrNotDirectory     = dirnode.ErrNotDirectory
	ErrIsDirectory      = dirnode.ErrIsDirectory
	ErrNotDeepImmutable = dirnode.ErrNotDeepImmutable
	ErrUnknownPower     = dirnode.ErrUnknownPower // an unknown capability to write, without one to read
	ErrNoCapability     = dirnode.ErrNoCapability
	ErrBadName          = dirnode.ErrBadName
	ErrBadMetadata      = dirnode.ErrBadMetadata
	ErrMalformed        = dirnode.ErrMalformed // what a directory is kept in is no directory
)

// Errors that name the child.
type (
	NoChildError     = dirnode.NoChildError     // is ErrNoChild
	ChildExistsError = dirnode.ChildExistsError // is ErrChildExists
	ChildError       = dirnode.ChildError       // is what is wrong with it
)

// A ProhibitedError says why access to a file or directory is forbidden here. It is ErrProhibited.
type ProhibitedError struct{ Reason string }

func (e *ProhibitedError) Error() string { return "access prohibited: " + e.Reason }

// Unwrap gives ErrProhibited.
func (e *ProhibitedError) Unwrap() error { return ErrProhibited }

// A NotDirectoryError says that a path goes through, or ends at, something that is no directory. It is ErrNotDirectory.
type NotDirectoryError struct {
	Name string // of that; empty when it is what the path begins at
	Kind Kind   // what it is
}

func (e *NotDirectoryError) Error() string {
	what := "a file"
	if e.Kind == KindUnknown {
		what = "of a kind that this version does not know"
	}
	if e.Name == "" {
		return "the capability names no directory"
	}
	return strconv.Quote(e.Name) + " is " + what + ", and not a directory"
}

// Unwrap gives ErrNotDirectory.
func (e *NotDirectoryError) Unwrap() error { return ErrNotDirectory }
