// Package gridtest runs whole grids for tests and benchmarks: the real program, a process for each node, on loopback. A
// test stops, kills and starts nodes as their operators would.
//
// The invariant: everything that it started has ended when the test ends.
package gridtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tahoe/node"
	"tahoe/node/config"
)

// Servers is the number of storage nodes of a Grid.
const Servers = node.DemoServers

// A Config says what is different from a new node's defaults.
type Config struct {
	Dir    string            // where to keep the grid; "": a directory of the test
	Client map[string]string // settings of the client: "section/key" → value
	Server map[string]string // settings of all storage nodes

	Introducer map[string]string
}

// A Grid is an introducer, Servers storage nodes and a client, a process each.
type Grid struct {
	Dir        string
	Introducer *Process
	Client     *Process
	Server     [Servers]*Process

	tb testing.TB
}

// New makes a grid, starts its nodes, and waits until the client is connected to all of them.
func New(tb testing.TB, c Config) *Grid {
	tb.Helper()
	g := &Grid{Dir: c.Dir, tb: tb}
	if g.Dir == "" {
		g.Dir = tb.TempDir()
	}
	if err := node.PrepareDemo(g.Dir, time.Now()); err != nil {
		tb.Fatal(err)
	}
	for i := range g.Server {
		g.set(node.DemoStorage(g.Dir, i+1), c.Server)
	}
	g.set(node.DemoIntroducer(g.Dir), c.Introducer)
	g.Introducer = Start(tb, "run", node.DemoIntroducer(g.Dir))
	g.Introducer.WaitOutput("running node in")
	for i := range g.Server {
		g.Server[i] = Start(tb, "run", node.DemoStorage(g.Dir, i+1))
	}
	for _, s := range g.Server {
		s.WaitOutput("running node in")
	}
	g.StartClient(c.Client)
	return g
}

// StartClient starts the client, with these settings changed, and waits until it is connected to all servers that run.
func (g *Grid) StartClient(settings map[string]string) {
	g.tb.Helper()
	g.set(g.ClientDir(), settings)
	g.Client = Start(g.tb, "run", g.ClientDir())
	g.Client.WaitOutput("web port")
	g.WaitConnected(g.running())
}

// StartServer starts storage node i again.
func (g *Grid) StartServer(i int) {
	g.tb.Helper()
	g.Server[i] = Start(g.tb, "run", node.DemoStorage(g.Dir, i+1))
	g.Server[i].WaitOutput("running node in")
}

func (g *Grid) running() int {
	n := 0
	for _, s := range g.Server {
		if s.Running() {
			n++
		}
	}
	return n
}

// ClientDir is the client's node directory.
func (g *Grid) ClientDir() string { return node.DemoClient(g.Dir) }

// ServerDir is the directory of storage node i.
func (g *Grid) ServerDir(i int) string { return node.DemoStorage(g.Dir, i+1) }

// URL is the address of the client's web port, with a slash at the end.
func (g *Grid) URL() string { return g.URLOf(g.ClientDir()) }

// IntroducerDir is the directory of the introducer.
func (g *Grid) IntroducerDir() string { return node.DemoIntroducer(g.Dir) }

// URLOf is the address of the web port of the node in a directory, with a slash at the end.
func (g *Grid) URLOf(dir string) string {
	g.tb.Helper()
	b, err := os.ReadFile(dir + "/node.url")
	if err != nil {
		g.tb.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// WaitConnected waits until the client is connected to n servers, no more and no less.
func (g *Grid) WaitConnected(n int) {
	g.tb.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		up, err := g.connected()
		if err == nil && up == n {
			return
		}
		if time.Now().After(deadline) {
			g.tb.Fatalf("the client is connected to %d servers, want %d (%v):\n%s", up, n, err, g.Client.Output())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (g *Grid) connected() (int, error) {
	resp, err := http.Get(g.URL() + "?t=json")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var page struct {
		Servers []struct {
			Status string `json:"connection_status"`
		} `json:"servers"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return 0, fmt.Errorf("read the list of servers: %w", err)
	}
	n := 0
	for _, s := range page.Servers {
		if strings.HasPrefix(strings.ToLower(s.Status), "connected") {
			n++
		}
	}
	return n, nil
}

// set changes settings of a node directory.
func (g *Grid) set(dir string, settings map[string]string) {
	g.tb.Helper()
	if len(settings) == 0 {
		return
	}
	f, _, err := config.Load(dir)
	if err != nil {
		g.tb.Fatal(err)
	}
	for name, value := range settings {
		section, key, _ := strings.Cut(name, "/")
		err = errors.Join(err, f.Set(section, key, value))
	}
	if err = errors.Join(err, os.WriteFile(dir+"/tahoe.cfg", f.Bytes(), 0o600)); err != nil {
		g.tb.Fatal(err)
	}
}
