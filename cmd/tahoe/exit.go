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
	codeInterrupted = 130 // stopped by a signal
	codeNotEmpty    = 255 // a new node was to be made in a directory that holds something
)

// A usageError says what is wrong with a command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// exitCode is the table of all exit codes.
func exitCode(err error) int {
	_, isUsage := errors.AsType[*usageError](err)
	_, isNotEmpty := errors.AsType[*basedir.NotEmptyError](err)
	switch {
	case err == nil:
		return codeOK
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
	case errors.Is(err, context.Canceled):
		return codeInterrupted
	}
	return codeFailure
}
