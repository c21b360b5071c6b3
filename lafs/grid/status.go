package grid

import (
	"sync/atomic"
	"time"

	"tahoe/internal/base32"
	"tahoe/reactor"
	"tahoe/storage"
)

// A State is how a server stands to this client.
type State uint8

// The states. NeverTried servers are being asked for the first time; Unusable ones will never be asked, because what they
// announced is of no use to this client.
const (
	NeverTried State = iota
	Connected
	Disconnected
	Unusable
)

// String is the state in words.
func (s State) String() string {
	switch s {
	case Connected:
		return "connected"
	case Disconnected:
		return "not connected"
	case Unusable:
		return "unusable"
	default:
		return "connecting"
	}
}

// A Status is a snapshot of a server for people. It holds no secret.
type Status struct {
	ID            ServerID
	Nickname      string
	TubID         string // in base32
	Static        bool   // from servers.yaml, and not announced
	State         State
	Since         time.Time // the state is this one since then
	LastSeen      time.Time // the last answer; zero when there was none
	NextTry       time.Time // the next sign of life is due, when nothing happens before
	Version       storage.Version
	LastErr       string // one sentence: why it is not connected
	Certification Certification
	Retiring      bool // no new shares go there, and those that are there are to be kept elsewhere
}

// Text is the state in one sentence.
func (s Status) Text() string {
	if s.LastErr != "" && (s.State == Disconnected || s.State == Unusable) {
		return s.State.String() + ": " + s.LastErr
	}
	return s.State.String()
}

// vitals are what is known of a server. Everybody reads them; whoever learns something changes them. No lock.
type vitals struct {
	clock  reactor.Clock
	status atomic.Pointer[Status]
	seen   atomic.Int64 // time of the last answer in Unix nanoseconds, apart because each call changes it
}

func newVitals(a *Announcement, tub [tubIDSize]byte, clock reactor.Clock) *vitals {
	v := &vitals{clock: clock}
	v.status.Store(&Status{
		ID: a.ID, Nickname: clean(a.Nickname), TubID: base32.Encode(tub[:]), Since: clock.Now(),
		Version: storage.Version{Application: clean(a.Application)},
	})
	return v
}

// change replaces the status by what f makes of it.
func (v *vitals) change(f func(*Status)) {
	for {
		old := v.status.Load()
		s := *old
		if f(&s); v.status.CompareAndSwap(old, &s) {
			return
		}
	}
}

func (v *vitals) answered() { v.seen.Store(v.clock.Now().UnixNano()) }

func (v *vitals) snapshot() Status {
	s := *v.status.Load()
	if t := v.seen.Load(); t != 0 {
		s.LastSeen = time.Unix(0, t)
	}
	return s
}

func (v *vitals) state() State { return v.status.Load().State }

// to changes the state, and Since when it is another one.
func (s *Status) to(state State, now time.Time) {
	if s.State != state {
		s.State, s.Since = state, now
	}
}
