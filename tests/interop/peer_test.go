package interop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/internal/freeport"
	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/tests/gridtest"
)

// A maker is who wrote the program of a node.
type maker string

const (
	ours     maker = "ours"
	original maker = "original"
)

var makers = []maker{ours, original}

func (m maker) other() maker {
	if m == ours {
		return original
	}
	return ours
}

func (m maker) program(t testing.TB) string {
	if m == ours {
		return gridtest.Binary(t)
	}
	return findOriginal().path
}

// A peer is a node of either maker, running or not.
type peer struct {
	*gridtest.Process
	maker maker
	dir   string
	port  int // of its Tub; 0: it does not listen
	t     testing.TB
}

// newStorage makes a storage node, and does not run it.
func newStorage(t testing.TB, m maker, dir string) *peer {
	t.Helper()
	port := freePort(t)
	command(t, m.program(t), "create-node", "--nickname="+filepath.Base(dir), "--webport=none",
		fmt.Sprintf("--port=tcp:%d:interface=127.0.0.1", port), fmt.Sprintf("--location=tcp:127.0.0.1:%d", port), dir)
	p := &peer{maker: m, dir: dir, port: port, t: t}
	p.set("storage/reserved_space", "10M")
	return p
}

// newClient makes a client, and does not run it.
func newClient(t testing.TB, m maker, dir string) *peer {
	t.Helper()
	command(t, m.program(t), "create-client", "--nickname="+filepath.Base(dir), "--webport=tcp:0:interface=127.0.0.1", dir)
	return &peer{maker: m, dir: dir, t: t}
}

// newIntroducer makes and runs an introducer.
func newIntroducer(t testing.TB, m maker, dir string) *peer {
	t.Helper()
	port := freePort(t)
	command(t, m.program(t), "create-introducer", fmt.Sprintf("--port=tcp:%d:interface=127.0.0.1", port),
		fmt.Sprintf("--location=tcp:127.0.0.1:%d", port), dir)
	p := &peer{maker: m, dir: dir, port: port, t: t}
	p.start()
	waitFor(t, "the introducer's FURL", func() error {
		_, err := os.Stat(basedir.Dir(dir).Private("introducer.furl"))
		return err
	})
	return p
}

// joins writes the node's introducers.yaml.
func (p *peer) joins(introducers ...*peer) {
	p.t.Helper()
	if len(introducers) == 0 {
		return
	}
	var text strings.Builder
	text.WriteString("introducers:\n")
	for _, i := range introducers {
		fmt.Fprintf(&text, "  %s:\n    furl: %s\n", filepath.Base(i.dir), i.private("introducer.furl"))
	}
	p.setPrivate("introducers.yaml", text.String())
}

// together runs each of the functions at the same time: most of what nodes do at first is to wait, or to compute on one
// processor. A failure of one ends the test when all are done.
func together(t testing.TB, fs ...func()) {
	t.Helper()
	var all sync.WaitGroup
	for _, f := range fs {
		all.Go(f)
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// set changes settings of the node: pairs of "section/key" and value.
func (p *peer) set(pairs ...string) {
	p.t.Helper()
	path := filepath.Join(p.dir, "tahoe.cfg")
	f, _, err := config.Load(p.dir)
	for i := 0; err == nil && i < len(pairs); i += 2 {
		section, key, _ := strings.Cut(pairs[i], "/")
		err = f.Set(section, key, pairs[i+1])
	}
	if err == nil {
		err = os.WriteFile(path, f.Bytes(), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// start runs the node with the program of its maker, and waits until it serves.
func (p *peer) start() {
	p.t.Helper()
	_ = os.Remove(filepath.Join(p.dir, "node.url"))
	p.Process = gridtest.StartProgram(p.t, p.maker.program(p.t), "run", p.dir)
	up := map[maker]string{ours: "running node in", original: " running\n"}[p.maker]
	p.WaitOutput(up)
	if p.port != 0 {
		return
	}
	waitFor(p.t, "the client's web port", func() error {
		_, err := os.Stat(filepath.Join(p.dir, "node.url"))
		return err
	})
}

func (p *peer) restart() {
	p.t.Helper()
	p.Stop()
	p.start()
}

// private is the text of a file in the node's folder private.
func (p *peer) private(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(basedir.Dir(p.dir).Private(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (p *peer) setPrivate(name, text string) {
	p.t.Helper()
	path := basedir.Dir(p.dir).Private(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text+"\n"), 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

// static is the entry of servers.yaml for a storage node that has run once.
func (p *peer) static() basedir.Static {
	p.t.Helper()
	d := basedir.Dir(p.dir)
	id, err := d.Identity(time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	_, s, err := config.Load(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	address, err := d.StorageAddress(id, s.Tub.Locations)
	if err != nil {
		p.t.Fatal(err)
	}
	return basedir.Static{ID: id.ServerID(), Nickname: filepath.Base(p.dir), Address: address}
}

// knows writes the client's servers.yaml.
func (p *peer) knows(servers ...*peer) {
	p.t.Helper()
	entries := make([]basedir.Static, len(servers))
	for i, s := range servers {
		entries[i] = s.static()
	}
	if err := errors.Join(os.MkdirAll(basedir.Dir(p.dir).Private(""), 0o700), basedir.Dir(p.dir).WriteStaticServers(entries)); err != nil {
		p.t.Fatal(err)
	}
}

// waitConnected waits until the client is connected to n servers, no more and no less.
func (p *peer) waitConnected(n int) {
	p.t.Helper()
	waitFor(p.t, fmt.Sprintf("%s to be connected to %d servers", filepath.Base(p.dir), n), func() error {
		if got, err := p.connected(); err != nil || got != n {
			return fmt.Errorf("it is connected to %d (%w)", got, err)
		}
		return nil
	})
}

// waitConnected waits until each of the clients is connected to n servers.
func waitConnected(t testing.TB, n int, clients ...*peer) {
	t.Helper()
	var wait []func()
	for _, p := range clients {
		wait = append(wait, func() { p.waitConnected(n) })
	}
	together(t, wait...)
}

func (p *peer) connected() (int, error) {
	all, err := p.statuses()
	n := 0
	for _, s := range all {
		if strings.HasPrefix(strings.ToLower(s), "connected") {
			n++
		}
	}
	return n, err
}

// statuses are what the client says of its connections to servers.
func (p *peer) statuses() ([]string, error) {
	resp, err := http.Get(p.url("?t=json"))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var page struct {
		Servers []struct {
			Status string `json:"connection_status"`
		} `json:"servers"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read the list of servers: %w", err)
	}
	out := make([]string, len(page.Servers))
	for i, s := range page.Servers {
		out[i] = s.Status
	}
	return out, nil
}

// mustSpeak fails the test if a client of the original speaks another protocol to a server: it words the status of each
// differently.
func (p *peer) mustSpeak(t testing.TB, protocol string) {
	t.Helper()
	all, err := p.statuses()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if p.maker == original && (s == "connected" && protocol == foolscap || strings.HasPrefix(s, "Connected to") && protocol == gbs) {
			t.Errorf("a server's status is %q, want one of %s", s, protocol)
		}
	}
}

// waitFor tries until try succeeds.
func waitFor(t testing.TB, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %v", what, err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

var (
	portsMutex sync.Mutex
	portsTaken = map[int]bool{}
)

// freePort is a port of loopback that nobody listens on, and that was not handed out before.
func freePort(t testing.TB) int {
	t.Helper()
	portsMutex.Lock()
	defer portsMutex.Unlock()
	for {
		port, err := freeport.Find("tcp4", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if !portsTaken[port] {
			portsTaken[port] = true
			return port
		}
	}
}
