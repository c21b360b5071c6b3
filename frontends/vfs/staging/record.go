package staging

import (
	"crypto/aes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

const (
	magic     = "TAHOEKP1"
	nonceSize = 12
	maxRecord = 256 << 20
)

var errDamaged = errors.New("it is damaged, or was made under another secret of the node")

// Keep makes the file durable as it is, with a note about it. When it returns nil, every later Open of the store finds both. A file may
// be kept again, with another note: a crash leaves the one or the other.
func (f *File) Keep(note []byte) error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	if !f.kept {
		if err := f.data.Sync(); err != nil {
			return fmt.Errorf("keep a staged file: %w", asNoSpace(err))
		}
	}
	// The record's rename and the sync of the folder make the names of both files durable.
	if err := f.s.disk.WriteFile(f.s.path(f.id, keptSuffix), f.s.sealRecord(f.id, f.encode(note)), 0o600); err != nil {
		return fmt.Errorf("keep a staged file: %w", asNoSpace(err))
	}
	f.kept, f.record = true, true
	return f.rest()
}

// encode gives the key, the size, the chunks as runs of equal ones, and the note.
func (f *File) encode(note []byte) []byte {
	b := append([]byte(nil), f.key[:]...)
	b = binary.AppendUvarint(b, uint64(f.size.Load()))
	b = binary.AppendUvarint(b, uint64(len(f.chunks)))
	for k := 0; k < len(f.chunks); {
		run := 1
		for k+run < len(f.chunks) && f.chunks[k+run] == f.chunks[k] {
			run++
		}
		b = binary.AppendUvarint(b, uint64(run))
		b = binary.AppendUvarint(b, uint64(f.chunks[k].generation))
		b = binary.AppendUvarint(b, uint64(f.chunks[k].filled))
		k += run
	}
	return append(b, note...)
}

func (s *Store) sealRecord(id uint64, plain []byte) []byte {
	b := make([]byte, len(magic)+nonceSize, len(magic)+nonceSize+len(plain)+s.seal.Overhead())
	copy(b, magic)
	nonce := b[len(magic):]
	_, _ = rand.Read(nonce) // cannot fail
	return s.seal.Seal(b, nonce, plain, binary.BigEndian.AppendUint64(nil, id))
}

func (s *Store) openRecord(id uint64, b []byte) ([]byte, error) {
	if len(b) < len(magic)+nonceSize || string(b[:len(magic)]) != magic {
		return nil, errDamaged
	}
	plain, err := s.seal.Open(nil, b[len(magic):len(magic)+nonceSize], b[len(magic)+nonceSize:], binary.BigEndian.AppendUint64(nil, id))
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}

// reopen finds a file that was kept.
func (s *Store) reopen(id uint64) (Kept, error) {
	path := s.path(id, keptSuffix)
	info, err := os.Stat(path)
	if err != nil {
		return Kept{}, err
	}
	if info.Size() > maxRecord {
		return Kept{}, errDamaged
	}
	sealed, err := os.ReadFile(path)
	if err != nil {
		return Kept{}, err
	}
	plain, err := s.openRecord(id, sealed)
	if err != nil {
		return Kept{}, err
	}
	f := &File{s: s, id: id, turn: make(chan struct{}, 1), kept: true, record: true}
	note, ok := f.parse(plain)
	if !ok {
		return Kept{}, errDamaged
	}
	if f.block, err = aes.NewCipher(f.key[:]); err != nil {
		return Kept{}, fmt.Errorf("make a cipher: %w", err)
	}
	if info, err = os.Stat(s.path(id, dataSuffix)); err != nil {
		return Kept{}, err
	}
	if err := f.checkSize(info.Size()); err != nil {
		return Kept{}, err
	}
	s.used.Add(f.size.Load()) // even beyond the limit: it is there
	return Kept{f, note}, nil
}

// parse reads what encode wrote, and returns the note.
func (f *File) parse(b []byte) ([]byte, bool) {
	if len(b) < len(f.key) {
		return nil, false
	}
	b = b[copy(f.key[:], b):]
	number := func() uint64 {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			b = nil
			return maxSize + 1
		}
		b = b[used:]
		return n
	}
	size, count := number(), number()
	if size > maxSize || count > maxSize/chunkSize || count < (size+chunkSize-1)/chunkSize {
		return nil, false
	}
	f.size.Store(int64(size))
	for uint64(len(f.chunks)) < count {
		run, generation, filled := number(), number(), number()
		if run == 0 || run > count-uint64(len(f.chunks)) || generation > 1<<32-1 || filled > chunkSize {
			return nil, false
		}
		for range run {
			f.chunks = append(f.chunks, chunk{uint32(generation), uint32(filled)})
		}
	}
	return b, true
}

// checkSize says whether the disk has all that was written.
func (f *File) checkSize(size int64) error {
	for c := len(f.chunks) - 1; c >= 0; c-- {
		if f.chunks[c].filled > 0 {
			if int64(c)*chunkSize+int64(f.chunks[c].filled) > size {
				return errors.New("its data is shorter than it was")
			}
			return nil
		}
	}
	return nil
}
