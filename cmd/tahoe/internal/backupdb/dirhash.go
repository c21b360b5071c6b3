package backupdb

import (
	"maps"
	"slices"

	"tahoe/internal/base32"
	"tahoe/internal/netstring"
	"tahoe/internal/taghash"
)

// DirHash names the contents of a directory: the names in it, as UTF-8, and the capability of each. Metadata do not count.
func DirHash(children map[string]string) string {
	h := taghash.New("allmydata_backupdb_dirhash_v1")
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(children)) {
		b = netstring.Append(b[:0], []byte(name))
		b = netstring.Append(b, []byte(children[name]))
		_, _ = h.Write(b) // a hash takes everything
	}
	sum := h.Sum()
	return base32.Encode(sum[:])
}
