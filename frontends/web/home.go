package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// A HomeConfig is what it takes to let people sign in with a name and a password. They find their files at /home/, without a capability in
// any address or page.
type HomeConfig struct {
	FS       *vfs.FS
	Checkers []auth.Checker
	Guard    *auth.Guard // that of the node's other doors
	Plain    Plain
	Ways     func() []Way // the other doors, for the page of an account; nil: there are none
}

// Plain says who may sign in without TLS.
type Plain uint8

// Whom the web port lets sign in without TLS.
const (
	PlainLoopback Plain = iota // those at this machine
	PlainNever
	PlainAlways
)

// home is who has signed in.
type home struct {
	c        HomeConfig
	sessions *auth.Sessions[*visit]
	gates    auth.Gates // of passwords that are being looked at
	requests auth.Gates // of those who have signed in; each may hold a piece of a file
}

// How many passwords are looked at side by side, and of one address. Each holds little, and most of them wait.
const (
	maxLogins       = 256
	maxLoginsOfHost = 16

	maxRequests          = 512
	maxRequestsOfAccount = 128 // a browser asks for a hundred pictures at once
)

func newHome(c HomeConfig, clock reactor.Clock, log *slog.Logger) *home {
	h := &home{c: c, gates: auth.Gates{Total: maxLogins, Each: maxLoginsOfHost}, requests: auth.Gates{Total: maxRequests, Each: maxRequestsOfAccount}}
	h.sessions = auth.NewSessions(&auth.Portal[*visit]{Realm: h.enter, Checkers: c.Checkers, Guard: c.Guard, Clock: clock, Log: log})
	return h
}

// A visit is what a session has. Its view knows no path to capabilities: addresses end in logs.
type visit struct {
	account auth.Account
	view    *vfs.View

	mu      sync.Mutex
	removed []removal // that can be put back, the last first
}

func (h *home) enter(_ context.Context, a auth.Account) (*visit, func(), error) {
	v := h.visit(a)
	return v, v.view.Close, nil
}

// visit begins one, whose view the caller closes.
func (h *home) visit(a auth.Account) *visit {
	inside := a
	inside.NoPaths = true
	return &visit{account: a, view: h.c.FS.View(inside)}
}

// serveAccounts answers what is for people with an account.
func (s *Server) serveAccounts(w *recorder, r *http.Request, rt route) error {
	if err := s.openHome(w, r); err != nil {
		return err
	}
	switch rt.kind {
	case kindLogin:
		return s.serveLogin(w, r)
	case kindLogout:
		return s.serveLogout(w, r)
	}
	v, leave, err := s.signedIn(w, r)
	if errors.Is(err, errNotSignedIn) {
		return signInFirst(w, r, rt)
	}
	if err != nil {
		return err
	}
	defer leave()
	if rt.kind == kindAccount {
		return s.serveAccount(w, r, v)
	}
	return ofHome(s.serveHome(w, r, rt, v))
}

// openHome begins every answer to somebody with an account, and refuses those who may not have one here.
func (s *Server) openHome(w *recorder, r *http.Request) error {
	if s.home == nil {
		return problem{status: http.StatusNotFound, text: "nobody can sign in at this node: its operator has not switched that on, by enabled in section [login] of tahoe.cfg"}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if !s.home.mayAsk(r) {
		return problem{status: http.StatusForbidden, text: "signing in is possible only by an address that begins with https, or from the machine that the node runs on: " +
			"a password would be readable on its way. The node's operator can give it a certificate (web.port in [node]), or allow it all the same (plain in [login])"}
	}
	return nil
}

// errNotSignedIn is for programs; people are sent to the page for it.
var errNotSignedIn = problem{status: http.StatusUnauthorized, text: "you are not signed in, or not any more: sign in at /login"}

// signedIn finds who sends a request. The caller calls leave at its end.
func (s *Server) signedIn(w *recorder, r *http.Request) (v *visit, leave func(), err error) {
	in := s.home.session(r)
	if in == nil {
		return nil, nil, errNotSignedIn
	}
	out, ok := s.home.requests.Enter(in.Account.Name)
	if !ok {
		s.home.sessions.Leave(in)
		w.Header().Set("Retry-After", "10")
		return nil, nil, problem{status: http.StatusServiceUnavailable, text: "too many requests of this account are served at once; try again in some seconds"}
	}
	return in.Avatar, func() { out(); s.home.sessions.Leave(in) }, nil
}

func (h *home) mayAsk(r *http.Request) bool {
	switch {
	case r.TLS != nil, h.c.Plain == PlainAlways:
		return true
	case h.c.Plain == PlainLoopback:
		return remoteOf(r).IsLoopback()
	}
	return false
}

// remoteOf is where a request comes from.
func remoteOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// signInFirst sends people to the page for it, and tells programs.
func signInFirst(w *recorder, r *http.Request, rt route) error {
	isPage := r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
	if !isPage {
		return errNotSignedIn
	}
	return redirect(w, r, "/login?next="+escapeCap(addressAfter(rt)))
}

// addressAfter is where somebody goes who signs in. It is made anew and leads nowhere else.
func addressAfter(rt route) string {
	if rt.err != nil || rt.kind != kindHome && rt.kind != kindAccount {
		return "/home/"
	}
	if rt.kind == kindAccount {
		return "/account"
	}
	address := homeAddress(rt.names)
	if rt.slash || len(rt.names) == 0 {
		address += "/"
	}
	return address
}

func homeAddress(names []string) string { return below("/home", names) }

// homePath is a path of vfs.
func homePath(names []string) string { return "/" + strings.Join(names, "/") }

// errNoNameAtHome is of the routes; see homeRoute.
var errNoNameAtHome = problem{status: http.StatusNotFound, text: "this is no name of a file: names are neither empty nor dots, and have no slash in them"}

func notNameAtHome(name string) bool {
	return isStep(name) || strings.ContainsAny(name, "/\x00")
}

// serveHome answers requests to /home and below.
func (s *Server) serveHome(w *recorder, r *http.Request, rt route, v *visit) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.homeGet(w, r, rt, v)
	case http.MethodPut:
		return s.homePut(w, r, rt, v)
	case http.MethodPost:
		return s.homePost(w, r, rt, v)
	}
	return allow(r, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost)
}

// homeGet sends a file, or a page.
func (s *Server) homeGet(w *recorder, r *http.Request, rt route, v *visit) error {
	i, err := v.view.Stat(r.Context(), homePath(rt.names))
	if err != nil {
		return err
	}
	a := args{query: r.URL.Query()}
	switch op := a.operation(); {
	case op == "info":
		return s.serveEntry(w, r, rt, v, i)
	case op != "":
		return badRequest("GET: bad t=%s", short(op))
	case i.IsDir():
		return s.serveHomePage(w, r, rt, v, i)
	case rt.slash:
		return badRequest("Files have no children named ''")
	}
	return s.sendOwn(w, r, v, rt.names, a)
}

// mayShare says whether an account may hand on capabilities: one that may not use any has no business with them.
func (v *visit) mayShare() bool { return !v.account.NoPaths }

// putIn adds a name to a path.
func putIn(names []string, name string) string { return homePath(append(slices.Clone(names), name)) }
