package lafs

import (
	"context"
	"errors"

	"tahoe/caps"
)

// A Visit is one file or directory that Walk comes to.
type Visit struct {
	Path    []string // the names from the root on; empty for the root. It is the caller's
	Entry            // of the directory that it was found in; of the root only the Child
	Listing *Listing // what it holds, if it is a directory that could be read
	Err     error    // why it could not be read, or a *ProhibitedError
}

// SkipDirectory is what visit returns to pass over what a directory holds.
var SkipDirectory = errors.New("skip this directory")

// Walk calls visit for root and for all that can be reached from it: of a directory first itself, then what in it is
// neither file nor directory, then the files, then one directory after the other with all that is below it, each in the order of
// their names. What can be verified is visited once, however often it is linked. visit is called by one goroutine at a time, the
// caller's.
//
// A directory that cannot be read is visited with Err, and the walk goes on, if visit returns nil: any other error of it ends the
// walk and is returned.
func (c *Client) Walk(ctx context.Context, root caps.Cap, visit func(Visit) error) error {
	return errors.ErrUnsupported
}
