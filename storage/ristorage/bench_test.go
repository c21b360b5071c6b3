package ristorage_test

import (
	"testing"

	"tahoe/storage"
	"tahoe/storage/ristorage"
	"tahoe/storage/storagetest"
)

func BenchmarkStorage(b *testing.B) {
	storagetest.Bench(b, func(b testing.TB) storage.Server {
		return connect(b, serve(b, storagetest.NewMem(storagetest.Config{})), ristorage.ClientConfig{})
	})
}
