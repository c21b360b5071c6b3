// Package staging keeps files that are being written, on the disk and encrypted, and remembers those that were finished until
// somebody says that they are no longer needed. It is for package vfs.
//
// A File has random access. It is encrypted with a key of its own, by AES-128 in counter mode, in chunks of 64 KiB. No byte of the
// key stream is used twice: the bytes of a chunk are written in order with the chunk's generation in the counter, and whenever
// a byte has to be written again, the whole chunk is, in its next generation.
//
// Keep makes a file and a note about it durable: the bytes are synced, and then a record with the key, the generations and the note,
// sealed under the store's secret by AES-256-GCM, appears by rename. Open of the store finds what was kept; what was not is
// noise, and is removed.
//
//	ID.data    the encrypted bytes
//	ID.kept    8 bytes "TAHOEKP1", a nonce of 12 bytes, the sealed record; ID is the additional data
//
// The invariant: what Keep reported is found by every later Open until Release, whole, and nothing else is. A file that has been
// kept does not change any more.
package staging

import (
	"errors"
	"io/fs"
	"syscall"
)

// ErrNoSpace means that the files would take more than they may, or than the disk has.
var ErrNoSpace = errors.New("no space for staged files")

// ErrTooMany means that as many files are open as may be.
var ErrTooMany = errors.New("too many staged files are open")

// maxOpen is how many files may be open, each of which is one of the system's. What has been kept and is not being read is not open.
const maxOpen = 8192

// ChunkSize is what is encrypted under one generation: who writes in order does best to write so much at once.
const ChunkSize = chunkSize

const chunkSize = 64 << 10

// asNoSpace gives a full disk its name.
func asNoSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || isDiskFull(err) {
		return errors.Join(ErrNoSpace, err)
	}
	return err
}

var errKept = errors.Join(errors.New("the file has been kept and does not change any more"), fs.ErrPermission)
