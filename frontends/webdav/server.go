package webdav

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/webdav"

	"tahoe/frontends/auth"
	"tahoe/frontends/serve"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// A Server serves the trees of all accounts. It may be used by several goroutines at once. Close ends it.
type Server struct {
	c        Config
	portal   *auth.Portal[*vfs.View]
	clock    reactor.Clock
	log      *slog.Logger
	limits   Limits
	sessions *sessions
	locks    *lockTables
	gates    auth.Gates
}

// New makes a server whose portal has the Realm of this package.
func New(p *auth.Portal[*vfs.View], c Config) *Server {
	s := &Server{c: c, portal: p, clock: c.Clock, log: c.Log, limits: c.Limits.filled()}
	if s.clock == nil {
		s.clock = reactor.System()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.sessions = newSessions(p, s.clock)
	s.locks = newLockTables(s.limits)
	s.gates.Total, s.gates.Each = 2*s.limits.Requests /* a request enters two */, s.limits.PerAccount
	return s
}

// Close waits for the requests that are served, refuses all others, and signs everybody out. It is called once.
func (s *Server) Close() {
	s.gates.Shut()
	s.sessions.close()
}

// ServeHTTP serves a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	from := addressOf(r)
	leave, ok := s.gates.Enter("from " + from.String())
	if !ok {
		refuse(w, r, http.StatusServiceUnavailable, "too many requests are served at once; try again later")
		return
	}
	defer leave()
	if !s.mayAsk(r, from) {
		refuse(w, r, http.StatusForbidden, "a password is taken over TLS only: use an address that begins with https")
		return
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		s.challenge(w, r)
		return
	}
	l := auth.Login{Name: name, Proof: auth.NewPassword(password), From: from, Door: "webdav"}
	switch session, err := s.sessions.enter(r.Context(), l); {
	case errors.Is(err, auth.ErrDenied):
		s.challenge(w, r)
	case err != nil:
		refuse(w, r, http.StatusServiceUnavailable, "signing in does not work now; try again later")
	default:
		defer s.sessions.leave(session)
		s.inside(w, r, session)
	}
}

func (s *Server) mayAsk(r *http.Request, from netip.Addr) bool {
	switch s.c.Plain {
	case PlainAlways:
		return true
	case PlainLoopback:
		return r.TLS != nil || from.IsLoopback()
	default:
		return r.TLS != nil
	}
}

// addressOf is where a request comes from.
func addressOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

func (s *Server) challenge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Files", charset="UTF-8"`)
	refuse(w, r, http.StatusUnauthorized, "sign in with the name and the password of an account")
}

// inside serves a request of somebody who has signed in.
func (s *Server) inside(w http.ResponseWriter, r *http.Request, in *session) {
	leave, ok := s.gates.Enter("account " + in.view.Account().Name)
	if !ok {
		refuse(w, r, http.StatusServiceUnavailable, "too many requests of this account are served at once; try again later")
		return
	}
	defer leave()
	q := &request{server: s, view: in.view, r: r, body: serve.NewBody(w, r.Body, s.limits.Silence)}
	if status, text := q.prepare(); status != 0 {
		q.body.Stop()
		refuse(w, q.r, status, text)
		return
	}
	a := newAnswer(w, q, s.limits.Silence)
	defer a.stop()
	h := webdav.Handler{
		Prefix: s.c.Prefix, FileSystem: tree{q}, LockSystem: s.locks.of(in.view.Account(), q),
		Logger: func(_ *http.Request, err error) { a.why = err },
	}
	h.ServeHTTP(a, q.r)
	a.finish()
}

// A request is one that is being served.
type request struct {
	server *Server
	view   *vfs.View
	r      *http.Request
	body   *serve.Body

	path    string              // of the source
	target  string              // of a move or copy
	quota   bool                // the space of the account is asked for
	known   map[string]vfs.Info // what a listing of this request said; nil when nothing is remembered
	space   *vfs.Space          // once it has been asked for
	updated bool                // a file was overwritten rather than made
	timed   bool                // the time that the client gave was taken
	unread  error               // why a file could not be read
}

// prepare checks what the library does not, and corrects what it takes in another way than the standard. A status means that the request is refused.
func (q *request) prepare() (status int, text string) {
	p, ok := q.server.strip(q.r.URL.Path)
	if !ok {
		return http.StatusNotFound, "there is nothing at this address"
	}
	if strings.ContainsRune(p, 0) || len(p) > maxPath {
		return http.StatusBadRequest, "this is no name of a file"
	}
	q.path = p
	r := q.r.Clone(q.r.Context())
	r.Body = struct {
		io.Reader
		io.Closer
	}{q.body, q.r.Body}
	q.r = r
	switch r.Method {
	case "PROPFIND", "PROPPATCH", "LOCK":
		return q.readXML()
	case "COPY", "MOVE":
		return q.findTarget()
	case http.MethodPut:
		return q.checkPut()
	case "MKCOL":
		if r.ContentLength != 0 {
			return http.StatusUnsupportedMediaType, "a body of MKCOL means nothing here"
		}
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, "UNLOCK":
	default:
		return http.StatusMethodNotAllowed, "WebDAV knows no such request, or not here"
	}
	return 0, ""
}

const maxPath = 16 << 10

// strip takes the prefix from a path.
func (s *Server) strip(p string) (string, bool) {
	rest, ok := strings.CutPrefix(p, s.c.Prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return path.Clean("/" + rest), true
}

// readXML takes the body into memory, so that what it asks for is known ahead.
func (q *request) readXML() (status int, text string) {
	if q.r.Method == "PROPFIND" {
		switch q.r.Header.Get("Depth") {
		case "0", "1":
		case "", "infinity":
			return http.StatusForbidden, finiteDepth
		default:
			return http.StatusBadRequest, "Depth is 0 or 1"
		}
	}
	b, err := io.ReadAll(io.LimitReader(q.body, maxXML+1))
	switch {
	case err != nil:
		return http.StatusBadRequest, "the request ended before all of it had come"
	case len(b) > maxXML:
		return http.StatusRequestEntityTooLarge, "the request is too large"
	}
	q.quota = q.r.Method == "PROPFIND" && strings.Contains(string(b), "quota-")
	q.r.Body = io.NopCloser(strings.NewReader(string(b)))
	q.r.ContentLength = int64(len(b))
	if q.r.Method == "PROPFIND" {
		q.known = make(map[string]vfs.Info)
	}
	return 0, ""
}

// findTarget finds where a copy or move goes. An absent Overwrite means T. A tree is neither put into itself nor over what it is in.
func (q *request) findTarget() (status int, text string) {
	u, err := url.Parse(q.r.Header.Get("Destination"))
	if err != nil || u.Path == "" {
		return http.StatusBadRequest, "the request does not say where to: a header Destination is missing, or is no address"
	}
	if u.Host != "" && u.Host != q.r.Host {
		return http.StatusBadGateway, "it can be moved and copied within this server only"
	}
	to, ok := q.server.strip(u.Path)
	if !ok || strings.ContainsRune(to, 0) || len(to) > maxPath {
		return http.StatusBadGateway, "it can be moved and copied within this folder only"
	}
	if within(to, q.path) || within(q.path, to) {
		return http.StatusForbidden, "nothing can be moved or copied onto itself, into itself, or over what it is in"
	}
	if q.r.Header.Get("Overwrite") == "" {
		q.r.Header.Set("Overwrite", "T")
	}
	q.target = to
	return 0, ""
}

// within says whether p is root, or below it.
func within(p, root string) bool {
	return p == root || root == "/" || strings.HasPrefix(p, root+"/")
}

// checkPut looks at the conditions of an upload; the library does not.
func (q *request) checkPut() (status int, text string) {
	if q.r.Header.Get("Content-Range") != "" {
		return http.StatusBadRequest, "a part of a file cannot be put"
	}
	match, none := q.r.Header.Get("If-Match"), q.r.Header.Get("If-None-Match")
	if match == "" && none == "" {
		return 0, ""
	}
	i, err := q.view.Stat(q.r.Context(), q.path)
	there := err == nil
	if err != nil && statusOf(q, err) != http.StatusNotFound && statusOf(q, err) != http.StatusConflict {
		return statusOf(q, err), "the file cannot be looked at"
	}
	if match != "" && (!there || !matches(match, i)) || none != "" && there && matches(none, i) {
		return http.StatusPreconditionFailed, "the file is not what the request expects"
	}
	return 0, ""
}

func matches(header string, i vfs.Info) bool {
	for t := range strings.SplitSeq(header, ",") {
		t = strings.TrimSpace(t)
		if t == "*" || hasTag(i, t) {
			return true
		}
	}
	return false
}
