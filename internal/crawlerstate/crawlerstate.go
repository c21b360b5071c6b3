// Package crawlerstate converts the state files of a storage server's crawlers, which the original once kept as pickles, to
// the JSON that it keeps now, to the byte. It is for `tahoe admin migrate-crawler`.
//
// The invariant: a file is taken away only when what it said is safely in the other.
package crawlerstate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"

	"tahoe/internal/durable"
	"tahoe/internal/pickle"
	"tahoe/internal/pyjson"
)

// ErrState is in the error of a pickle that is not the state of a crawler.
var ErrState = errors.New("not the state of a crawler")

// A Result says what became of a file.
type Result int

// The results.
const (
	NotFound  Result = iota // neither the old file nor the new one is there
	Already                 // only the new one is
	Converted               // the new one has taken the place of the old one
)

// Names are the state files, in the folder storage of a node; the new ones have ".json" behind these names.
func Names() []string {
	return []string{"lease_checker.state", "bucket_counter.state", historyName}
}

const historyName = "lease_checker.history"

// Migrate converts the file at path, whose name is one of Names.
func Migrate(path string) (Result, error) {
	b, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(path + ".json"); err == nil {
			return Already, nil
		}
		return NotFound, nil
	}
	if err != nil {
		return NotFound, err
	}
	text, err := Convert(b, filepath.Base(path) == historyName)
	if err != nil {
		return NotFound, fmt.Errorf("%s: %w; delete it, and the server begins anew", path, err)
	}
	disk := durable.FS{}
	if err := disk.WriteFile(path+".json", text, 0o644); err != nil {
		return NotFound, err
	}
	if err := disk.Remove(path); err != nil {
		return NotFound, err
	}
	return Converted, disk.SyncDir(filepath.Dir(path))
}

// read reads a file that is not too large.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, pickle.MaxSize+1))
}

// Convert makes the JSON text of a pickle: the state of a crawler, or the history of its cycles.
func Convert(b []byte, history bool) ([]byte, error) {
	v, err := pickle.Load(b)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("it is no dictionary: %w", ErrState)
	}
	if !history && !isVersion1(d) {
		return nil, fmt.Errorf("it is not of version 1, the only one known: %w", ErrState)
	}
	c := converter{left: maxText}
	object, err := c.object(d, func(key string, value any) (any, error) {
		if history || key == "cycle-to-date" {
			return c.cycle(value)
		}
		return c.plain(value, 1)
	})
	if err != nil {
		return nil, err
	}
	return pyjson.Append(nil, object, "")
}

func isVersion1(d *pickle.Dict) bool {
	for i, key := range d.Keys {
		if key == "version" {
			n, ok := d.Values[i].(*big.Int)
			return ok && n.IsInt64() && n.Int64() == 1
		}
	}
	return false
}
