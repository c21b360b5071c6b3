package disk_test

import (
	"io"
	"testing"

	"tahoe/storage"
)

// readAll reads a whole immutable share.
func readAll(t testing.TB, r storage.Reader) []byte {
	t.Helper()
	stream, err := r.Read(t.Context(), storage.Span{Size: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	got, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
