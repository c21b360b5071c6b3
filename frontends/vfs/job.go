package vfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tahoe/caps"
	"tahoe/frontends/vfs/staging"
	"tahoe/reactor"
)

// A job is a file that was closed, on its way to the grid.
type job struct {
	id      uint64
	content *content // one of its users is the job
	account string
	closed  time.Time

	// guarded by FS.mu; node, place and target change under the lock of the place, too
	node    *inode
	place   place
	target  target
	display string
	order   uint64    // grows each time that a job is given a place
	stored  caps.Read // the immutable file, once it is on the grid; nil before

	state     State
	attempts  int
	next      time.Time
	lastErr   error
	running   bool
	stop      context.CancelFunc // ends the attempt under way
	idle      chan struct{}      // closed when no attempt is under way
	recovered bool               // found at the start: nobody knows how far it had come
	once      bool               // the first failure is the last
	done      chan struct{}      // closed when the job is over
	result    error
}

// A target is where a file goes.
type target struct {
	dir  caps.Write // nil: no link is made
	name string
	file *caps.MutableWrite // overwritten in place; nil: an immutable file is made
}

func (j *job) waiting() Waiting {
	w := Waiting{ID: j.id, Account: j.account, Path: j.display, Size: j.content.file.Size(), Closed: j.closed, State: j.state, Attempts: j.attempts}
	if j.lastErr != nil {
		w.LastError = j.lastErr.Error()
	}
	if j.state == Retrying {
		w.NextTry = j.next
	}
	return w
}

// A note is what the journal knows of a job. It is sealed with the staged file.
type note struct {
	Version int         `json:"v"`
	Account string      `json:"account"`
	Path    string      `json:"path"`
	Closed  time.Time   `json:"closed"`
	Dir     string      `json:"dir,omitempty"`
	Name    string      `json:"name,omitempty"`
	File    string      `json:"file,omitempty"`
	Index   []byte      `json:"index"` // of the place
	Base    string      `json:"base,omitempty"`
	BaseEnd int64       `json:"base_end,omitempty"`
	Written [][2]int64  `json:"written,omitempty"`
	MTime   time.Time   `json:"mtime"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	ModeSet bool        `json:"mode_set,omitempty"`
	Stored  string      `json:"stored,omitempty"`
	Order   uint64      `json:"order"`
}

const noteVersion = 1

// A way is where a job goes, as the journal knows it.
type way struct {
	place   place
	target  target
	display string
	order   uint64
}

// way is where the job goes now. FS.mu is held, or nobody else has the job yet.
func (j *job) way() way { return way{j.place, j.target, j.display, j.order} }

func (j *job) turn(w way) {
	j.place, j.target, j.display, j.order = w.place, w.target, w.display, w.order
}

// keep writes a job into the journal, as going its way, or another. FS.mu is not held; the lock of the place is.
func (f *FS) keep(j *job, other *way) error {
	f.mu.Lock()
	w, stored := j.way(), j.stored
	f.mu.Unlock()
	if other != nil {
		w = *other
	}
	n := note{
		Version: noteVersion, Account: j.account, Path: w.display, Closed: j.closed, Name: w.target.name, Index: w.place.dir[:], Order: w.order,
	}
	if w.target.dir != nil {
		n.Dir = w.target.dir.Encode()
	}
	if w.target.file != nil {
		n.File = w.target.file.Encode()
	}
	if stored != nil {
		n.Stored = stored.Encode()
	}
	j.content.describe(&n)
	b, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write a note about a file: %w", err)
	}
	return asVFS(j.content.file.Keep(b))
}

func (c *content) describe(n *note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.MTime, n.Mode, n.ModeSet = c.mtime, c.mode, c.modeSet
	if c.base == nil || c.baseEnd == 0 {
		return
	}
	n.Base, n.BaseEnd = c.base.Encode(), c.baseEnd
	for _, s := range c.written.Overlap(0, c.baseEnd) {
		n.Written = append(n.Written, [2]int64{s.Start, s.End})
	}
}

// jobOf makes a job of what the journal has.
func jobOf(k staging.Kept) (*job, error) {
	var n note
	if err := json.Unmarshal(k.Note, &n); err != nil {
		return nil, errors.New("it is no note of this version")
	}
	if n.Version != noteVersion || n.Name == "" && n.File == "" {
		return nil, errors.New("it is no note of this version")
	}
	c := contentOf(k.File)
	c.refs, c.baseEnd, c.mtime, c.mode, c.modeSet = 1, n.BaseEnd, n.MTime, n.Mode, n.ModeSet
	for _, w := range n.Written {
		c.written.Add(w[0], w[1])
	}
	j := newJob(c, n.Account, n.Path, n.Closed)
	j.target.name, j.order, j.recovered = n.Name, n.Order, true
	if len(n.Index) != len(j.place.dir) {
		return nil, errors.New("it does not say where the file belongs")
	}
	j.place = place{[len(j.place.dir)]byte(n.Index), n.Name}
	err := errors.Join(parseInto(n.Dir, &j.target.dir), parseInto(n.Base, &c.base), parseInto(n.Stored, &j.stored))
	if n.File != "" {
		j.target.file = new(caps.MutableWrite)
		err = errors.Join(err, parseInto(n.File, j.target.file))
	}
	return j, err
}

// parseInto reads a capability of a kind; "" is none.
func parseInto[C caps.Cap](text string, to *C) error {
	if text == "" {
		return nil
	}
	c, err := caps.Parse(text)
	if err != nil {
		return err
	}
	var ok bool
	if *to, ok = c.(C); !ok {
		return errors.New("a capability in it is of another kind than it should be")
	}
	return nil
}

func newJob(c *content, account, display string, closed time.Time) *job {
	j := &job{id: c.file.ID(), content: c, account: account, display: display, closed: closed, state: Queued, done: make(chan struct{}), idle: make(chan struct{})}
	close(j.idle)
	return j
}

// backoff is how long a file waits after so many failures.
func backoff(attempts int) time.Duration {
	const most = 5 * time.Minute
	return min(most, time.Second<<min(attempts-1, 10))
}

// sleepFor is a timer's channel, or nil for never.
func sleepFor(clock reactor.Clock, d time.Duration, ever bool) (<-chan time.Time, func() bool) {
	if !ever {
		return nil, func() bool { return false }
	}
	t := clock.NewTimer(max(d, 0))
	return t.C(), t.Stop
}
