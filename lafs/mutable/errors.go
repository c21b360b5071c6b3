package mutable

import (
	"errors"
	"fmt"
	"strings"

	"tahoe/internal/plural"
	"tahoe/lafs/grid"
)

// What callers of this package branch on.
var (
	ErrUncoordinated = errors.New("another writer changed the file at the same time")
	ErrReadOnly      = errors.New("the capability allows to read the file, and not to change it")
	ErrUnchanged     = errors.New("nothing to change")
	ErrTooLarge      = errors.New("the file is too large for that")
	ErrWrongKind     = errors.New("not the capability of a mutable file")
	ErrChanged       = errors.New("the file was changed while it was read")
)

// errLate is what servers are blamed for that did not answer in time.
var errLate = errors.New("no answer in time")

// errContradictory is what a server is blamed for that refuses to replace the very share that it shows.
var errContradictory = errors.New("refused a write to the share that it shows")

// NotEnoughSharesError reports that no version of a file has as many good shares as it takes to rebuild it.
type NotEnoughSharesError struct {
	Have, Need int // of the version that is nearest to it; Need is 0 when no share was found
	Asked      grid.Answers
}

func (e *NotEnoughSharesError) Error() string {
	s := "found no share of the file"
	if e.Need > 0 {
		s = fmt.Sprintf("found %s of the file's best version, and %d are needed to rebuild it", plural.Of(e.Have, "good share"), e.Need)
	}
	if len(e.Asked) == 0 {
		return s + "; no server could be asked"
	}
	return s + "; asked " + plural.Of(len(e.Asked), "server") + " (" + e.Asked.String() + ")"
}

// Unwrap gives what went wrong at each server.
func (e *NotEnoughSharesError) Unwrap() []error { return e.Asked.Errors() }

// UncoordinatedWriteError reports that a server's shares were not what this writer knew: another writer came in between. It is
// ErrUncoordinated. What was to be written is not to be counted on: where MayRemain is false it is nowhere, where it is true
// it may be what readers see, now or after the next repair.
type UncoordinatedWriteError struct {
	Version   Version  // what was to be written
	MayRemain bool     // servers took, or may have taken, shares of it
	Placed    int      // how many different shares of it servers took
	Surprised []string // the servers that showed another version
}

func (e *UncoordinatedWriteError) Error() string {
	names := e.Surprised[:min(len(e.Surprised), grid.MaxNames)]
	s := fmt.Sprintf("%v: %s showed other shares than expected (%s)", ErrUncoordinated, plural.Of(len(e.Surprised), "server"), strings.Join(names, ", "))
	return s + "; " + remains(e.MayRemain, e.Placed)
}

// Unwrap gives ErrUncoordinated.
func (e *UncoordinatedWriteError) Unwrap() error { return ErrUncoordinated }

// remains says whether a write may have happened.
func remains(may bool, placed int) string {
	switch {
	case !may:
		return "nothing was written"
	case placed == 0:
		return "it is not known whether anything was written"
	default:
		return "the write may or may not have happened: " + plural.Of(placed, "share") + " of it was accepted"
	}
}

// WriteError reports that fewer shares of a new version were accepted than it takes to rebuild it.
type WriteError struct {
	Version      Version // what was to be written
	Placed, Need int     // different shares that servers took, and how many are needed
	MayRemain    bool    // servers took, or may have taken, shares of it
	Asked        grid.Answers
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("%s of the new version found a place, and %d are needed to rebuild it; %s", plural.Of(e.Placed, "share"), e.Need, remains(e.MayRemain, e.Placed))
	if len(e.Asked) == 0 {
		return s + "; " + grid.ErrNoServers.Error()
	}
	return s + "; asked " + plural.Of(len(e.Asked), "server") + " (" + e.Asked.String() + ")"
}

// Unwrap gives what went wrong at each server, or grid.ErrNoServers.
func (e *WriteError) Unwrap() []error {
	if len(e.Asked) == 0 {
		return []error{grid.ErrNoServers}
	}
	return e.Asked.Errors()
}
