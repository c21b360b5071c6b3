package web

import (
	"errors"
	"net"
	"net/http"
	"net/url"

	"tahoe/frontends/auth"
)

// maxLogin is more than a name and a password are long.
const maxLogin = 16 << 10

type loginData struct {
	Next    string
	Name    string
	Problem string
	Strayed bool // the browser came from another site, and so has not shown its cookie
}

// serveLogin shows the page to sign in on, and signs in.
func (s *Server) serveLogin(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		return s.login(w, r)
	}
	return s.servePage(w, r, "login.html", loginData{
		Next: nextOf(r.URL.Query().Get("next")), Strayed: r.Header.Get("Sec-Fetch-Site") == "cross-site",
	})
}

// nextOf reads where somebody wants to go, who may have been sent here by anybody.
func nextOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return addressAfter(route{})
	}
	return addressAfter(parseRoute(u.EscapedPath()))
}

func (s *Server) login(w *recorder, r *http.Request) error {
	from := remoteOf(r)
	leave, ok := s.home.gates.Enter("from " + from.String())
	if !ok {
		w.Header().Set("Retry-After", "10")
		return problem{status: http.StatusServiceUnavailable, text: "too many people are signing in at once; try again in some seconds"}
	}
	defer leave()
	form, err := s.readLogin(w, r)
	if err != nil {
		return err
	}
	l := auth.Login{Name: form.Get("name"), Proof: auth.NewPassword(form.Get("password")), From: from, Door: "web"}
	next := nextOf(form.Get("next"))
	ticket, err := s.home.sessions.Login(r.Context(), l)
	switch {
	case errors.Is(err, auth.ErrDenied):
		return s.refuseLogin(w, r, loginData{Next: next, Name: l.Name})
	case r.Context().Err() != nil:
		return err
	case err != nil:
		return problem{status: http.StatusServiceUnavailable, text: "signing in does not work now, as the node's log describes; try again later"}
	}
	s.home.forget(r)
	http.SetCookie(w, cookie(r, ticket))
	w.Header().Set("Location", next)
	writeBody(w, r, "text/plain;charset=utf-8", http.StatusSeeOther, nil)
	return nil
}

// refuseLogin says one thing, whatever was wrong.
func (s *Server) refuseLogin(w *recorder, r *http.Request, d loginData) error {
	d.Problem = "The name or the password is wrong, or there were too many attempts. Check both, or wait some minutes."
	return s.servePageAs(w, r, http.StatusForbidden, "login.html", d)
}

func (s *Server) readLogin(w *recorder, r *http.Request) (url.Values, error) {
	b, err := s.readBody(w, r, maxLogin)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil || !form.Has("name") || !form.Has("password") {
		return nil, badRequest("to sign in, POST a form with name= and password=")
	}
	return form, nil
}

// serveLogout ends the session, and asks the browser to forget what it has kept of it.
func (s *Server) serveLogout(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodPost); err != nil {
		return err
	}
	s.home.forget(r)
	gone := cookie(r, "")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	w.Header().Set("Location", "/login")
	writeBody(w, r, "text/plain;charset=utf-8", http.StatusSeeOther, nil)
	return nil
}

// cookie is what a browser shows with its requests: no script can read it, and no other site can have it sent. It has no Domain, and over TLS
// a name for which browsers see to that.
func cookie(r *http.Request, ticket string) *http.Cookie {
	return &http.Cookie{Name: cookieName(r), Value: ticket, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil}
}

// cookieName has the port in it: browsers keep the cookies of all ports of a machine together, and several nodes may run on it.
func cookieName(r *http.Request) string {
	name := "tahoe"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port
	}
	if r.TLS != nil {
		name = "__Host-" + name
	}
	return name
}

// maxTickets is how many cookies of the name are tried. There are several when somebody else on this machine has set one.
const maxTickets = 4

func tickets(r *http.Request) []string {
	var all []string
	for _, c := range r.CookiesNamed(cookieName(r)) {
		if len(all) < maxTickets {
			all = append(all, c.Value)
		}
	}
	return all
}

// session finds who sends a request; nil when it is nobody. The caller leaves it.
func (h *home) session(r *http.Request) *auth.Session[*visit] {
	for _, t := range tickets(r) {
		if in := h.sessions.Enter(r.Context(), t); in != nil {
			return in
		}
	}
	return nil
}

// forget ends the sessions that a request shows.
func (h *home) forget(r *http.Request) {
	for _, t := range tickets(r) {
		h.sessions.Logout(t)
	}
}
