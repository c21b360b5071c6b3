package webdav

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

const (
	idleSession = 10 * time.Minute
	maxSessions = 4096
)

// A session is an account that comes from an address. WebDAV knows none: it lasts while requests come.
type session struct {
	who    visitor
	view   *vfs.View
	logout func()
	users  int
	last   time.Time
}

type visitor struct {
	account auth.Account
	from    netip.Addr
}

// sessions keeps who has signed in, so that the audit log has a line for each visit and not for each request.
type sessions struct {
	portal *auth.Portal[*vfs.View]
	clock  reactor.Clock

	mu  sync.Mutex
	all map[visitor]*session
}

func newSessions(p *auth.Portal[*vfs.View], clock reactor.Clock) *sessions {
	return &sessions{portal: p, clock: clock, all: make(map[visitor]*session)}
}

// enter checks the password of a request, and finds its session. The caller calls leave.
func (s *sessions) enter(ctx context.Context, l auth.Login) (*session, error) {
	a, err := s.portal.Authenticate(ctx, l)
	if err != nil {
		return nil, err
	}
	who := visitor{a, l.From}
	if in := s.find(who); in != nil {
		return in, nil
	}
	view, logout, err := s.portal.Enter(ctx, a, l)
	if err != nil {
		return nil, err
	}
	in, second := s.add(&session{who: who, view: view, logout: logout})
	if second {
		logout()
	}
	return in, nil
}

func (s *sessions) find(who visitor) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.all[who]
	if in != nil {
		in.users++
	}
	return in
}

// add keeps a session; second says that another request was quicker.
func (s *sessions) add(in *session) (kept *session, second bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.all[in.who]; first != nil {
		first.users++
		return first, true
	}
	s.sweep()
	in.users++
	s.all[in.who] = in
	return in, false
}

// sweep ends sessions that are idle. The lock is held.
func (s *sessions) sweep() {
	now := s.clock.Now()
	crowded := len(s.all) >= maxSessions
	for who, in := range s.all {
		if in.users == 0 && (crowded || now.Sub(in.last) > idleSession) {
			delete(s.all, who)
			in.logout()
		}
	}
}

func (s *sessions) leave(in *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.users--
	in.last = s.clock.Now()
}

func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.all {
		in.logout()
	}
	clear(s.all)
}
