package interop_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// tree has one client write a tree; both walk it and tell the same, and the original finds every share of it well.
func (g *gateways) tree(t *testing.T, by maker) {
	p := g.clients[by]
	root := p.mkdir(t, "t=mkdir&format=MDMF", nil)
	for path, size := range map[string]int{"a/b/large": 400_000, "a/b/small": 5000, "a/literal": 12, "z": 0} {
		p.do(t, http.MethodPut, "uri/"+root+"/"+path, content("tree"+path, size))
	}
	p.do(t, http.MethodPut, "uri/"+root+"/a/slot?format=SDMF", content("tree slot", 3000))
	p.do(t, http.MethodPost, "uri/"+root+"?t=set_children", encode(t, children{
		"again":     link(strings.TrimSpace(string(p.do(t, http.MethodGet, "uri/"+root+"/a?t=uri", nil))), "", ""),
		"immutable": link("", p.mkdir(t, "t=mkdir-immutable", children{"one": link("", p.put(t, content("one", 1000)), "")}), ""),
		"future":    link("x-tahoe-future-test-writeable:one", "ro.lafs://one", ""),
		"loop":      link(root, "", ""),
		"été":       link("", p.put(t, content("one", 1000)), ""),
	}))
	const reached = 11 // the root, three directories, an unknown, five files, a slot
	var walks [2][]any
	for i, m := range makers {
		walks[i] = sortedUnits(t, g.clients[m].do(t, http.MethodPost, "uri/"+root+"?t=stream-manifest", nil))
		if len(walks[i]) != reached+1 {
			t.Errorf("the %s client tells of %d things, want %d and the statistics", m, len(walks[i]), reached)
		}
	}
	sameJSON(t, "manifest", walks[1], walks[0])

	checked := 0
	for _, unit := range sortedUnits(t, g.clients[original].do(t, http.MethodPost, "uri/"+root+"?t=stream-deep-check&verify=true", nil)) {
		u := unit.(map[string]any)
		results, ok := u["check-results"].(map[string]any)
		if cap, _ := u["cap"].(string); ok && results["storage-index"] != "" {
			checked++
			healthy(t, cap, gatewayServers, encode(t, results))
		}
	}
	if checked != reached-3 {
		t.Errorf("the deep check saw shares of %d things, want %d: all but two literals and an unknown", checked, reached-3)
	}
}

// sortedUnits are the lines of a walk, by path. What comes first differs where a thing has several.
func sortedUnits(t *testing.T, text []byte) []any {
	t.Helper()
	var out []any
	for line := range bytes.Lines(text) {
		out = append(out, decode(t, line))
	}
	key := func(v any) string {
		path, _ := v.(map[string]any)["path"].([]any)
		return show(true, path)
	}
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return out
}
