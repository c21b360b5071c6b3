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
	c, _ := newClientOn(t, change...)
	return c
}

// newClientOn is newClient, with the servers of the grid.
func newClientOn(t testing.TB, change ...func(*lafs.Config)) (*lafs.Client, []*storagetest.Mem) {
	t.Helper()
	var mems []*storagetest.Mem
	var servers []*grid.Server
	for i := range 10 {
		tub := make([]byte, 20)
		tub[0] = byte(i)
		a := grid.Announcement{ID: grid.ServerID(fmt.Sprintf("server%d", i)), FURL: "pb://" + base32.Encode(tub) + "@127.0.0.1:1/x"}
		mems = append(mems, storagetest.NewMem(storagetest.Config{}))
		s, err := grid.NewServer(a, mems[i])
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
	up := immutable.NewUploader(immutable.UploaderConfig{Servers: all, Pool: pool, Budget: budget, Lease: lease})
	down := immutable.NewDownloader(immutable.DownloaderConfig{Servers: all, Pool: pool, Budget: budget})
	check := immutable.NewChecker(immutable.CheckerConfig{Servers: all, Pool: pool, Budget: budget, Lease: lease})
	c := lafs.Config{
		Uploader: up, Downloader: down, Checker: check, Repairer: immutable.NewRepairer(up, down, check),
		Mutable: mutable.New(mutable.Config{Servers: all, Pool: pool, Budget: budget, Lease: lease}),
		Pool:    pool,
		Budget:  budget,
	}
	for _, f := range change {
		f(&c)
	}
	return lafs.New(c), mems
}

func forbidAll(storage.Index) error { return &lafs.ProhibitedError{Reason: "not here"} }
