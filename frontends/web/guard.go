package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// filePolicy makes a page out of a stored file powerless: it has an origin of its own and runs no script, so that
// it cannot read what else the browser holds of this node.
const filePolicy = "sandbox"

// setHeaders sets what every answer carries.
func setHeaders(h http.Header) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", filePolicy)
}

// guard refuses what a hostile page could make a user's browser send. A page cannot forge the Host header, so a request
// for a name that is not ours comes from a page whose own name was made to point here (DNS rebinding); the page would
// count as same-origin with us and could read the answers.
func (s *Server) guard(r *http.Request) error {
	if !s.knownHost(r.Host) {
		return problem{status: http.StatusForbidden, text: "this node does not answer to that host name: use its address, " +
			"or have its operator name it as one of the node's own"}
	}
	if err := s.origin.Check(r); err != nil {
		return problem{status: http.StatusForbidden, text: "a page of another site may not change anything here"}
	}
	return nil
}

func (s *Server) knownHost(hostport string) bool {
	host := strings.ToLower(strings.TrimSuffix(hostOnly(hostport), "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || s.hosts[host] {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func hostSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[strings.ToLower(strings.TrimSuffix(n, "."))] = true
	}
	return set
}
