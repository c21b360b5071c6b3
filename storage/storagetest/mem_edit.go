package storagetest

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"tahoe/storage"
)

// The methods here are a test's way around the contract: they look at shares and damage them.

// Indices returns the indices of all shares held, in order.
func (m *Mem) Indices() []storage.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Keys(m.shares), func(a, b storage.Index) int { return bytes.Compare(a[:], b[:]) })
}

// Shares returns the numbers of the complete shares of i, of both kinds, ascending.
func (m *Mem) Shares(i storage.Index) []storage.ShareNum {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.shares[i]))
}

// Bytes returns a copy of a share's data, nil when there is no such share.
func (m *Mem) Bytes(i storage.Index, n storage.ShareNum) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.shares[i][n]; s != nil {
		return append([]byte{}, s.data...)
	}
	return nil
}

// Edit replaces the data of a share with what edit makes of a copy of it, and says whether there was such a share.
func (m *Mem) Edit(i storage.Index, n storage.ShareNum, edit func([]byte) []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shares[i][n]
	if s == nil {
		return false
	}
	data := edit(append([]byte{}, s.data...))
	m.used += int64(len(data)) - int64(len(s.data))
	s.data = data
	return true
}

// FlipBit flips the lowest bit of the byte at offset of a share, and says whether there was such a byte.
func (m *Mem) FlipBit(i storage.Index, n storage.ShareNum, offset int64) bool {
	flipped := false
	m.Edit(i, n, func(b []byte) []byte {
		if offset >= 0 && offset < int64(len(b)) {
			b[offset] ^= 1
			flipped = true
		}
		return b
	})
	return flipped
}

// Put makes an immutable share out of nothing.
func (m *Mem) Put(i storage.Index, n storage.ShareNum, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(i, n)
	m.put(i, n, &memShare{kind: storage.KindImmutable, data: bytes.Clone(data)})
	m.used += int64(len(data))
}

// Remove deletes a share, and says whether there was one.
func (m *Mem) Remove(i storage.Index, n storage.ShareNum) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	had := m.shares[i][n] != nil
	m.drop(i, n)
	return had
}

// Open returns how many writers are neither closed nor aborted.
func (m *Mem) Open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.open)
}

// Advisories returns the corruption advisories received so far.
func (m *Mem) Advisories() []storage.Corruption {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.advisories)
}

// LeaseExpiries returns when each lease on a share ends, in the order in which they were added.
func (m *Mem) LeaseExpiries(i storage.Index, n storage.ShareNum) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Time
	if s := m.shares[i][n]; s != nil {
		for _, l := range s.leases {
			out = append(out, l.expires)
		}
	}
	return out
}

// LeaseCount is the number of leases on a share.
func (m *Mem) LeaseCount(i storage.Index, n storage.ShareNum) int { return len(m.LeaseExpiries(i, n)) }
