package dirnode

import (
	"errors"
	"fmt"
	"strconv"

	"tahoe/caps"
)

// What callers branch on. The structs below unwrap to them.
var (
	ErrMalformed        = errors.New("malformed directory")
	ErrNoChild          = errors.New("no such child")
	ErrChildExists      = errors.New("there is already a child by that name")
	ErrNotDirectory     = errors.New("not a directory")
	ErrIsDirectory      = errors.New("a directory, and not a file")
	ErrNotDeepImmutable = errors.New("only what can never change may be in an immutable directory")
	ErrUnknownPower     = errors.New("unknown capability that may allow to write comes without one to read")
	ErrNoCapability     = errors.New("a child has to have a capability")
	ErrBadName          = errors.New("not a name for a child")
	ErrBadMetadata      = errors.New("metadata is not a JSON object")
)

// A NoChildError names the child that a directory does not have. It is ErrNoChild.
type NoChildError struct{ Name string }

func (e *NoChildError) Error() string { return "no such child: " + e.Name }

// Unwrap gives ErrNoChild.
func (e *NoChildError) Unwrap() error { return ErrNoChild }

// A ChildExistsError names the child that was in the way. It is ErrChildExists.
type ChildExistsError struct {
	Name      string
	Directory bool // the child is a directory
}

func (e *ChildExistsError) Error() string {
	if e.Directory {
		return fmt.Sprintf("there is already a directory by the name %s", strconv.Quote(e.Name))
	}
	return fmt.Sprintf("there is already a child by the name %s", strconv.Quote(e.Name))
}

// Unwrap gives ErrChildExists.
func (e *ChildExistsError) Unwrap() error { return ErrChildExists }

// A ChildError names the child that something is wrong with: ErrNotDeepImmutable, ErrUnknownPower, ErrNoCapability,
// ErrBadName, ErrBadMetadata, ErrNotDirectory, ErrIsDirectory, caps.ErrTooPowerful or caps.ErrNotImmutable.
type ChildError struct {
	Name string
	Err  error
}

func (e *ChildError) Error() string { return "child " + strconv.Quote(e.Name) + ": " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *ChildError) Unwrap() error { return e.Err }

// notImmutable says that c may not be in an immutable directory.
func notImmutable(c caps.Cap) error { return fmt.Errorf("%s: %w", caps.Abbrev(c), ErrNotDeepImmutable) }
