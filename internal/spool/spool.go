// Package spool holds a stream of bytes until it can be read again: the source of an upload that cannot be rewound, a
// file that an SFTP client writes piece by piece. It is for the uploader and the front ends.
//
// The invariant: no plaintext touches the disk. What does not stay in memory goes to a file encrypted with a key that
// exists in this process alone, so that whatever a crash leaves behind is noise. The file has no name while it is
// open, where the system allows that, and is gone after Close everywhere.
package spool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// scratchSize is how much is encrypted at once on its way to the file.
const scratchSize = 64 << 10

// A Spool is written once, from its start to its end, and read anywhere. Writes belong to one goroutine; reads may
// come from several at once, but not during a write.
type Spool struct {
	dir    string
	memory int64

	head    []byte // the first bytes, in the clear
	size    int64
	file    *os.File // the rest, encrypted; nil until it is needed
	name    string   // to be removed by Close; empty when the file has no name any more
	block   cipher.Block
	scratch []byte
	err     error // what every call answers from now on
}

// New makes an empty spool, which keeps up to memory bytes in memory and the rest in a file in dir. Nothing is
// opened before it is needed. An empty dir is the system's folder for temporary files.
func New(dir string, memory int64) *Spool {
	return &Spool{dir: dir, memory: memory}
}

// Size is the number of bytes written.
func (s *Spool) Size() int64 { return s.size }

// Write adds p at the end. After an error the file is gone, and the spool of no more use.
func (s *Spool) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n := int(min(int64(len(p)), max(0, s.memory-s.size)))
	s.head = append(s.head, p[:n]...)
	s.size += int64(n)
	for n < len(p) {
		m, err := s.writeFile(p[n:])
		n += m
		if err != nil {
			s.drop(err)
			return n, err
		}
	}
	return n, nil
}

// writeFile encrypts and appends up to scratchSize bytes.
func (s *Spool) writeFile(p []byte) (int, error) {
	if s.file == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	p = p[:min(len(p), len(s.scratch))]
	at := s.size - s.memory
	s.stream(at).XORKeyStream(s.scratch[:len(p)], p)
	n, err := s.file.WriteAt(s.scratch[:len(p)], at)
	s.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("write spool file: %w", err)
	}
	return n, nil
}

func (s *Spool) open() error {
	var key [16]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return fmt.Errorf("make spool cipher: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "spool-*")
	if err != nil {
		return fmt.Errorf("make spool file: %w", err)
	}
	s.file, s.block, s.name, s.scratch = f, block, f.Name(), make([]byte, scratchSize)
	if os.Remove(s.name) == nil { // Windows keeps the name of an open file
		s.name = ""
	}
	return nil
}

// stream is the key stream of the file from offset at on.
func (s *Spool) stream(at int64) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(at/aes.BlockSize))
	c := cipher.NewCTR(s.block, iv[:])
	var skip [aes.BlockSize]byte
	if n := at % aes.BlockSize; n > 0 {
		c.XORKeyStream(skip[:n], skip[:n])
	}
	return c
}

// ReadAt reads what was written, as io.ReaderAt says.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case off < 0:
		return 0, fmt.Errorf("read spool at %d: %w", off, os.ErrInvalid)
	case off >= s.size:
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), s.size-off))
	n := 0
	if off < int64(len(s.head)) {
		n = copy(p[:want], s.head[off:])
	}
	if n < want {
		m, err := s.readFile(p[n:want], off+int64(n)-s.memory)
		n += m
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *Spool) readFile(p []byte, at int64) (int, error) {
	n, err := s.file.ReadAt(p, at)
	s.stream(at).XORKeyStream(p[:n], p[:n])
	if n < len(p) {
		if err == io.EOF { // the file is shorter than what was written to it
			err = io.ErrUnexpectedEOF
		}
		return n, fmt.Errorf("read spool file: %w", err)
	}
	return n, nil
}

// Close removes the file and forgets everything. Closing again does nothing.
func (s *Spool) Close() error {
	return s.drop(fmt.Errorf("spool: %w", os.ErrClosed))
}

// drop removes the file and makes every further call fail with why.
func (s *Spool) drop(why error) error {
	if s.err != nil {
		return nil
	}
	s.err, s.head, s.scratch, s.block = why, nil, nil, nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.name != "" {
		if rerr := os.Remove(s.name); err == nil {
			err = rerr
		}
	}
	if err != nil {
		return fmt.Errorf("remove spool file: %w", err)
	}
	return nil
}
