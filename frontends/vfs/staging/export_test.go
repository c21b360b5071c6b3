package staging

import "os"

// Pads visits every byte on the disk that stands for a byte of the file, with the place in the key stream that it was encrypted with.
func (f *File) Pads(visit func(chunkNumber int, generation uint32, at int, encrypted byte)) error {
	raw, err := os.ReadFile(f.s.path(f.id, dataSuffix))
	if err != nil {
		return err
	}
	for c, k := range f.chunks {
		for at := range int(k.filled) {
			visit(c, k.generation, at, raw[c*chunkSize+at])
		}
	}
	return nil
}

// ParseRecord reads a record that has been opened, and makes it again.
func ParseRecord(b []byte) ([]byte, bool) {
	var f File
	note, ok := f.parse(b)
	if !ok {
		return nil, false
	}
	return f.encode(note), true
}

// Open is how many files of the system are open.
func (s *Store) Open() int64 { return s.open.Load() }
