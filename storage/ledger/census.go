package ledger

import (
	"tahoe/storage"
	"tahoe/storage/share"
)

// A census counts all shares, bucket by bucket in the order of the texts of their indices. What changes in front of it is counted when it
// comes there, and what changes behind it is added up by itself; both together are what there is when it ends.
type census struct {
	Cycle int    `json:"cycle"`
	After string `json:"after"` // text of the last index that was counted
	Seen  Usage  `json:"seen"`
	Since Usage  `json:"since"` // what has changed behind it
}

func (c *census) clone() *census {
	if c == nil {
		return nil
	}
	out := *c
	out.Seen, out.Since = c.Seen.clone(), c.Since.clone()
	return &out
}

// Begin begins a census, or goes on behind a bucket if the last one that was saved stands there. Otherwise nothing is counted until the
// next cycle: a census without its beginning is none.
func (l *Ledger) Begin(cycle int, after string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case after == "":
		l.census = &census{Cycle: cycle}
	case l.saved != nil && l.saved.Cycle == cycle && l.saved.After == after:
		l.census = l.saved.clone()
	default:
		l.census = nil
	}
}

// Enter says that the indices with a prefix come next.
func (l *Ledger) Enter(prefix string) error { return l.owners.enter(prefix) }

// Leave says that all buckets of that prefix have been counted.
func (l *Ledger) Leave() error { return l.owners.leave() }

// Count counts the shares of i, which nobody changes meanwhile.
func (l *Ledger) Count(i storage.Index, b share.Bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range b.Shares {
		client := l.owners.seen(i, s.Share)
		if l.census != nil {
			l.census.Seen.add(s.Kind, client, 1, s.FileBytes)
		}
	}
	if l.census != nil {
		l.census.After = i.String()
	}
}

// Save keeps how far the census is.
func (l *Ledger) Save() error {
	l.mu.Lock()
	l.saved, l.dirty = l.census.clone(), true
	l.mu.Unlock()
	return l.save()
}

// Finish ends a cycle: what was counted is what there is.
func (l *Ledger) Finish() error {
	l.mu.Lock()
	if c := l.census; c != nil {
		l.live = c.Seen.clone()
		l.live.merge(c.Since)
		l.counted = l.c.Clock.Now()
	}
	l.census = nil
	l.mu.Unlock()
	return l.Save()
}
