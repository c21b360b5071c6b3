package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tahoe/lafs/grid"
	"tahoe/storage"
)

// MaxAsked is how many servers a check asks at the same time, and MaxVerified how many of the shares of a file it reads at the
// same time.
const (
	MaxAsked    = 64
	MaxVerified = 20
)

// Each calls f for each of all, most at the same time.
func Each[T any](all []T, most int, f func(T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, most)
	for _, x := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(x)
		})
	}
	wg.Wait()
}

// A Renewal renews leases at servers.
type Renewal struct {
	Lease   func(i storage.Index, tub [20]byte) storage.LeaseSecrets
	Timeout time.Duration // of each server
	Log     *slog.Logger
}

// Renew renews the leases of all shares of an index, and makes them where there are none. It returns the servers that failed to. A server
// without shares says so, and nothing else that goes wrong harms the shares now, so it is no error.
func (r Renewal) Renew(ctx context.Context, i storage.Index, servers []*grid.Server) (failed []*grid.Server) {
	var mu sync.Mutex
	Each(servers, MaxAsked, func(s *grid.Server) {
		ctx, cancel := context.WithTimeout(ctx, r.Timeout)
		defer cancel()
		err := s.Storage().AddLease(ctx, i, r.Lease(i, s.TubID()))
		if err != nil && !errors.Is(err, storage.ErrNotFound) && ctx.Err() != context.Canceled {
			r.Log.Warn("renewing lease", "server", s.Name(), "index", i.Abbrev(), "error", err)
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, s)
		}
	})
	return failed
}
