package mutable

import (
	"context"
	"crypto/rsa"
	"io"

	"tahoe/caps"
)

// Files are the mutable files of a node: the one place where operations on the same file meet, whichever front end they come
// from and whether they hold its read or its write capability. Writes of one file are done one after the other.
type Files struct{ c Config }

// New makes Files.
func New(c Config) *Files { return &Files{c} }

// CreateOptions say how one file is created.
type CreateOptions struct {
	Format   caps.Format
	Key      *rsa.PrivateKey // nil: a new one, of the pool
	Encoding *Encoding       // nil: the config's
}

// Create makes a new file. contents is called once with the new capability, on which what it returns may depend, and gives a
// source and its size, or -1 when that is not known; a nil contents makes an empty file. A server that holds shares of
// a file with this key already makes Create fail with an *UncoordinatedWriteError.
func (m *Files) Create(ctx context.Context, o CreateOptions, contents func(caps.MutableWrite) (io.Reader, int64, error)) (*File, error) {
	return nil, errNotYet
}

// Open makes a File of a capability, a caps.MutableWrite or caps.MutableRead: anything else is ErrWrongKind. It asks no server.
func (m *Files) Open(c caps.Read) (*File, error) { return nil, errNotYet }
