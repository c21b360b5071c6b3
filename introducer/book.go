package introducer

import (
	"slices"
	"time"
)

// An index tells announcements apart: one of each index is kept.
type index struct{ service, key string }

// An entry is an announcement in a book.
type entry struct {
	v    *Verified
	rev  uint64 // grows with each change of the book
	when time.Time

	// Of an introducer's book: whether the last publisher's connection lasts, and since when it does not.
	visits int // publications, by which the end of an earlier publisher's connection is told from the last one's
	here   bool
	left   time.Time
	forget func() // stops listening for the end of the connection
}

// A book holds the newest announcement of each index, in the order in which they came. A reader remembers the revision up
// to which it has read, so that the book keeps nothing for it. It is not safe for concurrent use.
type book struct {
	maxEntries, maxBytes int

	entries map[index]*entry
	order   []*entry // by revision; some are no longer in entries
	rev     uint64
	bytes   int
}

func newBook(maxEntries, maxBytes int) *book {
	return &book{maxEntries: maxEntries, maxBytes: maxBytes, entries: map[index]*entry{}}
}

// put takes an announcement in: ErrStale, ErrFull. It returns the entry, and whether the book has changed: an announcement
// that it holds already changes nothing.
func (b *book) put(v *Verified, now time.Time) (e *entry, changed bool, err error) {
	i := index{v.Service(), v.Key()}
	old := b.entries[i]
	if old != nil && slices.Equal(old.v.signed.Message, v.signed.Message) {
		return old, false, nil
	}
	size := v.size()
	if old != nil {
		if !v.supersedes(old.v) {
			return old, false, ErrStale
		}
		size -= old.v.size()
	}
	if old == nil && len(b.entries) >= b.maxEntries || b.bytes+size > b.maxBytes {
		return nil, false, ErrFull
	}
	b.rev++
	e = &entry{v: v, rev: b.rev, when: now}
	if old != nil {
		e.visits, e.forget = old.visits, old.forget
	}
	b.entries[i] = e
	b.order = append(b.order, e)
	b.bytes += size
	b.tidy()
	return e, true, nil
}

// remove forgets an entry.
func (b *book) remove(e *entry) {
	delete(b.entries, index{e.v.Service(), e.v.Key()})
	b.bytes -= e.v.size()
	b.tidy()
}

// holds says whether an entry has not been replaced or removed.
func (b *book) holds(e *entry) bool { return b.entries[index{e.v.Service(), e.v.Key()}] == e }

// tidy drops what has been replaced, once that is more than half.
func (b *book) tidy() {
	if len(b.order) > 2*len(b.entries)+64 {
		b.order = slices.DeleteFunc(b.order, func(e *entry) bool { return !b.holds(e) })
	}
}

// after returns the oldest entries of a service that came after a revision, and the revision to go on from; every service's
// if the name is empty. They are at most count, and have at most size bytes unless it is one alone.
func (b *book) after(rev uint64, service string, count, size int) (entries []*entry, next uint64) {
	from, _ := slices.BinarySearchFunc(b.order, rev+1, func(e *entry, rev uint64) int {
		switch {
		case e.rev < rev:
			return -1
		case e.rev > rev:
			return 1
		}
		return 0
	})
	for _, e := range b.order[from:] {
		if b.holds(e) && (service == "" || e.v.Service() == service) {
			size -= e.v.size()
			if len(entries) == count || size < 0 && len(entries) > 0 {
				return entries, rev
			}
			entries = append(entries, e)
		}
		rev = e.rev
	}
	return entries, rev
}
