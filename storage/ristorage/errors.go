package ristorage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// errorTable is the one table of errors for both ends: a server answers an error with the name of its row, a client turns
// the names of its row back into the error. Where several rows have an error or a name, the first one decides.
var errorTable = []struct {
	err  error
	name string
}{
	{storage.ErrBadSecret, "allmydata.interfaces.BadWriteEnablerError"},
	{storage.ErrConflict, "allmydata.interfaces.ConflictingWriteError"},
	{storage.ErrRange, "allmydata.interfaces.DataTooLargeError"},
	{storage.ErrNoSpace, "allmydata.interfaces.NoSpace"},
	{storage.ErrReadOnly, "allmydata.interfaces.NoSpace"},
	{storage.ErrNotFound, "builtins.FileNotFoundError"},
	{storage.ErrMalformed, violation},
	{storage.ErrTooLarge, "builtins.OverflowError"},
	{storage.ErrIncomplete, "builtins.AssertionError"},
}

const (
	violation = "foolscap.tokens.Violation"
	failure   = "builtins.RuntimeError" // errors that the table does not have

	// What the original's servers answer about an index whose shares are of the other kind.
	notImmutable = "allmydata.storage.common.UnknownImmutableContainerVersionError"
	notMutable   = "allmydata.storage.common.UnknownMutableContainerVersionError"
)

// failed is the failure that a caller is told of. What exactly went wrong goes to the caller only where it is about the call:
// other errors may tell of the server's files.
func failed(err error) error {
	for _, row := range errorTable {
		if !errors.Is(err, row.err) {
			continue
		}
		if row.err == storage.ErrMalformed || row.err == storage.ErrTooLarge {
			return &foolscap.CallError{Type: row.name, Message: err.Error()}
		}
		return &foolscap.CallError{Type: row.name, Message: row.err.Error()}
	}
	return &foolscap.CallError{Type: failure, Message: "the storage server could not do that"}
}

// errorOf is the error of the contract that a remote failure stands for, nil when the table has none.
func errorOf(name string) error {
	for _, row := range errorTable {
		if row.name == name {
			return row.err
		}
	}
	return nil
}

// remoteType is the type of a failure at the other end, "" when err is another error.
func remoteType(err error) string {
	if e, ok := errors.AsType[*foolscap.RemoteError](err); ok {
		return e.Type
	}
	return ""
}

// isRemote says whether err is a failure at the other end of one of these types.
func isRemote(err error, names ...string) bool {
	name := remoteType(err)
	return name != "" && slices.Contains(names, name)
}

func isAbsent(err error) bool { return errors.Is(err, storage.ErrNotFound) }

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

// wrap says what was being done, and where. The end of the context, which is one of until, is the error where it is the reason.
func (c *Client) wrap(ctx context.Context, op string, err error) error {
	if meant := errorOf(remoteType(err)); meant != nil {
		err = fmt.Errorf("%w (%w)", meant, err)
	}
	switch ended := ctx.Err(); {
	case ended == nil:
	case context.Cause(ctx) == errClosed:
		err = errClosed // which is not the end of the caller's context
	case !errors.Is(err, ended):
		err = fmt.Errorf("%w (%w)", ended, err)
	}
	return &callError{op, c.name, err}
}

// badAnswer is the error for an answer that does not follow the protocol. It must not look like one of the caller's.
func (c *Client) badAnswer(op string, err error) error {
	return &callError{op, c.name, fmt.Errorf("answer not understood: %v", err)}
}
