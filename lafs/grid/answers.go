package grid

import (
	"errors"
	"fmt"
	"strings"

	"tahoe/internal/plural"
	"tahoe/storage"
)

// An Answer is what one server said when it was asked about the shares of a file.
type Answer struct {
	Server string             // the server's name
	Shares []storage.ShareNum // the good shares that it holds or took
	Err    error              // why it gave none, lost them, or has bad ones; nil when it simply had nothing
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
		return plural.Of(len(a.Shares), "share")
	}
}

// withoutServer is the text of an error whose server is named already, and whose operation does not matter. It is the same
// for all servers with the same trouble.
func withoutServer(err error) string {
	if c, ok := errors.AsType[*CorruptShareError](err); ok {
		return "a corrupt share, " + c.Trouble()
	}
	if se, ok := errors.AsType[*ServerError](err); ok {
		return se.Err.Error()
	}
	return err.Error()
}

// Answers are what several servers said.
type Answers []Answer

// maxAnswers is how many different answers an error spells out, and MaxNames of how many servers that gave the same.
const (
	maxAnswers = 12
	MaxNames   = 12
)

// String says once what several servers said, in the order in which it was said first.
func (all Answers) String() string {
	var texts []string
	servers := map[string][]string{}
	for _, a := range all {
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
		if more := len(names) - MaxNames; more > 0 {
			names = append(names[:MaxNames:MaxNames], plural.Of(more, "other"))
		}
		parts = append(parts, strings.Join(names, ", ")+": "+text)
	}
	if more := len(all) - shown; more > 0 {
		parts = append(parts, "and "+plural.Of(more, "other server"))
	}
	return strings.Join(parts, "; ")
}

// Errors are what went wrong at each server, for Unwrap.
func (all Answers) Errors() []error {
	var errs []error
	for _, a := range all {
		if a.Err != nil {
			errs = append(errs, a.Err)
		}
	}
	return errs
}

// A CorruptShareError reports a share that does not verify. It is never fatal by itself: its server is advised, and other
// shares are tried.
type CorruptShareError struct {
	Server string
	Index  storage.Index
	Share  storage.ShareNum
	Part   string // which part of the share: "block 3", "signature", …
	Err    error  // what is wrong with it; may be nil
}

func (e *CorruptShareError) Error() string {
	return fmt.Sprintf("share %d of %s on %s is corrupt in its %s", e.Share, e.Index.Abbrev(), e.Server, e.Trouble())
}

// Trouble is what is wrong with the share.
func (e *CorruptShareError) Trouble() string {
	if e.Err == nil {
		return e.Part
	}
	return e.Part + ": " + e.Err.Error()
}

func (e *CorruptShareError) Unwrap() error { return e.Err }
