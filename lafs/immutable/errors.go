package immutable

import (
	"fmt"
	"strconv"

	"tahoe/internal/plural"
	"tahoe/lafs/grid"
)

// UnhappyError reports that the shares of a file could not be spread over enough servers. Nothing of the upload is kept.
type UnhappyError struct {
	Needed, Happy, Total int // what was asked for
	Happiness            int // what could be reached: servers of which any Needed can rebuild the file
	Servers              int // servers that hold or would take at least one share
	Placed               int // shares that found a server
	Answers              grid.Answers
}

func (e *UnhappyError) Error() string {
	s := e.reason() + "; " + strconv.Itoa(e.Placed) + " of " + plural.Of(e.Total, "share") + " found a place"
	if len(e.Answers) > 0 {
		s += " (" + e.Answers.String() + ")"
	}
	return s
}

func (e *UnhappyError) reason() string {
	want := fmt.Sprintf("the upload asks for at least %s of which any %d can rebuild the file", plural.Of(e.Happy, "server"), e.Needed)
	switch {
	case e.Servers < e.Needed:
		return fmt.Sprintf("only %s can hold shares, and %s", plural.Of(e.Servers, "server"), want)
	case e.Happiness < e.Needed:
		return fmt.Sprintf("%s can hold shares, but so unevenly that not every %d of them could rebuild the file, and %s", plural.Of(e.Servers, "server"), e.Needed, want)
	default:
		return fmt.Sprintf("shares can be spread over %s only, and %s", plural.Of(e.Happiness, "server"), want)
	}
}

// Unwrap gives what went wrong at each server.
func (e *UnhappyError) Unwrap() []error { return e.Answers.Errors() }

// NotEnoughSharesError reports that fewer good shares of a file were found than it takes to rebuild it.
type NotEnoughSharesError struct {
	Have, Need int
	Asked      grid.Answers
}

func (e *NotEnoughSharesError) Error() string {
	s := fmt.Sprintf("found %d good shares, and %d are needed to rebuild the file", e.Have, e.Need)
	if e.Have == 1 {
		s = fmt.Sprintf("found 1 good share, and %d are needed to rebuild the file", e.Need)
	}
	if len(e.Asked) == 0 {
		return s + "; no server could be asked"
	}
	return s + "; asked " + plural.Of(len(e.Asked), "server") + " (" + e.Asked.String() + ")"
}

// Unwrap gives what went wrong at each server.
func (e *NotEnoughSharesError) Unwrap() []error { return e.Asked.Errors() }

// MismatchError reports that a capability contradicts the shares that are stored under its index: it was mistyped, or the
// shares are those of another file. It is a NotEnoughSharesError, of no good share, that blames no server.
type MismatchError struct {
	Reason string
	short  NotEnoughSharesError
}

func (e *MismatchError) Error() string {
	return "the capability does not fit the shares: " + e.Reason
}

// Unwrap gives the NotEnoughSharesError.
func (e *MismatchError) Unwrap() error { return &e.short }
