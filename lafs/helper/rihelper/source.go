package rihelper

import (
	"context"
	"errors"
	"fmt"
	"math"

	"tahoe/internal/foolscap"
	"tahoe/lafs/immutable"
)

// A source is a client's file, as the helper sees it.
type source struct{ reader *foolscap.Remote }

var errBadAnswer = errors.New("the client's answer is not understood")

func (s *source) Size(ctx context.Context) (int64, error) {
	v, err := s.reader.Call(ctx, methodSize, foolscap.Args{})
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok || n < 1 {
		return 0, fmt.Errorf("%w: the size is no positive number", errBadAnswer)
	}
	return n, nil
}

func (s *source) Encoding(ctx context.Context) (immutable.Encoding, error) {
	v, err := s.reader.Call(ctx, methodEncoding, foolscap.Args{})
	if err != nil {
		return immutable.Encoding{}, err
	}
	var n [4]int64
	t, ok := v.(foolscap.Tuple)
	if !ok || len(t) != len(n) {
		return immutable.Encoding{}, fmt.Errorf("%w: the encoding is not four numbers", errBadAnswer)
	}
	for i := range n {
		if n[i], ok = t[i].(int64); !ok || n[i] < 0 || n[i] > math.MaxInt32 {
			return immutable.Encoding{}, fmt.Errorf("%w: the encoding is not four numbers", errBadAnswer)
		}
	}
	return immutable.Encoding{Needed: int(n[0]), Happy: int(n[1]), Total: int(n[2]), MaxSegment: n[3]}, nil
}

// Read asks for ciphertext. One call is under way at a time: the original's clients know no more than their next byte.
func (s *source) Read(ctx context.Context, off int64, n int) ([]byte, error) {
	v, err := s.reader.Call(ctx, methodRead, foolscap.Positional(off, int64(n)))
	if err != nil {
		return nil, err
	}
	list, ok := v.([]foolscap.Value)
	if !ok {
		return nil, fmt.Errorf("%w: the ciphertext is no list", errBadAnswer)
	}
	out := make([]byte, 0, n)
	for _, piece := range list {
		b, ok := piece.([]byte)
		if !ok || len(b) > n-len(out) {
			return nil, fmt.Errorf("%w: it is not the ciphertext that was asked for", errBadAnswer)
		}
		out = append(out, b...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: the ciphertext ends before the size that was stated", errBadAnswer)
	}
	return out, nil
}
