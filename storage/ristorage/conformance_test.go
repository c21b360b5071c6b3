package ristorage_test

import (
	"testing"

	"tahoe/storage"
	"tahoe/storage/ristorage"
	"tahoe/storage/storagetest"
)

// remote is a Mem behind a client, Foolscap and a server. Its leases can be counted.
type remote struct {
	*ristorage.Client
	mem *storagetest.Mem
}

func (r remote) LeaseCount(i storage.Index, n storage.ShareNum) int {
	return len(r.mem.LeaseExpiries(i, n))
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) storage.Server {
		mem := storagetest.NewMem(storagetest.Config{})
		return remote{connect(t, serve(t, mem), ristorage.ClientConfig{}), mem}
	})
}
