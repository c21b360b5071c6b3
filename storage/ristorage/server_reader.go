package ristorage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// A bucketReader offers one immutable share.
type bucketReader struct {
	s     *Server
	r     storage.Reader
	index storage.Index
	share storage.ShareNum
}

func (b *bucketReader) RemoteInterface() string { return readerInterface }

func (b *bucketReader) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodRead:
		return bind(args, b.read, "offset", "length")
	case methodAdvise:
		return bind(args, b.advise, "reason")
	}
	return nil, noMethod(readerInterface)
}

func (b *bucketReader) read(r *reading, args []foolscap.Value) foolscap.Later {
	span := storage.Span{Offset: r.number(args[0], "the offset", math.MaxInt64), Size: r.number(args[1], "the length", math.MaxInt64)}
	return func(ctx context.Context) (foolscap.Value, error) {
		stream, err := b.r.Read(ctx, span)
		if err != nil {
			return nil, err
		}
		out, err := readAll(stream, span.Size)
		return out, errors.Join(err, stream.Close())
	}
}

// readAll reads a stream of at most size bytes. Memory is taken as the bytes come: a share may be shorter.
func readAll(stream io.Reader, size int64) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(int(min(size, piece)) + bytes.MinRead)
	n, err := out.ReadFrom(io.LimitReader(stream, min(size, maxRead+1)))
	if n > maxRead {
		return nil, fmt.Errorf("reading %d bytes at once, more than %d: %w", size, maxRead, storage.ErrTooLarge)
	}
	return out.Bytes(), err
}

func (b *bucketReader) advise(r *reading, args []foolscap.Value) foolscap.Later {
	return b.s.adviseLater(storage.Corruption{Index: b.index, Share: b.share, Reason: r.reason(args[0])})
}
