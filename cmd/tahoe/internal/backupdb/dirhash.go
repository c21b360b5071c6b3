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
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(children)) {
		b = netstring.Append(b, []byte(name))
		b = netstring.Append(b, []byte(children[name]))
	}
	sum := taghash.BackupDirectory(b)
	return base32.Encode(sum[:])
}
