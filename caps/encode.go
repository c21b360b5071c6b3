package caps

import (
	"strconv"
	"strings"

	"tahoe/internal/base32"
)

// scheme begins every capability that is not unknown.
const scheme = "URI:"

func (s secret) encode() string {
	switch s.kind {
	case kindNone:
		return ""
	case kindUnknown:
		return s.text
	case kindLiteral:
		return scheme + s.name() + ":" + base32.Encode([]byte(s.text))
	}
	fields := []string{scheme + s.name(), base32.Encode(s.first()), base32.Encode(s.hash[:])}
	if s.kind == kindCHK || s.kind == kindCHKVerify {
		fields = append(fields, strconv.Itoa(s.needed), strconv.Itoa(s.total), strconv.FormatInt(s.size, 10))
	}
	return strings.Join(fields, ":")
}

// first is the field behind the kind: the key, or the index of what only verifies.
func (s secret) first() []byte {
	if s.kind.readable() {
		return s.key[:]
	}
	return s.index[:]
}
