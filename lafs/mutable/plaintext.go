package mutable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/internal/spool"
)

// MaxSDMF is the size of the largest SDMF file that this program writes. Such a file is encoded in memory, which takes
// N/k times its size: more than three times in 3-of-10.
const MaxSDMF = 64 << 20

// stageMemory is how much of a source stays in memory until it is encoded. The rest goes to a spool, encrypted.
const stageMemory = 64 << 10

// A plaintext is what is to be written. It was read to its end, so that no source lets others wait who want to write.
type plaintext struct {
	io.ReaderAt
	size  int64
	close func()
}

func inMemory(b []byte) *plaintext {
	return &plaintext{bytes.NewReader(b), int64(len(b)), func() {}}
}

func maxSize(f caps.Format) int64 {
	if f == caps.MDMF {
		return 1 << 62 // the geometry knows better
	}
	return MaxSDMF
}

// stage reads a source, which must have size bytes unless that is negative, and at most limit.
func (m *Files) stage(ctx context.Context, src io.Reader, size, limit int64) (*plaintext, error) {
	if size > limit {
		return nil, fmt.Errorf("%d bytes, and %d are allowed: %w", size, limit, ErrTooLarge)
	}
	if src == nil {
		src = bytes.NewReader(nil)
	}
	s := spool.New(m.c.SpoolDir, stageMemory)
	most := limit
	if size >= 0 {
		most = size
	}
	n, err := io.Copy(s, &bounded{ctx: ctx, r: src, left: most})
	switch {
	case errors.Is(err, errTooLong) && size < 0:
		err = fmt.Errorf("more than the %d bytes that are allowed: %w", limit, ErrTooLarge)
	case err == nil && n < size:
		err = fmt.Errorf("read source: it ended after %d of %d bytes: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return &plaintext{s, n, func() { _ = s.Close() }}, nil
}

var errTooLong = errors.New("read source: it is longer than stated")

// bounded reads at most left bytes, and fails when there are more.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if int64(n) > b.left {
		return 0, errTooLong
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read source: %w", err)
	}
	return n, err
}
