package dirnode

import (
	"encoding/json"
	"time"
)

// Set links children under their names: all of them, or none when there is an error. It fails with *ChildExistsError when
// one is in the way of Replace, and with *ChildError when one may not be in a directory.
type Set struct {
	Children []NewChild
	Replace  Replace
	At       time.Time

	Existed []bool // for each of the children, whether its name had one before; Apply sets it

	made map[string][]byte
}

// Unlink takes an entry away: *NoChildError when there is none.
type Unlink struct {
	Name string
	// Only restricts it to a child of this kind, or one of an unknown kind: otherwise ErrNotDirectory or ErrIsDirectory, in a
	// *ChildError. Unknown allows all.
	Only Kind
	// Same restricts it to this child, if it is not nil: when another one is there, or none, nothing happens.
	Same *Child

	Removed Entry // Apply sets it

	done bool
}

// Rename gives a child another name, with its metadata: *NoChildError when it is not there, *ChildExistsError when the other
// name has one that is in the way of Replace. Both names may be the same; then nothing happens.
type Rename struct {
	From, To string
	Replace  Replace
	At       time.Time

	made []byte
}

// SetMetadata replaces what users keep in an entry's metadata: *NoChildError when there is no such child.
type SetMetadata struct {
	Name     string
	Metadata json.RawMessage
	At       time.Time
}
