package vfs

import (
	"io/fs"
	"time"
)

// An Info describes a file or directory; it is an fs.FileInfo.
type Info struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
	created time.Time
	waiting bool
	tag     string
}

// Name is the last part of the path: "/" for a root.
func (i Info) Name() string { return i.name }

// Size is 0 for a directory.
func (i Info) Size() int64 { return i.size }

// Mode has fs.ModeDir for a directory, and permission bits.
func (i Info) Mode() fs.FileMode { return i.mode }

// ModTime is zero when nobody has told.
func (i Info) ModTime() time.Time { return i.modTime }

// IsDir says whether it is a directory.
func (i Info) IsDir() bool { return i.mode.IsDir() }

// Sys is nil.
func (i Info) Sys() any { return nil }

// Created is when the name was first given, zero when unknown.
func (i Info) Created() time.Time { return i.created }

// Waiting says that the file is open for writing, or on its way to the grid.
func (i Info) Waiting() bool { return i.waiting }

// Tag differs between versions of a file, as an ETag does; "" when it cannot be told. It gives nothing away.
func (i Info) Tag() string { return i.tag }
