package dirnode

import (
	"encoding/json"
)

// A NewChild is a child to link under a name.
type NewChild struct {
	Name string
	Child
	Metadata json.RawMessage // a JSON object; nil keeps what the name had
}

// An Entry is a name and what is under it.
type Entry struct {
	Name string
	Child
	Metadata Metadata
}

// Replace says what may happen to the child that a name has already.
type Replace uint8

// What may be replaced.
const (
	ReplaceAny       Replace = iota
	ReplaceOnlyFiles         // whatever is not a directory
	ReplaceNever
)
