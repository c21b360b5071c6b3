package mutable

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tahoe/lafs/grid"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
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

// An Answer is what one server said when it was asked about the shares of a file.
type Answer struct {
	Server string             // the server's name
	Shares []storage.ShareNum // the good shares that it holds or took
	Err    error              // why it gave none, or bad ones; nil when it simply had nothing
}

func (a Answer) String() string { return a.Server + ": " + a.text() }

// text is what the server said.
func (a Answer) text() string {
	switch {
	case a.Err != nil:
		return withoutServer(a.Err)
	case len(a.Shares) == 0:
		return "no shares"
	default:
		return count(len(a.Shares), "share")
	}
}

// withoutServer is the text of an error whose server is named already.
func withoutServer(err error) string {
	if c, ok := errors.AsType[*CorruptShareError](err); ok {
		return "a corrupt share, " + c.trouble()
	}
	if se, ok := errors.AsType[*grid.ServerError](err); ok {
		return se.Err.Error()
	}
	return err.Error()
}

// maxAnswers is how many different answers an error spells out, and maxNames of how many servers that gave the same.
const (
	maxAnswers = 12
	maxNames   = 12
)

// answersText says once what several servers said, in the order in which it was said first.
func answersText(answers []Answer) string {
	var texts []string
	servers := map[string][]string{}
	for _, a := range answers {
		text := a.text()
		if servers[text] == nil {
			texts = append(texts, text)
		}
		servers[text] = append(servers[text], a.Server)
	}
	var parts []string
	shown := 0
	for _, text := range texts[:min(len(texts), maxAnswers)] {
		names := servers[text]
		shown += len(names)
		if more := len(names) - maxNames; more > 0 {
			names = append(names[:maxNames:maxNames], count(more, "other"))
		}
		parts = append(parts, strings.Join(names, ", ")+": "+text)
	}
	if more := len(answers) - shown; more > 0 {
		parts = append(parts, "and "+count(more, "other server"))
	}
	return strings.Join(parts, "; ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func answerErrors(answers []Answer) []error {
	var errs []error
	for _, a := range answers {
		if a.Err != nil {
			errs = append(errs, a.Err)
		}
	}
	return errs
}

// NotEnoughSharesError reports that no version of a file has as many good shares as it takes to rebuild it.
type NotEnoughSharesError struct {
	Have, Need int // of the version that is nearest to it; Need is 0 when no share was found
	Asked      []Answer
}

func (e *NotEnoughSharesError) Error() string {
	s := "found no share of the file"
	if e.Need > 0 {
		s = fmt.Sprintf("found %s of the file's best version, and %d are needed to rebuild it", count(e.Have, "good share"), e.Need)
	}
	if len(e.Asked) == 0 {
		return s + "; no server could be asked"
	}
	return s + "; asked " + count(len(e.Asked), "server") + " (" + answersText(e.Asked) + ")"
}

// Unwrap gives what went wrong at each server.
func (e *NotEnoughSharesError) Unwrap() []error { return answerErrors(e.Asked) }

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
	names := e.Surprised[:min(len(e.Surprised), maxNames)]
	s := fmt.Sprintf("%v: %s showed other shares than expected (%s)", ErrUncoordinated, count(len(e.Surprised), "server"), strings.Join(names, ", "))
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
		return "the write may or may not have happened: " + count(placed, "share") + " of it was accepted"
	}
}

// WriteError reports that fewer shares of a new version were accepted than it takes to rebuild it.
type WriteError struct {
	Version      Version // what was to be written
	Placed, Need int     // different shares that servers took, and how many are needed
	MayRemain    bool    // servers took, or may have taken, shares of it
	Asked        []Answer
}

func (e *WriteError) Error() string {
	s := fmt.Sprintf("%s of the new version found a place, and %d are needed to rebuild it; %s", count(e.Placed, "share"), e.Need, remains(e.MayRemain, e.Placed))
	if len(e.Asked) == 0 {
		return s + "; " + grid.ErrNoServers.Error()
	}
	return s + "; asked " + count(len(e.Asked), "server") + " (" + answersText(e.Asked) + ")"
}

// Unwrap gives what went wrong at each server, or grid.ErrNoServers.
func (e *WriteError) Unwrap() []error {
	if len(e.Asked) == 0 {
		return []error{grid.ErrNoServers}
	}
	return answerErrors(e.Asked)
}

// CorruptShareError reports a share that does not verify. It is never fatal by itself: its server is advised, and other
// shares are tried.
type CorruptShareError struct {
	Server string
	Index  storage.Index
	Share  storage.ShareNum
	Part   string // which part of the share: "signature", "block hash tree", …
	Err    error  // what is wrong with it
}

func (e *CorruptShareError) Error() string {
	return fmt.Sprintf("share %d of %s on %s is corrupt in its %s", e.Share, e.Index.Abbrev(), e.Server, e.trouble())
}

// trouble is what is wrong with the share.
func (e *CorruptShareError) trouble() string {
	if c, ok := errors.AsType[*layout.CorruptError](e.Err); ok {
		return e.Part + ": " + c.Reason
	}
	if e.Err == nil {
		return e.Part
	}
	return e.Part + ": " + e.Err.Error()
}

func (e *CorruptShareError) Unwrap() error { return e.Err }
