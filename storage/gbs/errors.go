package gbs

import (
	"fmt"
	"strings"
)

// A callError says what a client was doing, and where.
type callError struct {
	op     string
	server string
	err    error
}

func (e *callError) Error() string { return e.op + " at server " + e.server + ": " + e.err.Error() }

func (e *callError) Unwrap() error { return e.err }

// Reason is what went wrong, for callers that say themselves what they were doing and where.
func (e *callError) Reason() error { return e.err }

// A ServerError is an answer that says that a request did not succeed. It wraps the error of the storage contract that the
// answer stands for, if there is one.
type ServerError struct {
	Status   int
	Sentence string // what the server wrote, at most a line
	Err      error  // nil when the status stands for no error of the contract
}

func (e *ServerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status %d", e.Status)
	if e.Sentence != "" {
		fmt.Fprintf(&b, ", it says %q", e.Sentence)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *ServerError) Unwrap() error { return e.Err }
