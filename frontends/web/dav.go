package web

import (
	"net/http"
	"strings"
)

func isDAV(path string) bool { return path == "/dav" || strings.HasPrefix(path, "/dav/") }

// serveDAV hands a request on, unless a hostile page could have made a browser send it: browsers remember who has signed in. What comes
// back is as powerless in a browser as any stored file.
func (s *Server) serveDAV(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if err := s.guard(r); err != nil {
		writeProblem(&recorder{ResponseWriter: w}, r, problemOf(err))
		return
	}
	s.c.DAV.ServeHTTP(w, r)
}
