package gbs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"tahoe/storage"
)

// The body of a read-test-write request can be larger than memory, so it is written as a stream, and read where it lies:
// the data to write stay there until the storage server asks for them.

const (
	keyVectors   = "test-write-vectors"
	keyReads     = "read-vector"
	keyTest      = "test"
	keyWrite     = "write"
	keyNewLength = "new-length"
	keyOffset    = "offset"
	keySize      = "size"
	keySpecimen  = "specimen"
	keyData      = "data"
	keySuccess   = "success"
)

// A pieceList is a body made of bytes in memory and of data that lie elsewhere.
type pieceList struct {
	pieces []storage.Data
	head   []byte // bytes behind the last piece
	size   int64
}

func (p *pieceList) add(d storage.Data) {
	p.flush()
	p.pieces = append(p.pieces, d)
	p.size += d.Size()
}

func (p *pieceList) flush() {
	if len(p.head) > 0 {
		p.pieces = append(p.pieces, bytes.NewReader(p.head))
		p.size += int64(len(p.head))
		p.head = nil
	}
}

// open reads the body from its begin; it can be opened several times.
func (p *pieceList) open() io.Reader {
	readers := make([]io.Reader, len(p.pieces))
	for n, d := range p.pieces {
		readers[n] = io.NewSectionReader(d, 0, d.Size())
	}
	return io.MultiReader(readers...)
}

// encodeSlotWrite makes the body of a read-test-write request, after checking what the server would refuse.
func encodeSlotWrite(w storage.SlotWrite) (*pieceList, error) {
	if err := checkSlotWrite(w); err != nil {
		return nil, err
	}
	p := &pieceList{}
	p.head = appendHead(p.head, majorMap, 2)
	p.head = appendHead(appendText(p.head, keyVectors), majorMap, uint64(len(w.Shares)))
	for _, n := range slices.Sorted(maps.Keys(w.Shares)) {
		p.head = appendHead(p.head, majorUint, uint64(n))
		p.share(w.Shares[n])
	}
	p.head = appendHead(appendText(p.head, keyReads), majorArray, uint64(len(w.Reads)))
	for _, s := range w.Reads {
		p.head = appendHead(p.head, majorMap, 2)
		p.head = appendField(p.head, keyOffset, s.Offset)
		p.head = appendField(p.head, keySize, s.Size)
	}
	p.flush()
	return p, nil
}

func (p *pieceList) share(w storage.ShareWrite) {
	p.head = appendHead(p.head, majorMap, 3)
	p.head = appendHead(appendText(p.head, keyTest), majorArray, uint64(len(w.Tests)))
	for _, t := range w.Tests {
		p.head = appendHead(p.head, majorMap, 3)
		p.head = appendField(p.head, keyOffset, t.Offset)
		p.head = appendField(p.head, keySize, t.Size)
		p.head = appendBytes(appendText(p.head, keySpecimen), t.Specimen)
	}
	p.head = appendHead(appendText(p.head, keyWrite), majorArray, uint64(len(w.Writes)))
	for _, v := range w.Writes {
		p.head = appendHead(p.head, majorMap, 2)
		p.head = appendField(p.head, keyOffset, v.Offset)
		p.head = appendHead(appendText(p.head, keyData), majorBytes, uint64(v.Data.Size()))
		p.add(v.Data)
	}
	p.head = appendText(p.head, keyNewLength)
	if w.NewLength == nil {
		p.head = append(p.head, majorPlain<<5|plainNull)
	} else {
		p.head = appendHead(p.head, majorUint, uint64(*w.NewLength))
	}
}

func checkSlotWrite(w storage.SlotWrite) error {
	if err := storage.CheckSpans(w.Reads...); err != nil {
		return err
	}
	if len(w.Reads) > maxReads {
		return fmt.Errorf("%d spans to read, more than %d: %w", len(w.Reads), maxReads, storage.ErrTooLarge)
	}
	for n, s := range w.Shares {
		switch {
		case !n.Valid():
			return fmt.Errorf("share number %d: %w", n, storage.ErrMalformed)
		case len(s.Tests) > maxTests:
			return fmt.Errorf("%d tests of share %d, more than %d: %w", len(s.Tests), n, maxTests, storage.ErrTooLarge)
		case s.NewLength != nil && *s.NewLength < 0:
			return fmt.Errorf("new length %d of share %d: %w", *s.NewLength, n, storage.ErrMalformed)
		}
		for _, t := range s.Tests {
			if err := storage.CheckSpans(storage.Span{Offset: t.Offset, Size: t.Size}); err != nil {
				return err
			}
		}
		for _, v := range s.Writes {
			if err := storage.CheckSpans(storage.Span{Offset: v.Offset, Size: v.Data.Size()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// A slotReader reads a read-test-write request. What the message may hold of each kind of thing is counted over the whole
// message, because each of them takes memory.
type slotReader struct {
	*decoder
	w         storage.SlotWrite
	writes    int
	specimens int64
	reads     int64
}

// parseSlotWrite reads the request in src; the data of its writes are sections of src.
func parseSlotWrite(src io.ReaderAt, size int64) (storage.SlotWrite, error) {
	r := &slotReader{decoder: newDecoder(src, size)}
	r.fields(majorText, "the request", []string{keyVectors, keyReads}, func(key string) {
		if key == keyVectors {
			r.shares()
		} else {
			r.readVector()
		}
	})
	return r.w, r.end()
}

func (r *slotReader) shares() {
	n := r.length(majorMap, keyVectors, maxShares)
	r.w.Shares = make(map[storage.ShareNum]storage.ShareWrite, n)
	for range n {
		num := r.shareNum(keyVectors)
		if _, twice := r.w.Shares[num]; twice {
			r.failf("%s holds share %d twice", keyVectors, num)
		}
		if r.err != nil {
			return
		}
		r.w.Shares[num] = r.share()
	}
}

func (r *slotReader) share() (w storage.ShareWrite) {
	r.fields(majorText, "a share's entry", []string{keyTest, keyWrite, keyNewLength}, func(key string) {
		switch key {
		case keyTest:
			r.list(keyTest, maxTests, func() { w.Tests = append(w.Tests, r.test()) })
		case keyWrite:
			r.list(keyWrite, maxSlotWrites, func() { w.Writes = append(w.Writes, r.write()) })
		default:
			w.NewLength = r.newLength()
		}
	})
	return w
}

func (r *slotReader) test() (t storage.Test) {
	r.fields(majorText, "a test", []string{keyOffset, keySize, keySpecimen}, func(key string) {
		switch key {
		case keyOffset:
			t.Offset = r.number(key, math.MaxInt64)
		case keySize:
			t.Size = r.number(key, math.MaxInt64)
		default:
			t.Specimen = r.str(majorBytes, key, uint64(maxSpecimens-r.specimens))
			r.specimens += int64(len(t.Specimen))
		}
	})
	return t
}

func (r *slotReader) write() (v storage.Write) {
	if r.writes++; r.writes > maxSlotWrites {
		r.failf("the request holds more than %d writes", maxSlotWrites)
	}
	r.fields(majorText, "a write", []string{keyOffset, keyData}, func(key string) {
		if key == keyOffset {
			v.Offset = r.number(key, math.MaxInt64)
		} else {
			v.Data = r.section(key)
		}
	})
	return v
}

func (r *slotReader) newLength() *int64 {
	major, n := r.head(keyNewLength)
	switch {
	case r.err != nil || major == majorPlain && n == plainNull:
		return nil
	case major != majorUint:
		r.failf("%s is %s, neither an integer nor null", keyNewLength, majorNames[major])
		return nil
	}
	length := r.atMost(n, math.MaxInt64, keyNewLength)
	return &length
}

func (r *slotReader) readVector() {
	r.list(keyReads, maxReads, func() {
		var s storage.Span
		r.fields(majorText, "a read", []string{keyOffset, keySize}, func(key string) {
			if key == keyOffset {
				s.Offset = r.number(key, math.MaxInt64)
			} else {
				s.Size = r.number("the size of all reads together", uint64(maxSlotReads-r.reads))
				r.reads += s.Size
			}
		})
		r.w.Reads = append(r.w.Reads, s)
	})
}

// encodeSlotResult is the answer to a read-test-write request.
func encodeSlotResult(m storage.SlotResult) []byte {
	b := appendHead(nil, majorMap, 2)
	b = appendBool(appendText(b, keySuccess), m.Wrote)
	b = appendHead(appendText(b, keyData), majorMap, uint64(len(m.Data)))
	for _, n := range slices.Sorted(maps.Keys(m.Data)) {
		b = appendHead(appendHead(b, majorUint, uint64(n)), majorArray, uint64(len(m.Data[n])))
		for _, value := range m.Data[n] {
			b = appendBytes(b, value)
		}
	}
	return b
}

// parseSlotResult reads the answer to a request that reads the given spans.
func parseSlotResult(b []byte, reads []storage.Span) (m storage.SlotResult, err error) {
	d := newDecoder(bytes.NewReader(b), int64(len(b)))
	d.fields(majorText, "the answer", []string{keySuccess, keyData}, func(key string) {
		if key == keySuccess {
			m.Wrote = d.boolean(key)
			return
		}
		m.Data = map[storage.ShareNum][][]byte{}
		for range d.length(majorMap, key, maxShares) {
			n := d.shareNum(key)
			if d.err != nil {
				return
			}
			m.Data[n] = d.values(reads)
		}
	})
	return m, d.end()
}

// values reads a value for each span, none longer than its span.
func (d *decoder) values(reads []storage.Span) [][]byte {
	out := make([][]byte, 0, len(reads))
	d.list("a share's data", uint64(len(reads)), func() {
		out = append(out, d.str(majorBytes, "a value", uint64(reads[len(out)].Size)))
	})
	if d.err == nil && len(out) != len(reads) {
		d.failf("a share's data has %d values, not %d", len(out), len(reads))
	}
	return out
}
