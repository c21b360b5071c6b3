package immutable

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tahoe/lafs/grid"
	"tahoe/storage"
)

// An Answer is what one server said when it was asked about the shares of a file.
type Answer struct {
	Server string             // the server's name
	Shares []storage.ShareNum // the shares that it holds or took
	Err    error              // why it gave none, or lost them; nil when it simply had nothing
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

// withoutServer is the text of an error whose server is named already, and whose operation does not matter. It is the same
// for all servers with the same trouble.
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

// UnhappyError reports that the shares of a file could not be spread over enough servers. Nothing of the upload is kept.
type UnhappyError struct {
	Needed, Happy, Total int // what was asked for
	Happiness            int // what could be reached: servers of which any Needed can rebuild the file
	Servers              int // servers that hold or would take at least one share
	Placed               int // shares that found a server
	Answers              []Answer
}

func (e *UnhappyError) Error() string {
	s := e.reason() + "; " + strconv.Itoa(e.Placed) + " of " + count(e.Total, "share") + " found a place"
	if len(e.Answers) > 0 {
		s += " (" + answersText(e.Answers) + ")"
	}
	return s
}

func (e *UnhappyError) reason() string {
	want := fmt.Sprintf("the upload asks for at least %s of which any %d can rebuild the file", count(e.Happy, "server"), e.Needed)
	switch {
	case e.Servers < e.Needed:
		return fmt.Sprintf("only %s can hold shares, and %s", count(e.Servers, "server"), want)
	case e.Happiness < e.Needed:
		return fmt.Sprintf("%s can hold shares, but so unevenly that not every %d of them could rebuild the file, and %s", count(e.Servers, "server"), e.Needed, want)
	default:
		return fmt.Sprintf("shares can be spread over %s only, and %s", count(e.Happiness, "server"), want)
	}
}

// Unwrap gives what went wrong at each server.
func (e *UnhappyError) Unwrap() []error { return answerErrors(e.Answers) }

// NotEnoughSharesError reports that fewer good shares of a file were found than it takes to rebuild it.
type NotEnoughSharesError struct {
	Have, Need int
	Asked      []Answer
}

func (e *NotEnoughSharesError) Error() string {
	s := fmt.Sprintf("found %d good shares, and %d are needed to rebuild the file", e.Have, e.Need)
	if e.Have == 1 {
		s = fmt.Sprintf("found 1 good share, and %d are needed to rebuild the file", e.Need)
	}
	if len(e.Asked) == 0 {
		return s + "; no server could be asked"
	}
	return s + "; asked " + count(len(e.Asked), "server") + " (" + answersText(e.Asked) + ")"
}

// Unwrap gives what went wrong at each server.
func (e *NotEnoughSharesError) Unwrap() []error { return answerErrors(e.Asked) }

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

func answerErrors(answers []Answer) []error {
	var errs []error
	for _, a := range answers {
		if a.Err != nil {
			errs = append(errs, a.Err)
		}
	}
	return errs
}

// CorruptShareError reports a share that does not verify. It is never fatal by itself: its server is advised, and
// another share is tried.
type CorruptShareError struct {
	Server string
	Index  storage.Index
	Share  storage.ShareNum
	Part   string // which part of the share: "block 3", "URI extension block", …
	Err    error  // what is wrong with it; may be nil
}

func (e *CorruptShareError) Error() string {
	return fmt.Sprintf("share %d of %s on %s is corrupt in its %s", e.Share, e.Index.Abbrev(), e.Server, e.trouble())
}

// trouble is what is wrong with the share.
func (e *CorruptShareError) trouble() string {
	if e.Err == nil {
		return e.Part
	}
	return e.Part + ": " + e.Err.Error()
}

func (e *CorruptShareError) Unwrap() error { return e.Err }
