package interop_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// tools has our client write mutable files, and compares what the tools of both makers say of the shares.
func (g *gateways) tools(t *testing.T) {
	kinds := map[string]string{} // verify capability → kind
	for kind, cap := range map[string]string{
		"SDMF": g.clients[ours].create(t, "SDMF", content("tools", 5000)),
		"MDMF": g.clients[ours].create(t, "MDMF", content("tools", 300_000)),
	} {
		node := decode(t, g.clients[ours].do(t, http.MethodGet, "uri/"+cap+"?t=json", nil)).([]any)[1].(map[string]any)
		kinds[node["verify_uri"].(string)] = kind
	}
	server := g.servers[0].dir
	catalog := command(t, original.program(t), "debug", "catalog-shares", server)
	sameLines(t, "catalog-shares", catalog, command(t, ours.program(t), "debug", "catalog-shares", server))
	for verify, kind := range kinds {
		index := strings.Split(verify, ":")[2]
		path := ""
		for line := range strings.Lines(catalog) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == kind && f[1] == index {
				path = strings.Trim(f[len(f)-1], "'")
			}
		}
		if path == "" {
			t.Errorf("catalog-shares knows no share of the %s file:\n%s", kind, catalog)
			continue
		}
		dump := command(t, original.program(t), "debug", "dump-share", path)
		if !strings.Contains(dump, kind+" contents:") || !strings.Contains(dump, verify) {
			t.Errorf("dump-share of the %s file does not say so, or does not name it:\n%s", kind, dump)
		}
		sameLines(t, "dump-share", dump, command(t, ours.program(t), "debug", "dump-share", path))
	}
}

// untilExpiry are the seconds that a lease has left.
var untilExpiry = regexp.MustCompile(`\b26[67]\d{4}`)

// sameLines compares what programs print line by line, but for the seconds that leases have left.
func sameLines(t *testing.T, what, want, got string) {
	t.Helper()
	w, g := strings.Split(untilExpiry.ReplaceAllString(want, "S"), "\n"), strings.Split(untilExpiry.ReplaceAllString(got, "S"), "\n")
	if len(w) != len(g) {
		t.Errorf("%s: ours prints\n%s\nand the original\n%s", what, got, want)
		return
	}
	for i := range w {
		if w[i] != g[i] {
			t.Errorf("%s, line %d: ours prints\n%s\nand the original\n%s", what, i+1, g[i], w[i])
		}
	}
}
