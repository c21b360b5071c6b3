package mutable

import (
	"container/list"
	"fmt"
	"sync"

	"tahoe/caps"
	"tahoe/reactor"
)

// Files are the mutable files of a node: the one place where operations on the same file meet, whichever front end they come
// from and whether they hold its read or its write capability. Writes of one file are done one after the other.
type Files struct {
	c     Config
	small *reactor.Budget // for small reads, which wait for no large one

	mu         sync.Mutex
	places     map[placeKey]*place
	recent     list.List // of *place, those used last first
	remembered int64     // bytes of contents in places
}

// smallBudget is the memory of all small reads together.
const smallBudget = 8 << 20

// New makes Files.
func New(c Config) *Files {
	c.prepare()
	return &Files{c: c, small: reactor.NewBudget(smallBudget), places: make(map[placeKey]*place)}
}

// Open makes a File of a capability, a caps.MutableWrite or caps.MutableRead: anything else is ErrWrongKind. It asks no server.
func (m *Files) Open(c caps.Read) (*File, error) {
	switch c := c.(type) {
	case caps.MutableWrite:
		if c != (caps.MutableWrite{}) {
			return newFile(m, c, c), nil
		}
	case caps.MutableRead:
		if c != (caps.MutableRead{}) {
			return newFile(m, c, caps.MutableWrite{}), nil
		}
	case nil:
		return nil, fmt.Errorf("there is no capability to open: %w", ErrWrongKind)
	}
	return nil, fmt.Errorf("%s: %w", caps.Abbrev(c), ErrWrongKind)
}
