package web

import (
	"net/http"
	"regexp"
	"strings"
)

// maxReport is how much of a report goes into the log.
const maxReport = 1000

// looksSecret finds what may be a capability, or another address that is a secret.
var looksSecret = regexp.MustCompile(`(?i)(\b(ro\.|imm\.)*URI(:|%3a)|\bpb(s)?://)[^\s"'<>]*`)

// serveReport takes what a user says about something that went wrong, and puts it into the log, between what the node did before and
// after. Capabilities in it are masked.
func (s *Server) serveReport(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodPost); err != nil {
		return err
	}
	f, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	defer f.close()
	details := looksSecret.ReplaceAllString(strings.ToValidUTF8(f.args(r).get("details"), "?"), "[CENSORED]")
	if text := []rune(details); len(text) > maxReport {
		details = string(text[:maxReport]) + "…"
	}
	s.c.Log.Warn("a user reports that something went wrong", "details", details)
	return s.servePage(w, r, "report.html", nil)
}
