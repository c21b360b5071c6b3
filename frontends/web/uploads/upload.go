package uploads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tahoe/frontends/vfs/staging"
)

// A record is what is known of an upload besides its bytes, as it is on the disk.
type record struct {
	ID       string
	Size     int64 // unknown: not said yet
	Metadata string
	Owner    string `json:",omitempty"` // whose it is; empty: of who knows its ID
	Used     time.Time
	Cap      string // of the file, once it is on the grid
	Done     bool   // nothing is left to do, and the parts are gone
}

// An Upload is a file that is being sent. Its bytes are changed by who has its turn.
type Upload struct {
	s     *Spool
	id    string
	owner string
	head  *staging.File
	turn  chan struct{}

	mu        sync.Mutex
	record    record
	parts     []part
	received  int64  // bytes of the parts
	arriving  int64  // bytes of a part that is not kept yet
	interrupt func() // of who has the turn; may be nil
	waiting   int    // for the turn
	failure   error
	failures  int // one after the other
	failed    time.Time
}

// A part is bytes of an upload. They do not change.
type part struct {
	file      *staging.File
	off, size int64
	used      time.Time
}

func newUpload(s *Spool, head *staging.File, r record) *Upload {
	return &Upload{s: s, id: r.ID, owner: r.Owner, head: head, record: r, turn: make(chan struct{}, 1)}
}

// A Status is how an upload is.
type Status struct {
	Size     int64 // -1: not known yet
	Received int64 // bytes that have come
	Metadata string
	Expires  time.Time // when nothing happens
	Cap      string    // of the file, once it is on the grid
	Done     bool
	Failure  error // why it is not done, though all bytes have come; nil after a restart
	Failures int   // how often that went wrong since the node started, and Failed when it last did
	Failed   time.Time
}

// Complete says whether all bytes have come.
func (s Status) Complete() bool { return s.Size == s.Received }

// Owner is whose it is, as Create was told.
func (u *Upload) Owner() string { return u.owner }

// ID names the upload: 26 characters that nobody guesses.
func (u *Upload) ID() string { return u.id }

// Status does not wait.
func (u *Upload) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	st := Status{
		Size: u.record.Size, Received: u.received + u.arriving, Metadata: u.record.Metadata, Expires: u.record.Used.Add(u.s.c.Keep),
		Cap: u.record.Cap, Done: u.record.Done, Failure: u.failure,
		Failures: u.failures, Failed: u.failed,
	}
	if st.Done {
		st.Received = st.Size
	}
	return st
}

func (u *Upload) expired(now time.Time) bool { return !now.Before(u.Status().Expires) }

// Take waits for the turn. Who has it is asked to give it up, by the interrupt that he gave.
func (u *Upload) Take(ctx context.Context, interrupt func()) (release func(), err error) {
	u.wait(+1)
	defer u.wait(-1)
	select {
	case u.turn <- struct{}{}:
		return u.taken(interrupt), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (u *Upload) wait(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting += n
	if n > 0 && u.interrupt != nil {
		u.interrupt()
	}
}

func (u *Upload) tryTake() (release func(), ok bool) {
	select {
	case u.turn <- struct{}{}:
		return u.taken(nil), true
	default:
		return nil, false
	}
}

func (u *Upload) taken(interrupt func()) (release func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.interrupt = interrupt
	if u.waiting > 1 && interrupt != nil { // somebody besides this one, who found nobody to interrupt
		interrupt()
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.interrupt = nil
		<-u.turn
	}
}

// keep writes a record to the disk, and then takes it for true.
func (u *Upload) keep(r record) error {
	b, err := json.Marshal(note{Head: &r})
	if err != nil {
		return err
	}
	if err := u.head.Keep(b); err != nil {
		return fmt.Errorf("note an upload: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.record = r
	return nil
}

// change keeps the record with something changed. The turn is held.
func (u *Upload) change(f func(*record)) error {
	u.mu.Lock()
	r := u.record
	u.mu.Unlock()
	f(&r)
	r.Used = u.s.c.Clock.Now()
	return u.keep(r)
}

// SetSize says how many bytes there are to be, when that was not known. The turn is held.
func (u *Upload) SetSize(n int64) error { return u.change(func(r *record) { r.Size = n }) }

// SetCap notes what the file is on the grid. The turn is held.
func (u *Upload) SetCap(text string) error { return u.change(func(r *record) { r.Cap = text }) }

// SetDone notes that nothing is left to do, and gives the room of the bytes back. The turn is held.
func (u *Upload) SetDone() error {
	if err := u.change(func(r *record) { r.Done = true }); err != nil {
		return err
	}
	u.SetFailure(nil)
	return u.releaseParts()
}

// SetFailure says why the upload is not done; nil: it is tried again.
func (u *Upload) SetFailure(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failure = err
	if err != nil {
		u.failures++
		u.failed = u.s.c.Clock.Now()
	}
}

// Remove ends an upload, and removes its bytes. The turn is held, or nobody knows the upload. Removing it again does nothing.
func (u *Upload) Remove() error {
	if err := u.head.Release(); err != nil {
		return err
	}
	u.s.drop(u)
	return u.releaseParts()
}

func (u *Upload) releaseParts() error {
	u.mu.Lock()
	parts := u.parts
	u.parts, u.received = nil, 0
	u.mu.Unlock()
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.file.Release())
	}
	return errors.Join(errs...)
}
