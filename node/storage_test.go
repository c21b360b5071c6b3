package node_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What a killed process left of its spool is gone after the next start.
func TestSpoolLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "storage", "gbs-123.spool")
	write(t, left, "half a request")
	open(t, dir)
	if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the file has gone", err)
	}
}
