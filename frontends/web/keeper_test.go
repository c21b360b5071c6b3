package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs/keeper"
)

// A standIn is a keeper that was told what to say.
type standIn struct {
	report wapi.Keeper
	orders []string
	err    error
}

func (k *standIn) Report() (wapi.Keeper, error) { return k.report, nil }
func (k *standIn) Brief() (wapi.Keeper, error)  { return k.report, nil }
func (k *standIn) note(order string) error {
	k.orders = append(k.orders, order)
	return k.err
}
func (k *standIn) Pause() error  { return k.note("pause") }
func (k *standIn) Resume() error { return k.note("resume") }
func (k *standIn) Now() error    { return k.note("now") }

func serveKeeper(k web.Keeper) http.Handler { return web.New(nil, namedGrid{}, web.Config{Keeper: k}) }

func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1"+target, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestKeeper(t *testing.T) {
	at := 1e9
	k := &standIn{report: wapi.Keeper{
		Level: "loss", Sentence: "1 file is lost.", Watched: []string{"home"}, Retiring: []string{"abc"}, Files: 7, By: map[string]int{"lost": 1, "healthy": 6},
		NextDue: &at, StillNeeded: 2, AtRisk: []wapi.KeptFile{{Place: "home:a<b", State: "lost", Good: 2, Needed: 3, Total: 10, Error: "no & server"}},
		History: []wapi.KeeperEvent{{At: at, Kind: "lost", Place: "home:a<b", Text: "2 shares were found"}},
	}}
	h := serveKeeper(k)
	page := ask(h, "GET", "/keeper").Body.String()
	for _, want := range []string{"Files are lost", "1 file is lost.", "home:a&lt;b", "2 of 10, 3 needed", "no &amp; server", "2 files still need them", "2 shares were found", ">Pause<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if home := ask(h, "GET", "/").Body.String(); !strings.Contains(home, "1 file is lost.") || !strings.Contains(home, `href="/keeper"`) {
		t.Error("the home page does not say it")
	}
	var got wapi.Keeper
	if err := json.Unmarshal(ask(h, "GET", "/keeper?t=json").Body.Bytes(), &got); err != nil || got.AtRisk[0].Place != "home:a<b" || got.By["lost"] != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	metrics := ask(h, "GET", "/metrics").Body.String()
	if !strings.Contains(metrics, "tahoe_keeper_files{state=\"lost\"} 1\n") || !strings.HasSuffix(metrics, "# EOF\n") {
		t.Errorf("got %s", metrics)
	}
}

func TestKeeperOrders(t *testing.T) {
	k := &standIn{}
	h := serveKeeper(k)
	for _, c := range []struct {
		method, target string
		status         int
		orders         int
	}{
		{"POST", "/keeper?t=pause", 200, 1},
		{"POST", "/keeper?t=resume", 200, 1},
		{"POST", "/keeper?t=now&when_done=/keeper", 302, 1},
		{"POST", "/keeper?t=destroy", 400, 0},
		{"GET", "/keeper?t=pause", 400, 0},
		{"DELETE", "/keeper", 405, 0},
		{"GET", "/keeper/x", 404, 0},
	} {
		k.orders = nil
		if w := ask(h, c.method, c.target); w.Code != c.status || len(k.orders) != c.orders {
			t.Errorf("%s %s: got %d and orders %v, want %d and %d", c.method, c.target, w.Code, k.orders, c.status, c.orders)
		}
	}
	k.err = keeper.ErrIdle
	if w := ask(h, "POST", "/keeper?t=now"); w.Code != 409 || !strings.Contains(w.Body.String(), "tahoe keeper add") {
		t.Errorf("got %d, %s", w.Code, w.Body)
	}
	if w := ask(serveKeeper(nil), "GET", "/keeper"); w.Code != 404 {
		t.Errorf("without a keeper: got %d", w.Code)
	}
	r := httptest.NewRequest("POST", "http://127.0.0.1/keeper?t=pause", nil)
	r.Header.Set("Origin", "http://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a page of another site: got %d", w.Code)
	}
}

// Where people sign in, only who shows the node's token is told paths and may give orders.
func TestKeeperAmongStrangers(t *testing.T) {
	k := &standIn{report: wapi.Keeper{
		Level: "loss", Sentence: "1 file is lost.", AtRisk: []wapi.KeptFile{{Place: "home:secret/plan", State: "lost"}},
		History: []wapi.KeeperEvent{{Kind: "lost", Place: "home:secret/plan", Text: "2 shares were found"}},
	}}
	l := openLobby(t, func(c *web.Config) {
		c.Keeper, c.Private = k, &web.Private{Token: func() string { return token }}
	})
	for _, tt := range []struct {
		method, target, authorization string
		status                        int
		paths                         bool
	}{
		{"GET", "/keeper", "", 200, false},
		{"GET", "/keeper?t=json", "", 200, false},
		{"GET", "/keeper?t=json", "tahoe-lafs " + token, 200, true},
		{"GET", "/keeper", "tahoe-lafs " + token, 200, true},
		{"POST", "/keeper?t=pause", "", 401, false},
		{"POST", "/keeper?t=pause", "tahoe-lafs " + token, 200, false},
	} {
		k.orders = nil
		r, err := http.NewRequestWithContext(t.Context(), tt.method, l.http.URL+tt.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		resp, err := l.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		ordered := tt.method == "POST" && tt.status == 200
		if resp.StatusCode != tt.status || strings.Contains(string(b), "secret") != tt.paths || (len(k.orders) > 0) != ordered {
			t.Errorf("%+v: got %d, orders %v, %s", tt, resp.StatusCode, k.orders, b)
		}
		if tt.method == "GET" && !strings.Contains(string(b), "1 file is lost.") {
			t.Errorf("%+v does not say how the files are", tt)
		}
	}
}
