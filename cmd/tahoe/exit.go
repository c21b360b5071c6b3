package main

import (
	"context"
	"errors"

	"tahoe/frontends/web/wapi"
	"tahoe/node/basedir"
)

// The exit codes, for scripts. A code that is not listed is a failure too.
const (
	codeOK          = 0
	codeFailure     = 1
	codeUsage       = 2   // the command line says something that cannot be
	codeUnreachable = 10  // the node does not answer
	codeNoServers   = 11  // too few servers took shares of a new file
	codeNoShares    = 12  // too few shares of a file can be had
	codeNotFound    = 13  // there is nothing of that name
	codeUnhealthy   = 14  // a check found something that is not as it should be, and it was not repaired
	codeInterrupted = 130 // stopped by a signal
	codeNotEmpty    = 255 // a new node was to be made in a directory that holds something

	// Codes of single commands, which scripts for the original know.
	codeListNotFound = 2 // ls: there is nothing of that name
	codeMoveLinked   = 2 // mv: the new name is there, and the old one could not be removed
	codeStatus       = 2 // status: the node did not say
)

// codesText is for people what the codes above are.
const codesText = `0    everything was done that was asked for
1    it failed; the sentence on standard error says why
2    the command line says something that cannot be
10   the node does not answer
11   too few servers took shares of a new file
12   too few shares of a file can be had
13   there is nothing of that name
14   a check found something that is not as it should be, and it was not repaired
130  interrupted
255  a new node was to be made in a directory that holds something

Some commands use 2 for more, as the original does:

backup  the backup is there, but something was left out, with a WARNING
ls      there is nothing of that name
mv      the new name is there, and the old one could not be removed
status  the node did not answer`

// A codedError has a code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }

// Unwrap lets the error be recognised.
func (e *codedError) Unwrap() error { return e.err }

// A saidError is an error in other words.
type saidError struct {
	text string
	err  error
}

func (e *saidError) Error() string { return e.text }

// Unwrap lets the error be recognised.
func (e *saidError) Unwrap() error { return e.err }

// An unhealthyError is the result of a check that found something.
type unhealthyError struct{ text string }

func (e *unhealthyError) Error() string { return e.text }

// A usageError says what is wrong with a command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// exitCode is the table of all exit codes.
func exitCode(err error) int {
	_, isUsage := errors.AsType[*usageError](err)
	_, isNotEmpty := errors.AsType[*basedir.NotEmptyError](err)
	_, isUnhealthy := errors.AsType[*unhealthyError](err)
	coded, isCoded := errors.AsType[*codedError](err)
	switch {
	case err == nil:
		return codeOK
	case isCoded:
		return coded.code
	case isUsage:
		return codeUsage
	case isNotEmpty:
		return codeNotEmpty
	case errors.Is(err, wapi.ErrUnreachable):
		return codeUnreachable
	case errors.Is(err, wapi.ErrNotEnoughServers):
		return codeNoServers
	case errors.Is(err, wapi.ErrNotEnoughShares):
		return codeNoShares
	case errors.Is(err, wapi.ErrNotFound):
		return codeNotFound
	case isUnhealthy:
		return codeUnhealthy
	case errors.Is(err, context.Canceled):
		return codeInterrupted
	}
	return codeFailure
}
