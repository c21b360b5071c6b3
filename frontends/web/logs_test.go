package web_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"tahoe/frontends/web"
	"tahoe/internal/logstream"
)

const token = "the-token-of-the-node"

// newLogged serves a node whose log can be read.
func newLogged(t *testing.T) (base string, log *slog.Logger, stop func() error) {
	t.Helper()
	hub := &logstream.Hub{}
	log = slog.New(hub.Handler(slog.DiscardHandler))
	s := web.New(&shelf{}, gridOf{}, web.Config{Log: log, Private: &web.Private{
		Token: func() string { return token },
		Listen: func() (<-chan []byte, func()) {
			l := hub.Listen()
			return l.Records(), l.Leave
		},
	}})
	ln := listen(t)
	return ln.Addr().String(), log, serving(t, s, ln)
}

func authorization(text string) *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {text}}}
}

func TestLogStream(t *testing.T) {
	base, log, stop := newLogged(t)
	conn, _, err := websocket.Dial(t.Context(), "ws://"+base+"/private/logs/v1", authorization("tahoe-lafs "+token))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	// The reader may be told of requests before it is known to listen; from the first record on it gets everything.
	heard := make(chan struct{})
	go func() {
		for {
			select {
			case <-heard:
				return
			default:
				log.Info("are you there", "n", 1)
			}
		}
	}()
	var record map[string]any
	_, b, err := conn.Read(t.Context())
	close(heard)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &record); err != nil || record["message"] != "are you there" || record["n"] != 1.0 || record["level"] != "INFO" {
		t.Errorf("got %s, %v", b, err)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			if _, _, err := conn.Read(context.Background()); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if code := websocket.CloseStatus(<-ended); code != websocket.StatusGoingAway && code != websocket.StatusPolicyViolation {
		t.Errorf("the stream ended with %v", code)
	}
}

// Only who shows the token may read the log, whatever there is at the address.
func TestLogNeedsToken(t *testing.T) {
	base, _, stop := newLogged(t)
	for _, c := range []struct {
		name, path, authorization, origin string
		status                            int
	}{
		{"nothing", "/private/logs/v1", "", "", 401},
		{"wrong", "/private/logs/v1", "tahoe-lafs wrong", "", 401},
		{"part", "/private/logs/v1", "tahoe-lafs " + token[:5], "", 401},
		{"more", "/private/logs/v1", "tahoe-lafs " + token + "x", "", 401},
		{"other scheme", "/private/logs/v1", "Bearer " + token, "", 401},
		{"other page", "/private/else", "", "", 401},
		{"other page with token", "/private/else", "tahoe-lafs " + token, "", 404},
		{"page of another site", "/private/logs/v1", "tahoe-lafs " + token, "http://evil.example", 403},
		{"page of another site without token", "/private/logs/v1", "", "http://evil.example", 401},
		{"good", "/private/logs/v1", "tahoe-lafs " + token, "http://" + base, 101},
		{"good, other case", "/private/logs/v1", "Tahoe-LAFS " + token, "", 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := authorization(c.authorization)
			if c.origin != "" {
				o.HTTPHeader.Set("Origin", c.origin)
			}
			conn, resp, err := websocket.Dial(t.Context(), "ws://"+base+c.path, o)
			if conn != nil {
				defer conn.CloseNow()
			}
			if resp == nil || resp.StatusCode != c.status {
				t.Fatalf("got %+v, %v, want %d", resp, err, c.status)
			}
			if c.status == 401 && resp.Header.Get("WWW-Authenticate") != `tahoe-lafs realm="tahoe-lafs"` {
				t.Errorf("got %q", resp.Header.Get("WWW-Authenticate"))
			}
		})
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+base+"/private/logs/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "tahoe-lafs "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without a WebSocket: got %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Error(err)
	}
}
