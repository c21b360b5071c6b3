package storagetest_test

import (
	"testing"

	"tahoe/storage"
	"tahoe/storage/storagetest"
)

func TestMem(t *testing.T) {
	storagetest.Run(t, func(testing.TB) storage.Server { return storagetest.NewMem(storagetest.Config{}) })
}

func TestMemLimited(t *testing.T) {
	storagetest.Run(t, func(testing.TB) storage.Server { return storagetest.NewMem(storagetest.Config{Capacity: 1 << 24}) })
}

func BenchmarkMem(b *testing.B) {
	storagetest.Bench(b, func(testing.TB) storage.Server { return storagetest.NewMem(storagetest.Config{}) })
}
