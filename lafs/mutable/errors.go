package mutable

import (
	"errors"

	"tahoe/storage"
)

// What callers of this package branch on.
var (
	ErrUncoordinated = errors.New("another writer changed the file at the same time")
	ErrReadOnly      = errors.New("the capability allows to read the file, and not to change it")
	ErrUnchanged     = errors.New("nothing to change")
	ErrTooLarge      = errors.New("the file is too large for that")
	ErrWrongKind     = errors.New("not the capability of a mutable file")
)

// An Answer is what one server said when it was asked about the shares of a file.
type Answer struct {
	Server string             // the server's name
	Shares []storage.ShareNum // the shares that it holds
	Err    error              // why it gave none, or bad ones; nil when it simply had nothing
}

// NotEnoughSharesError reports that no version of a file has as many good shares as it takes to rebuild it.
type NotEnoughSharesError struct {
	Have, Need int // of the version that is nearest to it; Need is 0 when no share was found
	Asked      []Answer
}

func (e *NotEnoughSharesError) Error() string { return "" }

// UncoordinatedWriteError reports that a server's share was not what this writer knew: another writer came in between. It is
// ErrUncoordinated.
type UncoordinatedWriteError struct {
	Version   Version  // what was to be written
	MayRemain bool     // some servers took shares of it, so that it may be, or become, what readers see
	Placed    int      // how many shares of it were accepted
	Surprised []string // the servers that showed another version
}

func (e *UncoordinatedWriteError) Error() string { return "" }

// Unwrap gives ErrUncoordinated.
func (e *UncoordinatedWriteError) Unwrap() error { return ErrUncoordinated }

// WriteError reports that a new version could not be placed on enough servers.
type WriteError struct {
	Version      Version // what was to be written
	Placed, Need int     // different shares of it that servers accepted, and how many are needed
	MayRemain    bool    // some servers took, or may have taken, shares of it
	Asked        []Answer
}

func (e *WriteError) Error() string { return "" }
