package lafs

import (
	"context"

	"tahoe/lafs/dirnode"
)

type commits struct{}

func (d *Directory) edit(ctx context.Context, e dirnode.Edit) error { return ErrReadOnly }
