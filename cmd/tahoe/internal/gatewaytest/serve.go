package gatewaytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.under.Add(1)
	defer g.under.Add(-1)
	if g.Hook != nil && g.Hook(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away; nothing was changed
	}
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts[strings.TrimSpace(r.Method+" "+r.FormValue("t"))]++
	answer, err := g.answer(r, body)
	if refused, ok := errors.AsType[*refusal](err); ok {
		w.WriteHeader(refused.status)
		_, _ = io.WriteString(w, refused.text)
		return
	}
	if f, ok := answer.(*node); ok {
		if !f.mutable {
			w.Header().Set("ETag", `"`+b32(f.ro)+`"`)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
		return
	}
	_, _ = io.WriteString(w, fmt.Sprint(answer))
}

// answer is a *node whose contents are asked for, or text.
func (g *Gateway) answer(r *http.Request, body []byte) (any, error) {
	capability, names, ok := splitURI(r)
	if !ok {
		return nil, &refusal{http.StatusNotFound, "no such resource"}
	}
	t := r.FormValue("t")
	if capability == "" {
		return g.unlinked(r.Method, t, body)
	}
	switch r.Method + " " + t {
	case "GET ":
		return g.get(capability, names)
	case "GET json":
		return g.describe(capability, names)
	case "PUT ":
		return g.putAt(capability, names, body)
	case "PUT uri":
		return g.putURI(capability, names, string(body), r.FormValue("replace"))
	case "POST mkdir":
		return g.mkdirAt(capability, names)
	case "POST set_children":
		return g.setChildren(capability, names, body, r.FormValue("replace"))
	case "POST check":
		return g.check(capability)
	case "DELETE ":
		return g.unlink(capability, names)
	}
	return nil, &refusal{http.StatusBadRequest, "bad t= argument: " + t}
}

func (g *Gateway) unlinked(method, t string, body []byte) (any, error) {
	switch method + " " + t {
	case "PUT ":
		return g.newFile(body).ro, nil
	case "POST mkdir":
		return g.newDir(nil).rw, nil
	case "POST mkdir-with-children", "POST mkdir-immutable":
		kids, err := g.kids(body)
		if err != nil {
			return nil, err
		}
		if t == "mkdir-with-children" {
			return g.newDir(kids).rw, nil
		}
		for name, c := range kids {
			if n := g.byCap[c.best()]; n == nil || n.mutable {
				return nil, &refusal{http.StatusBadRequest, "a child of an immutable directory could change: " + name}
			}
		}
		return g.newFixedDir(kids).ro, nil
	}
	return nil, &refusal{http.StatusBadRequest, "bad t= argument: " + t}
}

// kids reads the body of a request that names children.
func (g *Gateway) kids(body []byte) (map[string]child, error) {
	var in map[string][2]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	kids := map[string]child{}
	for name, pair := range in {
		var f struct {
			RW       string          `json:"rw_uri"`
			RO       string          `json:"ro_uri"`
			Metadata json.RawMessage `json:"metadata"`
		}
		if err := json.Unmarshal(pair[1], &f); err != nil {
			return nil, &refusal{http.StatusBadRequest, err.Error()}
		}
		kids[name] = g.childOf(f.RW, f.RO, f.Metadata)
	}
	return kids, nil
}

func (g *Gateway) childOf(rw, ro string, metadata json.RawMessage) child {
	c := child{rw: rw, ro: ro, metadata: metadata}
	if n := g.byCap[c.best()]; n != nil {
		if c.ro = n.ro; n.rw != c.rw {
			c.rw = ""
		}
	}
	return c
}

func (g *Gateway) get(capability string, names []string) (any, error) {
	p, err := g.walk(capability, names, false)
	if err != nil {
		return nil, err
	}
	n := g.byCap[p.cap]
	switch {
	case n == nil:
		return nil, &refusal{http.StatusGone, "NotEnoughSharesError: no shares could be found"}
	case n.dir:
		return nil, &refusal{http.StatusBadRequest, "a page of a directory is not wanted here"}
	}
	return n, nil
}

func (g *Gateway) describe(capability string, names []string) (any, error) {
	p, err := g.walk(capability, names, false)
	if err != nil {
		return nil, err
	}
	n := g.byCap[p.cap]
	if n == nil {
		return nil, &refusal{http.StatusGone, "NotEnoughSharesError: no shares could be found"}
	}
	pair := g.pair(p.cap)
	if n.dir {
		kids := map[string]any{}
		for name, c := range n.kids {
			rw := c.rw
			if n.rw != p.cap {
				rw = ""
			}
			kids[name] = g.pair(child{rw: rw, ro: c.ro}.best())
		}
		pair[1].(map[string]any)["children"] = kids
	}
	b, err := json.Marshal(pair)
	return string(b), err
}

// pair describes what a capability stands for, as one who has it sees it.
func (g *Gateway) pair(capability string) []any {
	n := g.byCap[capability]
	if n == nil {
		return []any{"unknown", map[string]any{"ro_uri": capability}}
	}
	f := map[string]any{"mutable": n.mutable, "ro_uri": n.ro}
	if n.rw == capability {
		f["rw_uri"] = n.rw
	}
	if n.dir {
		return []any{"dirnode", f}
	}
	if f["size"] = len(n.data); n.mutable {
		f["size"] = nil
	}
	return []any{"filenode", f}
}

func (g *Gateway) putAt(capability string, names []string, body []byte) (any, error) {
	p, err := g.walk(capability, names, false)
	refused, missing := errors.AsType[*refusal](err)
	if err != nil && !(missing && refused.status == http.StatusNotFound && len(names) > 0) {
		return nil, err
	}
	if n := g.byCap[p.cap]; err == nil && n != nil && n.mutable && !n.dir {
		if n.rw != p.cap {
			return nil, &refusal{http.StatusBadRequest, "replace or update requested with read-only cap"}
		}
		n.data, n.times = body, n.times+1
		return n.rw, nil
	}
	n := g.newFile(body)
	return n.ro, g.link(capability, names, child{ro: n.ro}, "true")
}

func (g *Gateway) putURI(capability string, names []string, uri, replace string) (any, error) {
	return uri, g.link(capability, names, g.childOf(uri, "", nil), replace)
}

// link gives what has no name yet a name, with the directories that lead to it.
func (g *Gateway) link(capability string, names []string, c child, replace string) error {
	if len(names) == 0 {
		return &refusal{http.StatusBadRequest, "a name is needed"}
	}
	p, err := g.walk(capability, names[:len(names)-1], true)
	if err != nil {
		return err
	}
	d := g.byCap[p.cap]
	if d == nil || !d.dir || d.rw != p.cap {
		return &refusal{http.StatusBadRequest, "not a directory that can be written"}
	}
	return g.set(d, map[string]child{names[len(names)-1]: c}, replace)
}

func (g *Gateway) set(d *node, kids map[string]child, replace string) error {
	for name := range kids {
		old, there := d.kids[name]
		if there && (replace == "false" || replace == "only-files" && g.byCap[old.best()] != nil && g.byCap[old.best()].dir) {
			return &refusal{http.StatusConflict, "There was already a child by that name, and you asked me to not replace it."}
		}
	}
	maps.Copy(d.kids, kids)
	d.times++
	return nil
}

func (g *Gateway) mkdirAt(capability string, names []string) (any, error) {
	p, err := g.walk(capability, names, true)
	return p.cap, err
}

func (g *Gateway) setChildren(capability string, names []string, body []byte, replace string) (any, error) {
	p, err := g.walk(capability, names, true)
	if err != nil {
		return nil, err
	}
	d := g.byCap[p.cap]
	if !d.dir || d.rw != p.cap {
		return nil, &refusal{http.StatusBadRequest, "not a directory that can be written"}
	}
	kids, err := g.kids(body)
	if err == nil {
		err = g.set(d, kids, replace)
	}
	return "Okay so I did it.", err
}

func (g *Gateway) check(capability string) (any, error) {
	return fmt.Sprintf(`{"storage-index":"x","results":{"healthy":%v}}`, g.byCap[capability] != nil), nil
}

func (g *Gateway) unlink(capability string, names []string) (any, error) {
	p, err := g.walk(capability, names, false)
	if err != nil {
		return nil, err
	}
	if !p.writable {
		return nil, &refusal{http.StatusBadRequest, "not a directory that can be written"}
	}
	delete(p.parent.kids, p.name)
	return p.cap, nil
}
