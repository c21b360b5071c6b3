package health

import "sync"

// Progress is how far a check or repair is.
type Progress struct {
	Asked, Answered    int   // servers
	Shares             int   // that these say they have
	Verified, ToVerify int64 // bytes of shares; 0 where they are not read
	Pushed, ToPush     int64 // bytes of new shares; 0 where none are made
}

// A Meter notes how far a check or repair is, for who looks on. Nobody looks on at a nil one, which may be used all the same.
type Meter struct {
	tell func(Progress)

	mu  sync.Mutex
	now Progress
}

// NewMeter makes a Meter that tells of each change, one after the other. tell must not wait.
func NewMeter(tell func(Progress)) *Meter { return &Meter{tell: tell} }

// Note changes what the meter shows.
func (m *Meter) Note(change func(*Progress)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.now)
	m.tell(m.now)
}

// Answered notes that a server said which shares it has, or failed to.
func (m *Meter) Answered(shares int) {
	m.Note(func(p *Progress) { p.Answered, p.Shares = p.Answered+1, p.Shares+shares })
}

// A Reading is a share that is verified.
type Reading struct {
	m    *Meter
	left int64
}

// Reading begins one of so many bytes.
func (m *Meter) Reading(size int64) *Reading { return &Reading{m, size} }

// Verified notes that bytes of the share were read and looked at.
func (r *Reading) Verified(n int64) {
	n = min(n, r.left)
	r.left -= n
	r.m.Note(func(p *Progress) { p.Verified += n })
}

// End notes that no more of the share is going to be read, be it that all was, or that it failed.
func (r *Reading) End() { r.Verified(r.left) }
