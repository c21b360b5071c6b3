package web_test

import (
	"strings"
	"testing"
)

// A report goes into the log, without the capabilities in it, and not all of it when it is long.
func TestReportIncident(t *testing.T) {
	r := newRig(t)
	secret := r.cap.Encode()
	body, kind := form(t, "details", "it failed: http://127.0.0.1/uri/"+secret+"?x, ro."+secret+" and uri%3aCHK%3Aabc pb://tub@host/swissnum, then "+strings.Repeat("long ", 1000))
	resp := r.do(t, "POST", "/report_incident", body, "Content-Type", kind)
	if text := readAll(t, resp); resp.StatusCode != 200 || !strings.Contains(text, "Thank you for your report!") {
		t.Errorf("got %d %s", resp.StatusCode, text)
	}
	log := r.log.String()
	for _, bad := range []string{"URI:CHK", "uri%3a", "swissnum", strings.Repeat("long ", 300)} {
		if strings.Contains(log, bad) {
			t.Errorf("the log holds %.20q", bad)
		}
	}
	for _, want := range []string{"it failed: http://127.0.0.1/uri/[CENSORED]", "level=WARN", "then long"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not hold %q: %s", want, log)
		}
	}
	if resp := r.do(t, "GET", "/report_incident", nil); resp.StatusCode != 405 {
		t.Errorf("GET: got %d", resp.StatusCode)
	}
}
