// Package config reads, checks and rewrites tahoe.cfg. It is for the node and for the commands that make or change a
// node directory.
//
// The file means what Python's configparser says it means, since the original reads it that way: repeated sections
// and keys (the last one wins), keys in any case, "=" or ":", indented continuation lines, whole-line comments, "%"
// interpolation, a DEFAULT section, a byte order mark. A section or a key that is not known stops the node and is
// named, with its line.
//
// The invariant: what is not changed stays as it was, byte for byte. Set rewrites the lines of one key.
package config
