package node

import (
	"context"

	"tahoe/lafs/keeper"
)

// MergeNURLs is for tests.
var MergeNURLs = mergeNURLs

// Tell tells of a notice as the settings hook and webhook say, for tests.
func Tell(ctx context.Context, name, hook, webhook string, n keeper.Notice) error {
	return herald{name, hook, webhook}.tell(ctx, n)
}
