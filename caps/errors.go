package caps

import (
	"errors"
	"fmt"
)

// The errors that callers branch on. None of them, wrapped or not, quotes any part of a capability.
var (
	ErrMalformed    = errors.New("malformed capability")
	ErrTooPowerful  = errors.New("capability must be read-only")
	ErrNotImmutable = errors.New("capability must be deep-immutable")
)

// malformed says what is wrong with a capability of this kind.
func malformed(kind, format string, args ...any) error {
	return fmt.Errorf("%w: URI:%s: %w", ErrMalformed, kind, fmt.Errorf(format, args...))
}
