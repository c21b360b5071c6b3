package web_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/layout"
	"tahoe/reactor"
	"tahoe/storage"
)

// failures are all rows of the table of errors and statuses.
var failures = []struct {
	name   string
	err    error
	status int
	kind   string
}{
	{"too few servers", fmt.Errorf("upload: %w", unhappy()), 500, wapi.KindNotEnoughServers},
	{"no server", fmt.Errorf("upload: %w", grid.ErrNoServers), 500, wapi.KindNotEnoughServers},
	{"too few shares", fmt.Errorf("download: %w", errLost()), 410, wapi.KindNotEnoughShares},
	{"malformed", fmt.Errorf("open: %w", caps.ErrMalformed), 400, ""},
	{"too long", fmt.Errorf("read: %w", layout.ErrTooLong), 400, ""},
	{"stopping", context.Cause(stopped()), 503, wapi.KindStopping},
	{"disk full", &fs.PathError{Op: "write", Path: "/secret/place", Err: syscall.ENOSPC}, 507, wapi.KindNoSpace},
	{"disk broken", &fs.PathError{Op: "write", Path: "/secret/place", Err: syscall.EIO}, 500, ""},
	{"too large", fmt.Errorf("write: %w", storage.ErrTooLarge), 413, ""},
	{"too slow", fmt.Errorf("ask: %w", context.DeadlineExceeded), 504, ""},
	{"anything", errors.New("something broke"), 500, ""},
}

func stopped() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reactor.ErrStopping)
	return ctx
}
