package doctor_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/freeport"
	"tahoe/internal/selfsigned"
	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/doctor"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A shifted clock is ahead of the system's.
type shifted struct {
	reactor.Clock
	by time.Duration
}

func (s shifted) Now() time.Time { return s.Clock.Now().Add(s.by) }

func ahead(by time.Duration) doctor.Config {
	return doctor.Config{Clock: shifted{reactor.System(), by}}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Find("tcp4", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// run runs a node until the test ends.
func run(t *testing.T, dir string) *node.Node {
	t.Helper()
	n, err := node.Open(dir, node.NewShared(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	ready := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { _ = n.Run(ctx, func() { close(ready) }) })
	<-ready
	t.Cleanup(func() {
		cancel(reactor.ErrStopping)
		running.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return n
}

// world runs a server and a client that has a file there.
func world(t *testing.T) (server, client string) {
	t.Helper()
	server, client = filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "client")
	port := freePort(t)
	c := node.CreateConfig{Storage: true, Reserved: "0", Port: fmt.Sprintf("tcp:%d:interface=127.0.0.1", port), Location: fmt.Sprintf("tcp:127.0.0.1:%d", port)}
	if _, err := node.Create(server, c, time.Now()); err != nil {
		t.Fatal(err)
	}
	c = node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1}
	if _, err := node.Create(client, c, time.Now()); err != nil {
		t.Fatal(err)
	}
	s := run(t, server)
	entry, _ := s.Static()
	if err := basedir.Dir(client).WriteStaticServers([]basedir.Static{entry}); err != nil {
		t.Fatal(err)
	}
	n := run(t, client)
	if err := n.WaitConnected(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, n.WebURL()+"uri", strings.NewReader(strings.Repeat("a file ", 100)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("put: %v, %v", resp, err)
	}
	return server, client
}

// want fails the test unless the report has a finding of an area that holds the text, at this level.
func want(t *testing.T, r *doctor.Report, level doctor.Level, area, text string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Area == area && f.Level == level && strings.Contains(f.Text, text) {
			if (f.Level == doctor.Problem || f.Level == doctor.Warning) && f.Advice == "" {
				t.Errorf("%s %s: %q: it says not what to do", level, area, f.Text)
			}
			return
		}
	}
	t.Errorf("no %s about %s says %q: %+v", level, area, text, r.Findings)
}

// TestClock: a clock that is off is noticed by those of servers, and leases that are over by this one.
func TestClock(t *testing.T) {
	server, client := world(t)
	for _, c := range []struct {
		by    time.Duration
		level doctor.Level
		text  string
	}{
		{0, doctor.OK, "agrees with those of 1 server"},
		{10 * time.Minute, doctor.Warning, "10 minutes ahead of"},
		{-10 * time.Minute, doctor.Warning, "behind"},
		{3 * time.Hour, doctor.Problem, "3 hours ahead of"},
	} {
		want(t, doctor.Examine(t.Context(), client, ahead(c.by)), c.level, "clock", c.text)
	}
	want(t, doctor.Examine(t.Context(), server, ahead(0)), doctor.OK, "leases", "All leases of the 1 share looked at are live")
	want(t, doctor.Examine(t.Context(), server, ahead(40*24*time.Hour)), doctor.Note, "leases", "Of the 1 share looked at, 1 have no live lease")
}

// TestBrokenShare: a share that makes no sense is told of.
func TestBrokenShare(t *testing.T) {
	server, _ := world(t)
	files, err := filepath.Glob(filepath.Join(server, "storage", "shares", "??", "*", "0"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got shares %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, doctor.Examine(t.Context(), server, doctor.Config{}), doctor.Problem, "leases", "1 of the 1 share looked at cannot be read")
}

// TestWebCertificate: the certificate of the web port is told of before it ends.
func TestWebCertificate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "client")
	c := node.CreateConfig{WebPort: fmt.Sprintf("ssl:%d:privateKey=web.key:certKey=web.crt:interface=127.0.0.1", freePort(t))}
	if _, err := node.Create(dir, c, time.Now()); err != nil {
		t.Fatal(err)
	}
	want(t, doctor.Examine(t.Context(), dir, doctor.Config{}), doctor.Problem, "certificates", "The certificate of web.port cannot be used")
	certificate(t, dir, time.Now().Add(60*24*time.Hour))
	for _, c := range []struct {
		by    time.Duration
		level doctor.Level
		text  string
	}{
		{-90 * 24 * time.Hour, doctor.Problem, "begins only on"},
		{0, doctor.OK, "holds until"},
		{40 * 24 * time.Hour, doctor.Warning, "ends in 20 days"},
		{61 * 24 * time.Hour, doctor.Problem, "browsers and clients refuse it"},
	} {
		want(t, doctor.Examine(t.Context(), dir, ahead(c.by)), c.level, "certificates", c.text)
	}
}

// certificate writes one for the web port that ends then.
func certificate(t *testing.T, dir string, ends time.Time) {
	t.Helper()
	made, err := selfsigned.New(x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: ends})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := selfsigned.PEM(made)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"web.crt": cert, "web.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeptAlive: a client that keeps nothing alive is told so.
func TestKeptAlive(t *testing.T) {
	_, client := world(t)
	want(t, doctor.Examine(t.Context(), client, doctor.Config{}), doctor.OK, "leases", "The keeper renews the leases")
	dir := basedir.Dir(client)
	if err := dir.WriteKeeper(&basedir.KeeperList{}); err != nil {
		t.Fatal(err)
	}
	want(t, doctor.Examine(t.Context(), client, doctor.Config{}), doctor.Note, "leases", "Nothing on this node renews")
}
