package share

import (
	"time"

	"tahoe/storage"
)

// A Held is a share as it lies in a storage directory: what a crawler wants to know of it.
type Held struct {
	Share     storage.ShareNum
	Kind      storage.Kind
	FileBytes int64    // of its file
	DiskBytes int64    // that the file takes on the disk
	Leases    []uint32 // when each of its leases ends, in seconds since 1970
	Changed   time.Time
}

// A Bucket is what lies in the directory of one index.
type Bucket struct {
	Shares    []Held             // ascending
	Corrupt   []storage.ShareNum // files that have a share's name and are none
	DiskBytes int64              // that the directory itself takes
}

// A Visit is one index, held for its visitor: nobody changes its shares meanwhile, and nobody renews their leases.
type Visit interface {
	// Look reads what is there.
	Look() (Bucket, error)
	// Remove removes a share.
	Remove(n storage.ShareNum) error
}

// A Change is something that happened to a share.
type Change struct {
	Index  storage.Index
	Share  storage.ShareNum
	Kind   storage.Kind
	Client string // on whose behalf; "" is whoever comes by the announced address
	Shares int    // 1: the share is new; -1: it is gone; 0: neither
	Bytes  int64  // by which its file got longer
}
