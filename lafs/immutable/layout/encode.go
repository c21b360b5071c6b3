package layout

import (
	"maps"
	"slices"

	"tahoe/internal/netstring"
)

// encodeFields writes the fields that have a value, in ascending order of their keys.
func encodeFields(values map[string][]byte) []byte {
	var b []byte
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if v := values[key]; len(v) > 0 {
			b = append(append(b, key...), ':')
			b = netstring.Append(b, v)
		}
	}
	return b
}
