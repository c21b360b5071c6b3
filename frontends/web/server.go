// Package web is the web port of a node: the web API that the original's clients and scripts speak, and pages for people.
// It serves whoever reaches its listener; the capability in a URL is all the authority that a request has or needs. Who has signed in
// with a name and a password reaches the files of an account at /home instead, by paths: that is a door, as those over frontends/vfs are.
//
// The invariant: a capability leaves this package only in the answer to somebody who sent it, whose upload made it, or who has signed in
// to the account that it is of and asks to share it. It is in no log line and in no error. And a file's bytes are either all there or visibly not: an answer whose bytes
// cannot be finished is cut, never padded with words.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"tahoe/frontends/serve"
	"tahoe/frontends/web/uploads"
	"tahoe/frontends/web/wapi"
	"tahoe/introducer"
	"tahoe/lafs/grid"
	"tahoe/reactor"
)

// A Grid tells what the node knows of its storage servers, without waiting. A grid.Broker is one.
type Grid interface {
	Statuses() []grid.Status
}

// Encoding is how the node spreads a file: any Needed of Total shares give it back, and an upload that reaches fewer than
// Happy servers fails.
type Encoding struct {
	Needed, Happy, Total int
}

// Config holds what may be left out.
type Config struct {
	Nickname string
	NodeID   string
	Version  string
	Encoding Encoding
	Hosts    []string // names, besides loopback names and addresses, that the node is reached by
	// StaticDir is a directory whose files are served below /static; empty for none.
	StaticDir string
	// Introducers tells how the node stands to its introducers; nil: it has none.
	Introducers func() []introducer.LinkStatus
	// Waiting tells of files on their way to the grid; nil: nobody comes in by a door where files wait.
	Waiting func() wapi.Waiting
	// Keeper keeps files alive; nil: none are.
	Keeper  Keeper
	Private *Private // what only who shows the node's token may see; nil: nothing
	// Storage tells of the storage of the node; nil: it has none.
	Storage StorageNode
	// Helper is the node's upload helper, which others use; nil: it has none.
	Helper Helper
	// Helped tells whether the upload helper that the node uses is connected; nil: it uses none.
	Helped func() bool
	// DAV serves what is at /dav and below; nil: nothing is there.
	DAV http.Handler
	// Uploads keeps uploads that can go on after a break; nil: there are none of that kind.
	Uploads *uploads.Spool
	// Home lets people sign in, and serves their files; nil: nobody can.
	Home *HomeConfig
	// ForeignWhenDone lets when_done= lead to other sites, as the original does. Whoever can make a user follow a link
	// to this node can then send the user anywhere.
	ForeignWhenDone bool
	TempDir         string        // for the files of forms; the system's folder for temporary files
	Stall           time.Duration // a client that takes or sends nothing for so long is cut off; 0 for 2 minutes
	Log             *slog.Logger
	Clock           reactor.Clock
}

// A Server answers requests. It is an http.Handler, and Service makes a service of it.
type Server struct {
	store  Store
	grid   Grid
	intro  Introducer // in place of both
	c      Config
	pages  *pages
	types  mediaTypes
	origin *http.CrossOriginProtection
	hosts  map[string]bool
	active tracker
	home   *home // nil: nobody can sign in

	requests   requestCounts
	history    *history
	operations *operations
	readings   readings
	storings   *storings
	listeners  *listeners

	streams    context.Context // of answers without an end of their own
	endStreams func()
}

// New makes a server of the files in store and of the grid that they are on.
func New(store Store, grid Grid, c Config) *Server {
	if c.Stall == 0 {
		c.Stall = 2 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Introducers == nil {
		c.Introducers = func() []introducer.LinkStatus { return nil }
	}
	h := newHistory(c.Clock)
	streams, end := context.WithCancel(context.Background())
	s := &Server{
		store:  store,
		grid:   grid,
		c:      c,
		pages:  parsePages(),
		types:  parseTypes(typesText),
		origin: http.NewCrossOriginProtection(),
		hosts:  hostSet(c.Hosts),

		history:    h,
		operations: newOperations(c.Clock),
		storings:   newStorings(&h.bell),
		listeners:  newListeners(streams.Done()),

		streams:    streams,
		endStreams: end,
	}
	if c.Home != nil {
		s.home = newHome(*c.Home, c.Clock, c.Log)
	}
	return s
}

// Close ends what goes on between requests, slow operations and uploads on their way to the grid, and answers that have no end of
// their own, and signs everybody out. A Service does so by itself.
func (s *Server) Close() {
	s.endStreams()
	s.operations.close()
	s.storings.close()
	if s.home != nil {
		s.home.sessions.Close()
	}
}

// ServeHTTP answers one request, and logs it without its secrets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.active.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.active.leave()
	if s.c.DAV != nil && isDAV(r.URL.Path) {
		s.serveDAV(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w}
	rt := parseRoute(r.URL.EscapedPath())
	start := s.c.Clock.Now()
	if !takesBody(r) {
		serve.IgnoreBody(w, r)
	}
	err := s.answer(rec, r, rt)
	cut := err != nil && rec.status != 0
	if err != nil && !cut {
		if takesBody(r) {
			serve.IgnoreBody(w, r)
		}
		s.writeProblem(rec, r, s.withMissing(problemOf(err)))
	}
	took := s.c.Clock.Now().Sub(start)
	s.requests.add(rec.status, took)
	s.logRequest(rec, r, rt, took, err)
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// takesBody says whether the body of a request may be of use.
func takesBody(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodPost || r.Method == http.MethodPatch
}

func (s *Server) answer(w *recorder, r *http.Request, rt route) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(v)
		}
	}()
	setHeaders(w.Header())
	if err := s.guard(r); err != nil {
		return err
	}
	if rt.err != nil {
		return rt.err
	}
	return s.dispatch(w, r, rt)
}

func (s *Server) dispatch(w *recorder, r *http.Request, rt route) error {
	if s.intro != nil && !rt.kind.isCommon() {
		return problem{status: http.StatusNotFound, text: "this is an introducer, which has no files; ask a client node"}
	}
	switch rt.kind {
	case kindRoot:
		return s.serveRoot(w, r)
	case kindCollection:
		return s.serveCollection(w, r)
	case kindCap:
		return s.serveCap(w, r, rt)
	case kindNamed:
		return s.serveNamed(w, r, rt)
	case kindOperation:
		return s.serveOperation(w, r, rt)
	case kindStatus:
		return s.serveStatus(w, r, rt)
	case kindStatistics:
		return s.serveStatistics(w, r, rt)
	case kindStorage:
		return s.serveStorage(w, r, rt)
	case kindKeeper:
		return s.serveKeeper(w, r, rt)
	case kindHelper:
		return s.serveHelper(w, r, rt)
	case kindStatic:
		return s.serveStatic(w, r, rt)
	case kindAsset:
		return s.pages.serveAsset(w, r, rt.rest)
	case kindHealth:
		return serveHealth(w, r)
	case kindUploads, kindUpload:
		return s.serveUploads(w, r, rt)
	case kindReady:
		return s.serveReady(w, r)
	case kindMetrics:
		return s.serveMetrics(w, r)
	case kindReport:
		return s.serveReport(w, r)
	case kindPrivate:
		return s.servePrivate(w, r, rt)
	case kindLogin, kindLogout, kindAccount, kindHome:
		return s.serveAccounts(w, r, rt)
	}
	return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
}

func serveHealth(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	writeText(w, r, "ok\n")
	return nil
}
