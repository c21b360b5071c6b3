// Package fetch brings a file from the grid to this machine. It is for the commands that do.
//
// The invariant: the name that the user gave holds the whole file, or what it held before. What has come so far is in a part
// file beside it, whose name says how many of its bytes are surely on disk; the next download of the same file goes on there.
package fetch

import (
	"context"
	"errors"
	"io"
	"time"

	"tahoe/frontends/web/wapi"
)

// A Download is a file to fetch.
type Download struct {
	Open func(ctx context.Context, r wapi.Range) (*wapi.Body, error) // asks a node for the file
	Size func(total, have int64)                                     // is told how long the file is, -1 when nobody knows, and how much of it is here
	Read func(n int64)                                               // is told of bytes that came
}

const (
	block   = 256 << 10
	again   = 3 // times in a row that a download which was cut off is taken up again and brings nothing
	patient = 200 * time.Millisecond
)

// To writes the file to w, and returns its length. A file that cannot change is taken up again when it is cut off.
func (d Download) To(ctx context.Context, w io.Writer) (int64, error) {
	body, err := d.Open(ctx, wapi.Range{})
	if err != nil {
		return 0, err
	}
	d.Size(body.Size, 0)
	return d.copy(ctx, body, w, 0)
}

// copy writes what comes to w, where at bytes are already, and returns how many are there then. It closes the body.
func (d Download) copy(ctx context.Context, body *wapi.Body, w io.Writer, at int64) (int64, error) {
	buf := make([]byte, block)
	for idle := 0; ; {
		n, err := io.CopyBuffer(struct{ io.Writer }{w}, counted{body, d.Read}, buf)
		_ = body.Close()
		at += n
		if idle++; n > 0 {
			idle = 0
		}
		if !errors.Is(err, wapi.ErrTruncated) || body.Tag == "" || idle > again {
			return at, err
		}
		if err := wait(ctx); err != nil {
			return at, err
		}
		next, reason := d.reopen(ctx, body.Tag, at)
		if reason != nil {
			return at, reason
		}
		body = next
	}
}

// reopen asks for the rest of the file.
func (d Download) reopen(ctx context.Context, tag string, at int64) (*wapi.Body, error) {
	body, err := d.Open(ctx, wapi.Range{Offset: at})
	if err != nil {
		return nil, err
	}
	if body.Tag != tag {
		_ = body.Close()
		return nil, errors.New("the file changed while it was read")
	}
	return body, nil
}

func wait(ctx context.Context) error {
	select {
	case <-time.After(patient):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type counted struct {
	r    io.Reader
	tell func(int64)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.tell(int64(n))
	return n, err
}
