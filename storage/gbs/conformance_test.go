package gbs_test

import (
	"testing"

	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

// remote is a Mem behind a client, TLS and a handler. Its leases can be counted.
type remote struct {
	*gbs.Client
	mem *storagetest.Mem
}

func (r remote) LeaseCount(i storage.Index, n storage.ShareNum) int {
	return len(r.mem.LeaseExpiries(i, n))
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storage.Server {
		mem := storagetest.NewMem(storagetest.Config{})
		return remote{overTLS(t, mem, gbs.HandlerConfig{SpoolDir: t.TempDir(), SpoolAbove: 1000}), mem}
	})
}
