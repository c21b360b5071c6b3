package ristorage

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// equal is the only comparison that a test makes.
const equal = "eq"

// spans reads a vector of reads.
func (r *reading) spans(v foolscap.Value) []storage.Span {
	list := r.list(v, "the read vector", maxVector)
	out := make([]storage.Span, 0, len(list))
	for _, entry := range list {
		t := r.tuple(entry, "a read", 2)
		s := storage.Span{Offset: r.number(t[0], "an offset", math.MaxInt64), Size: r.number(t[1], "a size", math.MaxInt64)}
		if r.err != nil {
			return nil
		}
		out = append(out, s)
	}
	return out
}

func spanValues(spans []storage.Span) []foolscap.Value {
	out := make([]foolscap.Value, len(spans))
	for k, s := range spans {
		out[k] = foolscap.Tuple{s.Offset, s.Size}
	}
	return out
}

// slotShares reads what is to be done to the shares of a slot.
func (r *reading) slotShares(v foolscap.Value) map[storage.ShareNum]storage.ShareWrite {
	out := map[storage.ShareNum]storage.ShareWrite{}
	entries := 0
	r.dict(v, "the test and write vectors", func(n storage.ShareNum, v foolscap.Value) {
		t := r.tuple(v, "a share's vectors", 3)
		w := storage.ShareWrite{Tests: r.tests(t[0]), Writes: r.writes(t[1])}
		if t[2] != nil {
			w.NewLength = new(r.number(t[2], "a new length", math.MaxInt64))
		}
		if entries += len(w.Tests) + len(w.Writes); entries > maxVector {
			r.failf("the test and write vectors have more than %d entries", maxVector)
		}
		out[n] = w
	})
	return out
}

func (r *reading) tests(v foolscap.Value) []storage.Test {
	list := r.list(v, "the test vector", maxVector)
	out := make([]storage.Test, 0, len(list))
	for _, entry := range list {
		t := r.tuple(entry, "a test", 4)
		test := storage.Test{
			Offset:   r.number(t[0], "an offset", math.MaxInt64),
			Size:     r.number(t[1], "a size", math.MaxInt64),
			Specimen: r.bytes(t[3], "a specimen", math.MaxInt64),
		}
		if op := r.bytes(t[2], "a test's operator", 2); r.err == nil && string(op) != equal {
			r.failf("a test's operator is not %q", equal)
		}
		if r.err != nil {
			return nil
		}
		out = append(out, test)
	}
	return out
}

func (r *reading) writes(v foolscap.Value) []storage.Write {
	list := r.list(v, "the write vector", maxVector)
	out := make([]storage.Write, 0, len(list))
	for _, entry := range list {
		t := r.tuple(entry, "a write", 2)
		offset, data := r.number(t[0], "an offset", math.MaxInt64), r.bytes(t[1], "the data", math.MaxInt64)
		if r.err != nil {
			return nil
		}
		out = append(out, storage.Write{Offset: offset, Data: bytes.NewReader(data)})
	}
	return out
}

// slotValues is what slotShares reads. It checks what the server would refuse, before it takes memory for the data.
func slotValues(shares map[storage.ShareNum]storage.ShareWrite) (foolscap.Dict, error) {
	if err := checkShares(shares); err != nil {
		return nil, err
	}
	out := foolscap.Dict{}
	for _, n := range slices.Sorted(maps.Keys(shares)) {
		w := shares[n]
		writes, err := writeValues(w.Writes)
		if err != nil {
			return nil, fmt.Errorf("reading the data of share %d: %w", n, err)
		}
		var length foolscap.Value
		if w.NewLength != nil {
			length = *w.NewLength
		}
		out = append(out, foolscap.Pair{Key: int64(n), Value: foolscap.Tuple{testValues(w.Tests), writes, length}})
	}
	return out, nil
}

func testValues(tests []storage.Test) []foolscap.Value {
	out := make([]foolscap.Value, len(tests))
	for k, t := range tests {
		out[k] = foolscap.Tuple{t.Offset, t.Size, []byte(equal), t.Specimen}
	}
	return out
}

func writeValues(writes []storage.Write) ([]foolscap.Value, error) {
	out := make([]foolscap.Value, len(writes))
	for k, w := range writes {
		b, err := dataOf(w.Data)
		if err != nil {
			return nil, err
		}
		out[k] = foolscap.Tuple{w.Offset, b}
	}
	return out, nil
}

// dataOf reads data, a piece at a time as their reader may expect.
func dataOf(d storage.Data) ([]byte, error) {
	b := make([]byte, d.Size())
	for at := 0; at < len(b); {
		n, err := d.ReadAt(b[at:min(at+piece, len(b))], int64(at))
		if at += n; at < len(b) && (err != nil || n == 0) {
			return nil, unexpected(err)
		}
	}
	return b, nil
}

// unexpected turns the end of data that should go on into an error that cannot be taken for success.
func unexpected(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func checkShares(shares map[storage.ShareNum]storage.ShareWrite) error {
	var size int64
	for n, w := range shares {
		switch {
		case !n.Valid():
			return fmt.Errorf("share number %d: %w", n, storage.ErrMalformed)
		case w.NewLength != nil && *w.NewLength < 0:
			return fmt.Errorf("new length %d of share %d: %w", *w.NewLength, n, storage.ErrMalformed)
		}
		for _, t := range w.Tests {
			if err := storage.CheckSpans(storage.Span{Offset: t.Offset, Size: t.Size}); err != nil {
				return err
			}
			size += int64(len(t.Specimen))
		}
		for _, v := range w.Writes {
			s := storage.Span{Offset: v.Offset, Size: v.Data.Size()}
			if err := storage.CheckSpans(s); err != nil {
				return err
			}
			if size += min(s.Size, maxSlotWrite+1); size > maxSlotWrite {
				return fmt.Errorf("more than %d bytes for one change of a slot: %w", maxSlotWrite, storage.ErrTooLarge)
			}
		}
	}
	return nil
}

// slotData reads what was read of shares: a value for each of the spans, none longer than its span.
func (r *reading) slotData(v foolscap.Value, spans []storage.Span) map[storage.ShareNum][][]byte {
	out := map[storage.ShareNum][][]byte{}
	r.dict(v, "the answer", func(n storage.ShareNum, v foolscap.Value) {
		values := r.list(v, "a share's data", len(spans))
		if len(values) != len(spans) {
			r.failf("a share's data has %d values, not %d", len(values), len(spans))
		}
		if r.err != nil {
			return
		}
		data := make([][]byte, len(spans))
		for k, s := range spans {
			data[k] = slices.Clip(r.bytes(values[k], "a value", s.Size))
		}
		out[n] = data
	})
	return out
}

func dataValue(data map[storage.ShareNum][][]byte) foolscap.Dict {
	out := make(foolscap.Dict, 0, len(data))
	for _, n := range slices.Sorted(maps.Keys(data)) {
		values := make([]foolscap.Value, len(data[n]))
		for k, b := range data[n] {
			values[k] = b
		}
		out = append(out, foolscap.Pair{Key: int64(n), Value: values})
	}
	return out
}
