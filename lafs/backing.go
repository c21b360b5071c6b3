package lafs

import (
	"bytes"
	"context"
	"fmt"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
)

// An immutableBacking is what an immutable directory is kept in.
type immutableBacking struct {
	budget *reactor.Budget
	file   File
}

// Contents implements backing. The size of the file is in its capability, so its memory is bounded before it is read.
func (b immutableBacking) Contents(ctx context.Context, limit int64) ([]byte, mutable.Version, error) {
	size := b.file.Size()
	if size > limit {
		return nil, mutable.Version{}, fmt.Errorf("%s has %d bytes: %w", caps.Abbrev(b.file.Cap()), size, ErrTooLarge)
	}
	release, err := b.budget.Acquire(ctx, size)
	if err != nil {
		return nil, mutable.Version{}, err
	}
	defer release()
	out := bytes.NewBuffer(make([]byte, 0, size))
	err = b.file.Read(ctx, 0, size, out)
	return out.Bytes(), mutable.Version{Size: size}, err
}
