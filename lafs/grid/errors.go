package grid

import "errors"

// ErrNoServers means that not one server is connected.
var ErrNoServers = errors.New("no storage server is connected")

// A ServerError says which server failed in what. It wraps whatever a server did, so that errors.Is still finds the
// sentinels of package storage.
type ServerError struct {
	Server string // its name for people
	Op     string // what it was asked to do
	Err    error
}

func (e *ServerError) Error() string {
	return "server " + e.Server + ": " + e.Op + ": " + e.Err.Error()
}

// Unwrap returns what went wrong.
func (e *ServerError) Unwrap() error { return e.Err }
