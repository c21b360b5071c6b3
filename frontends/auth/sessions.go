package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"
)

// How long sessions last, and how many there may be.
const (
	sessionIdle  = 2 * time.Hour  // without a request
	sessionAge   = 24 * time.Hour // in any case
	maxSessions  = 4096
	maxOfAccount = 32
)

// Sessions are those who have signed in at a door that is shown a ticket with each request, as browsers show a cookie. A ticket is 256
// random bits, of which only a hash is kept. A session ends when it is idle, old, given up, or when its account is not any more what it was.
// They may be used by several goroutines at once.
type Sessions[A any] struct {
	portal *Portal[A]

	mu  sync.Mutex
	all map[ticketHash]*Session[A]
}

type ticketHash [sha256.Size]byte

// A Session is somebody who has signed in.
type Session[A any] struct {
	Account Account
	Avatar  A

	login    Login // without the proof
	standing Standing
	logout   func()
	began    time.Time

	// guarded by Sessions.mu
	last  time.Time
	users int
	over  bool
}

// NewSessions makes an empty table.
func NewSessions[A any](p *Portal[A]) *Sessions[A] {
	return &Sessions[A]{portal: p, all: make(map[ticketHash]*Session[A])}
}

// Login lets somebody in who has proved who it is, and returns the ticket. It is new each time: nobody can know it before.
func (s *Sessions[A]) Login(ctx context.Context, l Login) (ticket string, err error) {
	standing, err := s.portal.standing(ctx, l.Name) // first: what changes meanwhile ends the session
	if err != nil {
		return "", err
	}
	a, err := s.portal.Authenticate(ctx, l)
	if err != nil {
		return "", err
	}
	avatar, logout, err := s.portal.Enter(ctx, a, l)
	if err != nil {
		return "", err
	}
	l.Proof = nil
	now := s.portal.clock().Now()
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // cannot fail
	ticket = base64.RawURLEncoding.EncodeToString(bits[:])
	s.add(hashOf(ticket), &Session[A]{Account: a, Avatar: avatar, login: l, standing: standing, logout: sync.OnceFunc(logout), began: now, last: now})
	return ticket, nil
}

func hashOf(ticket string) ticketHash { return sha256.Sum256([]byte(ticket)) }

// add keeps a session, and makes room for it: first of those of its account, then of all, the one goes that was idle for longest.
func (s *Sessions[A]) add(h ticketHash, in *Session[A]) {
	s.mu.Lock()
	var ended []*Session[A]
	ofAccount := func(other *Session[A]) bool { return other.Account.Name == in.Account.Name }
	for other, old := range s.all {
		if old.expired(in.began) {
			ended = append(ended, s.end(other))
		}
	}
	ended = append(ended, s.shrink(maxOfAccount-1, ofAccount)...)
	ended = append(ended, s.shrink(maxSessions-1, func(*Session[A]) bool { return true })...)
	s.all[h] = in
	s.mu.Unlock()
	s.finish("signed out: too old, or too many sessions", ended...)
}

// shrink leaves at most so many of some sessions. The lock is held.
func (s *Sessions[A]) shrink(most int, of func(*Session[A]) bool) (ended []*Session[A]) {
	for {
		n := 0
		var first ticketHash
		for h, in := range s.all {
			if !of(in) {
				continue
			}
			if n++; n == 1 || in.last.Before(s.all[first].last) {
				first = h
			}
		}
		if n <= most {
			return ended
		}
		ended = append(ended, s.end(first))
	}
}

func (in *Session[A]) expired(now time.Time) bool {
	return now.Sub(in.began) >= sessionAge || in.users == 0 && now.Sub(in.last) >= sessionIdle
}

// Enter finds the session of a ticket, nil when there is none any more. The caller calls Leave.
func (s *Sessions[A]) Enter(ctx context.Context, ticket string) *Session[A] {
	h, now := hashOf(ticket), s.portal.clock().Now()
	s.mu.Lock()
	in := s.all[h]
	expired := in != nil && in.expired(now)
	if in != nil {
		in.users++
	}
	s.mu.Unlock()
	if in == nil {
		return nil
	}
	switch standing, err := s.portal.standing(ctx, in.login.Name); {
	case expired:
		s.drop(h, "signed out: the session is over")
	case err != nil: // of ctx
	case standing != in.standing:
		s.drop(h, "signed out: the account was changed")
	default:
		return in
	}
	s.Leave(in)
	return nil
}

// Leave ends a request of a session.
func (s *Sessions[A]) Leave(in *Session[A]) {
	s.mu.Lock()
	in.users--
	in.last = s.portal.clock().Now()
	last := in.over && in.users == 0
	s.mu.Unlock()
	if last {
		in.logout()
	}
}

// Logout ends the session of a ticket. What is under way is finished.
func (s *Sessions[A]) Logout(ticket string) { s.drop(hashOf(ticket), "signed out") }

func (s *Sessions[A]) drop(h ticketHash, why string) {
	s.mu.Lock()
	in := s.end(h)
	s.mu.Unlock()
	s.finish(why, in)
}

// end takes a session off the table. The lock is held.
func (s *Sessions[A]) end(h ticketHash) *Session[A] {
	in := s.all[h]
	if in != nil {
		delete(s.all, h)
		in.over = true
	}
	return in
}

// finish does what the end of sessions takes, without the lock: requests under way finish first.
func (s *Sessions[A]) finish(why string, ended ...*Session[A]) {
	for _, in := range ended {
		if in == nil {
			continue
		}
		s.portal.audit(slog.LevelInfo, why, in.login)
		s.mu.Lock()
		idle := in.users == 0
		s.mu.Unlock()
		if idle {
			in.logout()
		}
	}
}

// Close ends all sessions.
func (s *Sessions[A]) Close() {
	s.mu.Lock()
	var ended []*Session[A]
	for h := range s.all {
		ended = append(ended, s.end(h))
	}
	s.mu.Unlock()
	s.finish("signed out: the node stops", ended...)
}
