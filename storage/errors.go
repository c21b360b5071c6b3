package storage

import "errors"

// The errors that callers of a Server branch on. They cross the network: an implementation that reaches its server over
// a wire returns the same ones, so that errors.Is holds on both ends.
var (
	ErrNotFound   = errors.New("no such share")
	ErrConflict   = errors.New("share data differs from what was written before")
	ErrBadSecret  = errors.New("wrong secret")
	ErrNoSpace    = errors.New("no space left for shares")
	ErrReadOnly   = errors.New("server is read-only")
	ErrRange      = errors.New("range outside the share")
	ErrTooLarge   = errors.New("request too large")
	ErrMalformed  = errors.New("malformed request")
	ErrIncomplete = errors.New("share is incomplete")
)
