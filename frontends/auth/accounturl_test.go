package auth_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tahoe/frontends/auth"
	"tahoe/frontends/auth/authtest"
)

// service is what stands behind accounts.url.
func service(t *testing.T, answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.FormValue("action") != "authenticate" {
			t.Errorf("got %s with action %q", r.Method, r.FormValue("action"))
		}
		if r.FormValue("email") != "alice@example.org" || r.FormValue("passwd") != `pass "word" ü` {
			answer := "0"
			_, _ = io.WriteString(w, answer)
			return
		}
		_, _ = io.WriteString(w, answer+"\n")
	})
}

func asks(t *testing.T, h http.Handler) *auth.AccountURL {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	a, err := auth.NewAccountURL(s.URL+"/login?token=hush", auth.URLConfig{TLS: &tls.Config{RootCAs: pool, ServerName: "example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestAccountURLIsAChecker(t *testing.T) {
	authtest.Run(t, func(t *testing.T) authtest.World {
		root := testRoot(t, "alice")
		key, _ := testKey(t, "k")
		return authtest.World{Checker: asks(t, service(t, root.Encode())), Name: "alice@example.org", Password: `pass "word" ü`, OtherKey: key, Root: root, Claims: true}
	})
}

func TestAccountURLFollowsRedirectsToItself(t *testing.T) {
	root := testRoot(t, "alice")
	mux := http.NewServeMux()
	mux.Handle("/login", http.RedirectHandler("/there", http.StatusTemporaryRedirect))
	mux.Handle("/there", service(t, root.Encode()))
	a, err := asks(t, mux).Check(t.Context(), auth.Login{Name: "alice@example.org", Proof: auth.NewPassword(`pass "word" ü`)})
	if err != nil || a.Root != root {
		t.Errorf("got %v, %v", a, err)
	}
}

func TestAccountURLBreaks(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the password went elsewhere") }))
	defer elsewhere.Close()
	cap := testRoot(t, "x").Encode()
	tests := []struct {
		name string
		h    http.Handler
		want string
	}{
		{"elsewhere", http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect), "another place"},
		{"in circles", http.RedirectHandler("/login", http.StatusTemporaryRedirect), "too often"},
		{"a failure", http.NotFoundHandler(), "status 404"},
		{"no capability", answering("<html>"), "answered neither 0"},
		{"a broken capability", answering(cap[:30]), "answered neither 0"},
		{"endless", answering(strings.Repeat(cap, 1000)), "more than 4096 bytes"},
		{"nothing", answering(""), "answered neither 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := asks(t, tt.h).Check(t.Context(), auth.Login{Name: "alice", Proof: auth.NewPassword("hunter2")})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if errors.Is(err, auth.ErrDenied) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), cap[:30]) {
				t.Errorf("got %v: a refusal, or a secret told", err)
			}
		})
	}
}

func answering(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func TestAccountURLAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"https://accounts.example.org/x": true, "http://127.0.0.1:80/": true, "http://localhost/": true, "http://[::1]/": true,
		"http://accounts.example.org/": false, "ftp://x/": false, "accounts": false, "https:///": false, "http://127.0.0.1.example.org/": false, ":": false,
	} {
		if _, err := auth.NewAccountURL(address, auth.URLConfig{}); (err == nil) != want {
			t.Errorf("%s: got %v", address, err)
		}
	}
}
