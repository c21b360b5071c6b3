package web_test

import (
	"fmt"
	"testing"

	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// newClient makes a file store over a grid in memory.
func newClient(t testing.TB, change ...func(*lafs.Config)) *lafs.Client {
	t.Helper()
	var servers []*grid.Server
	for i := range 10 {
		tub := make([]byte, 20)
		tub[0] = byte(i)
		a := grid.Announcement{ID: grid.ServerID(fmt.Sprintf("server%d", i)), FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}
		s, err := grid.NewServer(a, storagetest.NewMem(storagetest.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	pool, budget := reactor.NewPool(0), reactor.NewBudget(64<<20)
	lease := func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
		return taghash.Lease([]byte("master"), i, tub)
	}
	all := grid.Fixed(servers...)
	c := lafs.Config{
		Uploader:   immutable.NewUploader(immutable.UploaderConfig{Servers: all, Pool: pool, Budget: budget, Lease: lease}),
		Downloader: immutable.NewDownloader(immutable.DownloaderConfig{Servers: all, Pool: pool, Budget: budget}),
		Mutable:    mutable.New(mutable.Config{Servers: all, Pool: pool, Budget: budget, Lease: lease}),
		Pool:       pool,
		Budget:     budget,
	}
	for _, f := range change {
		f(&c)
	}
	return lafs.New(c)
}

func forbidAll(storage.Index) error { return &lafs.ProhibitedError{Reason: "not here"} }
