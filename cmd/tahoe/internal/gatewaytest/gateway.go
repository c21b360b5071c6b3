// Package gatewaytest is a node's web port with a small grid in memory behind it, for tests of commands that copy trees. It knows files,
// mutable files, and directories of both kinds, with capabilities that look like real ones; it keeps no secrets.
//
// The invariant: a change is whole or was not made, and whoever has only a read capability changes nothing.
package gatewaytest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/internal/base32"
)

// A Gateway is a web port. Hook, if there is one, sees each request before it is answered; what it answers is the answer.
type Gateway struct {
	Hook func(w http.ResponseWriter, r *http.Request) (answered bool)

	server *httptest.Server
	mu     sync.Mutex
	byCap  map[string]*node
	made   int
	counts map[string]int
	under  atomic.Int64 // requests that are being answered
}

type node struct {
	dir, mutable bool
	data         []byte
	kids         map[string]child
	rw, ro       string
	times        int // that it was changed
}

type child struct {
	rw, ro   string
	metadata json.RawMessage
}

// New starts a web port. The caller closes it.
func New() *Gateway {
	g := &Gateway{byCap: map[string]*node{}, counts: map[string]int{}}
	g.server = httptest.NewServer(g)
	return g
}

// URL is where it answers.
func (g *Gateway) URL() string { return g.server.URL + "/" }

// Close stops it.
func (g *Gateway) Close() { g.server.Close() }

// Counts are how often what was asked for since the last call, as METHOD and t, such as "POST mkdir"; "PUT" is an upload.
func (g *Gateway) Counts() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.counts
	g.counts = map[string]int{}
	return was
}

// Settle waits until requests that nobody waits for any more were answered.
func (g *Gateway) Settle() {
	for quiet := 0; quiet < 5; quiet++ {
		time.Sleep(5 * time.Millisecond)
		if g.under.Load() > 0 {
			quiet = 0
		}
	}
}

// Mkdir makes an empty directory, and returns the capability to write it.
func (g *Gateway) Mkdir() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.newDir(nil).rw
}

// ReadOnly is the capability to read what another one may write.
func (g *Gateway) ReadOnly(capability string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byCap[capability].ro
}

// Put stores a file at a path below a directory, and returns its capability.
func (g *Gateway) Put(dir, path, data string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.newFile([]byte(data))
	g.linkAt(dir, path, n.rw, n.ro)
	return n.ro
}

// PutMutable is Put of a mutable file.
func (g *Gateway) PutMutable(dir, path, data string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.newMutable([]byte(data))
	g.linkAt(dir, path, n.rw, n.ro)
	return n.rw
}

// Link makes a path below a directory stand for capabilities, either of which may be empty, and which may be unknown.
func (g *Gateway) Link(dir, path, rw, ro string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.linkAt(dir, path, rw, ro)
}

func (g *Gateway) linkAt(dir, path, rw, ro string) {
	names := strings.Split(path, "/")
	d, err := g.walk(dir, names[:len(names)-1], true)
	if err != nil {
		panic(err)
	}
	g.byCap[d.cap].kids[names[len(names)-1]] = child{rw: rw, ro: ro}
}

// Tree is what is below a directory: for each path what is in the file, and for each directory, with a slash at the end, nothing.
func (g *Gateway) Tree(dir string) map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]string{}
	g.tree(dir, "", out)
	return out
}

func (g *Gateway) tree(dir, prefix string, out map[string]string) {
	for name, c := range g.byCap[dir].kids {
		n := g.byCap[c.best()]
		switch {
		case n == nil:
			out[prefix+name] = "unknown"
		case n.dir:
			out[prefix+name+"/"] = ""
			g.tree(c.best(), prefix+name+"/", out)
		default:
			out[prefix+name] = string(n.data)
		}
	}
}

// Cap is the best capability of a path below a directory; empty when there is nothing.
func (g *Gateway) Cap(dir, path string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, err := g.walk(dir, strings.Split(path, "/"), false)
	if err != nil {
		return ""
	}
	return p.cap
}

// Metadata is that of the entry of a path below a directory.
func (g *Gateway) Metadata(dir, path string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	names := strings.Split(path, "/")
	p, err := g.walk(dir, names[:len(names)-1], false)
	if err != nil {
		return ""
	}
	return string(g.byCap[p.cap].kids[names[len(names)-1]].metadata)
}

// Names are what is in a directory.
func (g *Gateway) Names(dir string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.byCap[dir].kids))
}

// Lose forgets what a capability stands for, as a grid does whose servers went.
func (g *Gateway) Lose(capability string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.byCap[capability]
	delete(g.byCap, n.rw)
	delete(g.byCap, n.ro)
}

func (c child) best() string {
	if c.rw != "" {
		return c.rw
	}
	return c.ro
}

// The makers of nodes. All are called with the lock.

func b32(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return base32.Encode(sum[:])
}

func b32key(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return base32.Encode(sum[:16])
}

func (g *Gateway) add(n *node) *node {
	for _, c := range []string{n.rw, n.ro} {
		if c == "" {
			continue
		}
		if old, ok := g.byCap[c]; ok {
			return old
		}
		g.byCap[c] = n
	}
	return n
}

func immutableCap(data []byte) string {
	if len(data) <= 55 {
		return "LIT:" + base32.Encode(data)
	}
	return fmt.Sprintf("CHK:%s:%s:3:10:%d", b32key("key", string(data)), b32("ueb", string(data)), len(data))
}

func (g *Gateway) newFile(data []byte) *node {
	return g.add(&node{data: data, ro: "URI:" + immutableCap(data)})
}

func (g *Gateway) newMutable(data []byte) *node {
	g.made++
	id := fmt.Sprint(g.made)
	fp := b32("fp", id)
	return g.add(&node{mutable: true, data: data, rw: "URI:SSK:" + b32key("w", id) + ":" + fp, ro: "URI:SSK-RO:" + b32key("r", id) + ":" + fp})
}

func (g *Gateway) newDir(kids map[string]child) *node {
	if kids == nil {
		kids = map[string]child{}
	}
	g.made++
	id := fmt.Sprint(g.made)
	fp := b32("fp", id)
	return g.add(&node{dir: true, mutable: true, kids: kids, rw: "URI:DIR2:" + b32key("w", id) + ":" + fp, ro: "URI:DIR2-RO:" + b32key("r", id) + ":" + fp})
}

func (g *Gateway) newFixedDir(kids map[string]child) *node {
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(kids)) {
		data = fmt.Appendf(data, "%q %s %s\n", name, kids[name].ro, kids[name].metadata)
	}
	kind := "DIR2-"
	return g.add(&node{dir: true, kids: kids, ro: "URI:" + kind + immutableCap(data)})
}

// A place is where a path leads.
type place struct {
	cap      string // of what is there
	parent   *node
	name     string
	writable bool // the parent
}

// walk follows a path. With create, directories that are missing are made, the last one too.
func (g *Gateway) walk(capability string, names []string, create bool) (place, error) {
	p := place{cap: capability}
	if g.byCap[capability] == nil {
		return p, &refusal{http.StatusGone, "NotEnoughSharesError: no shares could be found"}
	}
	for i, name := range names {
		n := g.byCap[p.cap]
		switch {
		case n == nil:
			return p, &refusal{http.StatusGone, "NotEnoughSharesError: no shares could be found"}
		case !n.dir:
			return p, &refusal{http.StatusBadRequest, fmt.Sprintf("Files have no children named %q", name)}
		}
		p = place{parent: n, name: name, writable: n.rw == p.cap}
		c, there := n.kids[name]
		if !there {
			if !create || !p.writable {
				return p, &refusal{http.StatusNotFound, "No such child: " + strings.Join(names[:i+1], "/")}
			}
			made := g.newDir(nil)
			c = child{rw: made.rw, ro: made.ro}
			n.kids[name] = c
		}
		if p.cap = c.ro; p.writable && c.rw != "" {
			p.cap = c.rw
		}
	}
	return p, nil
}

type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// splitURI cuts the path of a request into the capability and names.
func splitURI(r *http.Request) (string, []string, bool) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/uri")
	if !ok {
		return "", nil, false
	}
	if rest = strings.TrimPrefix(rest, "/"); rest == "" {
		return "", nil, true
	}
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		var err error
		if parts[i], err = url.PathUnescape(p); err != nil || parts[i] == "" {
			return "", nil, false
		}
	}
	return parts[0], parts[1:], true
}
