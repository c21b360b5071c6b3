package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"tahoe/frontends/web"
)

// A fixedHelper has always done the same.
type fixedHelper struct{}

func (fixedHelper) Counters() map[string]float64 {
	return map[string]float64{"chk_upload_helper.fetched_bytes": 1234567}
}

func (fixedHelper) Stats() map[string]float64 {
	return map[string]float64{"chk_upload_helper.fetched_bytes": 1234567, "chk_upload_helper.active_uploads": 2}
}

// TestHelperStatus: the page of a node with a helper and of one without.
func TestHelperStatus(t *testing.T) {
	with, without := web.New(&shelf{}, noGrid{}, web.Config{Helper: fixedHelper{}}), web.New(&shelf{}, noGrid{}, web.Config{})
	defer with.Close()
	defer without.Close()
	for _, c := range []struct {
		s          *web.Server
		target     string
		code       int
		want, deny string
	}{
		{with, "/helper_status", 200, "<dt>Uploads that go on</dt><dd>2</dd>", "offers no upload helper"},
		{with, "/helper_status?t=json", 200, `"chk_upload_helper.active_uploads": 2`, "<"},
		{with, "/statistics?t=json", 200, `"chk_upload_helper.fetched_bytes": 1234567`, "<"},
		{with, "/helper_status?t=xml", 400, "Unknown t value: 'xml'", "1234567"},
		{with, "/helper_status/x", 404, "no such page", "1234567"},
		{with, "/", 200, `<a href="/helper_status">`, "not connected"},
		{without, "/helper_status", 200, "offers no upload helper", "<dt>"},
		{without, "/helper_status?t=json", 200, "{}", "chk"},
		{without, "/", 200, "Statistics", "/helper_status"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", c.target, nil)
		r.Host = "127.0.0.1"
		c.s.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != c.code || !strings.Contains(body, c.want) || strings.Contains(body, c.deny) {
			t.Errorf("%s: got %d %s; want %d with %q and without %q", c.target, w.Code, body, c.code, c.want, c.deny)
		}
	}
}
