package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/freeport"
	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shared(t *testing.T) *node.Shared {
	t.Helper()
	return node.NewShared(slog.New(slog.NewTextHandler(t.Output(), nil)))
}

// create makes a node with these settings.
func create(t *testing.T, dir string, c node.CreateConfig) {
	t.Helper()
	if _, err := node.Create(dir, c, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func storageConfig(t *testing.T) node.CreateConfig {
	t.Helper()
	port := freePort(t)
	return node.CreateConfig{
		Storage: true, Reserved: "0", Port: fmt.Sprintf("tcp:%d:interface=127.0.0.1", port), Location: fmt.Sprintf("tcp:127.0.0.1:%d", port),
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Find("tcp4", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func open(t *testing.T, dir string) *node.Node {
	t.Helper()
	n, err := node.Open(dir, shared(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// start runs a service until the function that it returns is called, or the test ends.
func start(t *testing.T, s reactor.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel(reactor.ErrStopping)
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		stopped = true
		t.Fatalf("ended before it was ready: %v", err)
	}
	return stop
}

func request(t *testing.T, method, url string, body []byte) (status int, answer []byte) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// put stores data, and returns its capability.
func put(t *testing.T, url string, data []byte) string {
	t.Helper()
	status, answer := request(t, http.MethodPut, url+"uri", data)
	if status != http.StatusOK {
		t.Fatalf("put: %d %s", status, answer)
	}
	return strings.TrimSpace(string(answer))
}

func checkGet(t *testing.T, url, capability string, want []byte) {
	t.Helper()
	if status, answer := request(t, http.MethodGet, url+"uri/"+capability, nil); status != http.StatusOK || !bytes.Equal(answer, want) {
		t.Fatalf("get: %d, %d bytes, want %d", status, len(answer), len(want))
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestTwoNodesInOneProcessAndAgain(t *testing.T) {
	dir := t.TempDir()
	storageDir, clientDir := filepath.Join(dir, "s"), filepath.Join(dir, "c")
	create(t, storageDir, storageConfig(t))
	create(t, clientDir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1})
	data := randomBytes(100_000)
	var capability, id string
	for round := range 2 {
		s := open(t, storageDir)
		entry, ok := s.Static()
		if !ok {
			t.Fatal("the storage node has no storage")
		}
		if round == 1 && entry.ID+entry.Address.FURL != id {
			t.Error("the storage node is another one after a restart")
		}
		id = entry.ID + entry.Address.FURL
		if err := basedir.Dir(clientDir).WriteStaticServers([]basedir.Static{entry}); err != nil {
			t.Fatal(err)
		}
		c := open(t, clientDir)
		host := reactor.NewHost(slog.New(slog.DiscardHandler))
		host.Add("s", s)
		host.Add("c", c)
		stop := start(t, host)
		if err := c.WaitConnected(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			capability = put(t, c.WebURL(), data)
		}
		checkGet(t, c.WebURL(), capability, data)
		if url, err := os.ReadFile(filepath.Join(clientDir, "node.url")); err != nil || string(url) != c.WebURL()+"\n" {
			t.Errorf("node.url holds %q, %v; want %q", url, err, c.WebURL())
		}
		stop()
		if _, err := os.Stat(filepath.Join(clientDir, "running.process")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("running.process after the end: %v", err)
		}
	}
}

// TestStalledTransfers: downloads whose readers stall keep no upload waiting, nor the other way round.
func TestStalledTransfers(t *testing.T) {
	dir := t.TempDir()
	common := shared(t)
	storageDir, clientDir := filepath.Join(dir, "s"), filepath.Join(dir, "c")
	create(t, storageDir, storageConfig(t))
	create(t, clientDir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1})
	s := open(t, storageDir)
	entry, _ := s.Static()
	if err := basedir.Dir(clientDir).WriteStaticServers([]basedir.Static{entry}); err != nil {
		t.Fatal(err)
	}
	c, err := node.Open(clientDir, common)
	if err != nil {
		t.Fatal(err)
	}
	host := reactor.NewHost(slog.New(slog.DiscardHandler))
	host.Add("s", s)
	host.Add("c", c)
	start(t, host)
	if err := c.WaitConnected(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	release, err := common.Downloads.Acquire(t.Context(), common.Downloads.Total())
	if err != nil {
		t.Fatal(err)
	}
	data := randomBytes(100_000)
	capability := put(t, c.WebURL(), data)
	release()
	release, err = common.Uploads.Acquire(t.Context(), common.Uploads.Total())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	checkGet(t, c.WebURL(), capability, data)
}

// TestListenOnAllAddresses: tcp6 without an interface is there for IPv4 too.
func TestListenOnAllAddresses(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, node.CreateConfig{WebPort: "tcp6:0"})
	n, err := node.Open(dir, shared(t))
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	start(t, n)
	u, err := url.Parse(n.WebURL())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		if status, _ := request(t, http.MethodGet, "http://"+net.JoinHostPort(host, u.Port())+"/healthz", nil); status != http.StatusOK {
			t.Errorf("%s: %d", host, status)
		}
	}
}

// TestForClients: what a storage node writes for its clients is a servers.yaml that they can use.
func TestForClients(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	n := open(t, dir)
	text, err := os.ReadFile(n.ForClients())
	if err != nil {
		t.Fatal(err)
	}
	client := t.TempDir()
	create(t, client, node.CreateConfig{})
	write(t, filepath.Join(client, "private", "servers.yaml"), string(text))
	servers, warning, err := basedir.Dir(client).StaticServers()
	want, _ := n.Static()
	if err != nil || warning != nil || len(servers) != 1 {
		t.Fatalf("got %d servers, %v, %v", len(servers), warning, err)
	}
	got := servers[0]
	if string(got.ID) != want.ID || got.FURL != want.Address.FURL || len(got.NURLs) != 1 || got.NURLs[0] != want.Address.NURLs[0].Encode() {
		t.Errorf("got server %s, which is not the node's, %s", got.ID, want.ID)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	set(t, dir, "node", "tub.location", "tcp:elsewhere.example.org:99")
	n = open(t, dir)
	if text, err := os.ReadFile(n.ForClients()); err != nil || !strings.Contains(string(text), "tcp:elsewhere.example.org:99/") {
		t.Errorf("after a move it does not say where the node is now (%v)", err)
	}
	if path := open(t, client).ForClients(); path != "" {
		t.Errorf("a node without storage has %s", path)
	}
}

func TestModes(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("Windows has no modes")
	}
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	n := open(t, dir)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "private")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("private: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "private"))
	if err != nil || len(entries) < 6 {
		t.Fatalf("private holds %d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("private/%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// TestOpenRefuses: each is one sentence that names the directory or file.
func TestOpenRefuses(t *testing.T) {
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := fmt.Sprintf("tcp:%d:interface=127.0.0.1", busy.Addr().(*net.TCPAddr).Port)

	made := t.TempDir()
	create(t, made, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1"})
	plain := func(t *testing.T, dir string) {
		if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
		want []string
	}{
		{"missing", func(_ *testing.T, dir string) { os.Remove(dir) }, []string{"does not exist, so it is not a node directory", "tahoe create-node"}},
		{"empty", func(*testing.T, string) {}, []string{"is not a node directory, since it holds no tahoe-client.tac", "tahoe create-node"}},
		{"file", func(t *testing.T, dir string) { os.Remove(dir); write(t, dir, "x") }, []string{"is not a directory"}},
		{"introducer without a port", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tahoe-introducer.tac"), "")
			write(t, filepath.Join(dir, "tahoe.cfg"), "[node]\ntub.port = disabled\ntub.location = disabled\n")
		}, []string{"tub.port", "an introducer must be reached"}},
		{"introducer with storage", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tahoe-introducer.tac"), "")
			write(t, filepath.Join(dir, "tahoe.cfg"), "[node]\n[storage]\nenabled = true\n")
		}, []string{"[storage]", "is not for an introducer"}},
		{"before 1.3", func(t *testing.T, dir string) {
			plain(t, dir)
			write(t, filepath.Join(dir, "webport"), "1")
		},
			[]string{"before version 1.3", "webport"}},
		{"unknown key", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "node", "nicknam", "a")
		},
			[]string{"tahoe.cfg line ", "[node] nicknam is not a setting", "did you mean nickname?"}},
		{"reserved_space", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "storage", "reserved_space", "lots")
		},
			[]string{"tahoe.cfg line ", `[storage] reserved_space is "lots", which is not a size`}},
		{"k > n", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "client", "shares.needed", "11")
		},
			[]string{"[client] shares.needed is 11, which is more than shares.total = 10"}},
		{"n > 256", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "client", "shares.total", "257")
		},
			[]string{"[client] shares.total is 257, but must be from 1 to 256"}},
		{"busy web port", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "node", "web.port", taken)
		},
			[]string{"tahoe.cfg: web.port is " + taken, "another program listens on that port", "choose another port"}},
		{"busy tub port", func(t *testing.T, dir string) {
			plain(t, dir)
			set(t, dir, "node", "tub.port", taken)
			set(t, dir, "node", "tub.location", "tcp:127.0.0.1:1")
			set(t, dir, "storage", "enabled", "true")
		}, []string{"tahoe.cfg: tub.port is " + taken, "another program listens on that port"}},
		{"broken key", func(t *testing.T, dir string) {
			plain(t, dir)
			write(t, filepath.Join(dir, "private", "node.privkey"), "priv-v0-secret")
		},
			[]string{"node.privkey does not hold a key", "restore it from a copy"}},
		{"broken certificate", func(t *testing.T, dir string) {
			plain(t, dir)
			write(t, filepath.Join(dir, "private", "node.pem"), "secret")
		},
			[]string{"node.pem does not hold a certificate and its RSA key"}},
		{"broken servers.yaml", func(t *testing.T, dir string) {
			plain(t, dir)
			write(t, filepath.Join(dir, "private", "servers.yaml"), "storage: [secret")
		}, []string{"servers.yaml is not the YAML that belongs there"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "node")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			tt.make(t, dir)
			n, err := node.Open(dir, shared(t))
			if err == nil {
				_ = n.Close()
				t.Fatal("it opened")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to hold %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one sentence without secrets", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "running.process")); err == nil {
				t.Error("running.process is left over")
			}
		})
	}
}

func TestSecondRunIsRefused(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, node.CreateConfig{})
	first := open(t, dir)
	_, err := node.Open(dir, shared(t))
	running, ok := errors.AsType[*basedir.RunningError](err)
	if !ok || running.PID != os.Getpid() || !strings.Contains(err.Error(), "is already running, as process") {
		t.Errorf("got %v, want a RunningError that names this process", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Errorf("after the first one's end: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// set changes a setting of a node, without a check.
func set(t *testing.T, dir, section, key, value string) {
	t.Helper()
	path := filepath.Join(dir, "tahoe.cfg")
	f, err := config.Read(path)
	if err == nil {
		err = f.Set(section, key, value)
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(f.Bytes()))
}
