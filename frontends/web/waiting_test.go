package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
)

// That files wait is told to everybody; whose they are, and their names, only to who shows the token.
func TestNamesOfWaitingFiles(t *testing.T) {
	files := []wapi.WaitingFile{{ID: 1, Account: "alice", Path: "/secret plan", Size: 12_345, State: "waiting"}}
	s := web.New(&shelf{}, gridOf{}, web.Config{
		Private: &web.Private{Token: func() string { return token }},
		Waiting: func() wapi.Waiting { return wapi.Waiting{Files: files, Used: 12_345, Limit: 1 << 30} },
	})
	defer s.Close()
	for _, tt := range []struct {
		path, authorization string
		names               bool
	}{
		{"/", "", false},
		{"/status", "", false},
		{"/status?t=json", "", false},
		{"/status?t=json", "tahoe-lafs other", false},
		{"/status?t=json", "tahoe-lafs " + token, true},
		{"/status?t=json", "", false}, // still
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+tt.path, nil)
		r.Header.Set("Authorization", tt.authorization)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(body, "alice") != tt.names || strings.Contains(body, "secret plan") != tt.names {
			t.Errorf("%s with %q: %d, names %v wanted, got %s", tt.path, tt.authorization, w.Code, tt.names, body)
		}
		if tt.path != "/status" && !strings.Contains(body, "waiting") {
			t.Errorf("%s does not tell of the file: %s", tt.path, body)
		}
	}
}
