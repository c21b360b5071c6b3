package ledger

import (
	"strings"

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

	Prefix string                  `json:"prefix"` // that is being counted; all before it is behind
	ahead  map[storage.Index]Usage // what has changed in the prefix, of buckets that were not counted yet
}

// note adds up a change, if it is behind the census.
func (c *census) note(ch share.Change, client string) {
	text := ch.Index.String()
	switch {
	case text <= c.After || text < c.Prefix:
		c.Since.add(ch.Kind, client, int64(ch.Shares), ch.Bytes)
	case c.Prefix != "" && strings.HasPrefix(text, c.Prefix):
		sum := c.ahead[ch.Index]
		sum.add(ch.Kind, client, int64(ch.Shares), ch.Bytes)
		c.ahead[ch.Index] = sum
	}
}

// pass notes that a bucket has been counted, and that others that came too late lie behind it.
func (c *census) pass(i storage.Index) {
	c.After = i.String()
	delete(c.ahead, i)
	for other, sum := range c.ahead {
		if other.String() < c.After {
			c.Since.merge(sum)
			delete(c.ahead, other)
		}
	}
}

// enter begins with a prefix. Buckets of the last one that came too late to be counted there are added up. If it is the same one, which
// another process had begun with, its buckets are listed anew, and all that came are counted.
func (c *census) enter(prefix string) {
	if prefix != c.Prefix {
		for _, sum := range c.ahead {
			c.Since.merge(sum)
		}
	}
	c.Prefix, c.ahead = prefix, map[storage.Index]Usage{}
}

func (c *census) clone() *census {
	if c == nil {
		return nil
	}
	out := *c
	out.Seen, out.Since, out.ahead = c.Seen.clone(), c.Since.clone(), map[storage.Index]Usage{}
	return &out
}

// Begin begins a census, or goes on behind a bucket if the one that an earlier process saved stands there. Otherwise nothing is counted until the
// next cycle: a census without its beginning is none.
func (l *Ledger) Begin(cycle int, after string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case after == "":
		l.census = &census{Cycle: cycle, ahead: map[storage.Index]Usage{}}
	case l.census == nil || l.census.Cycle != cycle || l.census.After != after:
		l.census = nil
	}
}

// Enter says that the buckets with a prefix come next. They are listed afterwards.
func (l *Ledger) Enter(prefix string) error {
	l.mu.Lock()
	if l.census != nil {
		l.census.enter(prefix)
	}
	l.mu.Unlock()
	return l.owners.enter(prefix)
}

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
		l.census.pass(i)
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
		c.enter("")
		l.live = c.Seen.clone()
		l.live.merge(c.Since)
		l.counted = l.c.Clock.Now()
	}
	l.census = nil
	l.mu.Unlock()
	return l.Save()
}
