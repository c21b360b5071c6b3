package interop_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"tahoe/internal/base32"
	"tahoe/internal/netstring"
)

// children are those of a directory as the web port takes them: name → [type, what].
type children map[string][]any

// The metadata that somebody may keep with a link, as JSON.
var metadata = []string{
	`{}`,
	`{"float": 1.5, "tiny": 1e-300, "huge": 1.7976931348623157e308, "big": 123456789012345678901234567890, "minus": -0.25}`,
	`{"nested": {"list": [1, [2, {"three": null}], true], "empty": {}}, "ünï": "日本語 🦀 \" \\ \u0001", "": ""}`,
	`{"ctime": 1234567890.25, "mtime": 5, "no-write": false, "tahoe": {"linkcrtime": 1, "mine": 2}}`,
}

// menagerie is a child of every kind: made by a client, and named and described in all ways.
func (p *peer) menagerie(t *testing.T) children {
	t.Helper()
	chk, literal := p.put(t, content("chk", 100_000)), p.put(t, content("literal", 40))
	sdmf, mdmf := p.create(t, "SDMF", content("sdmf", 1000)), p.create(t, "MDMF", content("mdmf", 2000))
	dir := p.mkdir(t, "t=mkdir", nil)
	immutable := p.mkdir(t, "t=mkdir-immutable", children{"one": link("", literal, metadata[1])})
	return children{
		"plain":                     link("", chk, ""),
		"with space":                link("", literal, metadata[0]),
		"e\u0301te\u0301 \u212b":    link("", chk, metadata[1]),
		"日本語 🦀":                     link("", immutable, metadata[2]),
		"a%2Fb?c#d&e=f+g":           link("", chk, metadata[3]),
		"quote\" and \\ and 'that'": link("", literal, metadata[2]),
		"line\nbreak\x01":           link("", literal, ""),
		"sdmf":                      link(sdmf, p.readOnly(t, sdmf), metadata[1]),
		"mdmf":                      link(mdmf, "", ""),
		"read only sdmf":            link("", p.readOnly(t, sdmf), ""),
		"read only mdmf":            link("", p.readOnly(t, mdmf), ""),
		"not to be written":         link(mdmf, "", `{"no-write": true}`),
		"directory":                 link(dir, "", ""),
		"read only directory":       link("", p.readOnly(t, dir), metadata[2]),
		"empty":                     link("", "URI:DIR2-LIT:", ""),
		"future":                    link("lafs://from_the_future_☃", "ro.lafs://to_be_read_☃", metadata[1]),
		"future to read":            link("", "ro.lafs://snow_☃", ""),
		"future that stays":         link("", "imm.lafs://for_ever", ""),
	}
}

// link describes a child. The node finds out what it is by its capability.
func link(rw, ro, metadata string) []any {
	what := map[string]any{}
	if rw != "" {
		what["rw_uri"] = rw
	}
	if ro != "" {
		what["ro_uri"] = ro
	}
	if metadata != "" {
		what["metadata"] = rawJSON(metadata)
	}
	return []any{"filenode", what}
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// mkdir makes a directory that no other one knows.
func (p *peer) mkdir(t testing.TB, query string, kids children) string {
	t.Helper()
	if kids == nil {
		return strings.TrimSpace(string(p.do(t, http.MethodPost, "uri?"+query, nil)))
	}
	return strings.TrimSpace(string(p.do(t, http.MethodPost, "uri?"+query, encode(t, kids))))
}

// mkdirWith makes a directory with children: at once, where the client can.
func (p *peer) mkdirWith(t testing.TB, format string, kids children) string {
	t.Helper()
	if p.maker == ours || format == "format=SDMF" {
		return p.mkdir(t, "t=mkdir-with-children&"+format, kids)
	}
	dir := p.mkdir(t, "t=mkdir&"+format, nil)
	p.do(t, http.MethodPost, "uri/"+dir+"?t=set_children", encode(t, kids))
	return dir
}

func (p *peer) readOnly(t testing.TB, cap string) string {
	t.Helper()
	return strings.TrimSpace(string(p.do(t, http.MethodGet, "uri/"+cap+"?t=readonly-uri", nil)))
}

// list has both clients list a directory, which is to be the same, and returns what its children are by name.
func (g *gateways) list(t *testing.T, dir string) map[string]any {
	t.Helper()
	var lists [2]any
	for i, m := range makers {
		lists[i] = comparable(decode(t, g.clients[m].do(t, http.MethodGet, "uri/"+dir+"?t=json", nil)))
	}
	sameJSON(t, "listing", lists[1], lists[0])
	return lists[0].([]any)[1].(map[string]any)["children"].(map[string]any)
}

// comparable takes what the two are known to say differently out of the description of a node: ours tells the format of a directory
// too, and leaves out a size that it does not know.
func comparable(node any) any {
	pair, ok := node.([]any)
	if !ok || len(pair) != 2 {
		return node
	}
	what, ok := pair[1].(map[string]any)
	if !ok {
		return node
	}
	if pair[0] == "dirnode" {
		delete(what, "format")
	}
	if what["size"] == nil {
		delete(what, "size")
	}
	if kids, ok := what["children"].(map[string]any); ok {
		for _, k := range kids {
			comparable(k)
		}
	}
	return node
}

// directories has one client make directories of all kinds, which both list the same, and which the other one changes, and then
// the first one again.
func (g *gateways) directories(t *testing.T, by maker) {
	for _, d := range []struct{ query, prefix string }{{"format=SDMF", "URI:DIR2:"}, {"format=MDMF", "URI:DIR2-MDMF:"}} {
		t.Run(d.query, func(t *testing.T) {
			p := g.clients[by]
			kids := p.menagerie(t)
			dir := p.mkdirWith(t, d.query, kids)
			if !strings.HasPrefix(dir, d.prefix) {
				t.Errorf("the new directory is %.16s…, want %s…", dir, d.prefix)
			}
			mustHold(t, g.list(t, dir), kids)
			g.mustDiminish(t, dir)
			p.mustRefuse(t, dir)
			g.clients[by.other()].changes(t, dir, kids)
			mustHold(t, g.list(t, dir), kids)
			p.changes(t, dir, kids)
			mustHold(t, g.list(t, dir), kids)
			g.clients[original].verify(t, dir, gatewayServers)
			g.clients[by.other()].mustRead(t, dir+"/"+url.PathEscape("a%2Fb?c#d&e=f+g"), content("chk", 100_000))
			g.clients[by.other()].mustRead(t, dir+"/mdmf", content("mdmf", 2000))
		})
	}
	t.Run("immutable", func(t *testing.T) { g.immutableDirectories(t, by) })
}

// mustHold demands that a directory has the children that were put there: their names normalised, their capabilities and their
// metadata as they were given.
func mustHold(t *testing.T, got map[string]any, kids children) {
	t.Helper()
	if len(got) != len(kids) {
		t.Errorf("the directory has %d children, want %d", len(got), len(kids))
	}
	want := decode(t, encode(t, kids)).(map[string]any)
	for name, w := range want {
		given := w.([]any)[1].(map[string]any)
		pair, ok := got[norm.NFC.String(name)].([]any)
		if !ok {
			t.Errorf("the directory has no child %q", name)
			continue
		}
		is := pair[1].(map[string]any)
		meta, _ := given["metadata"].(map[string]any)
		if meta == nil {
			meta = map[string]any{}
		}
		if meta["no-write"] == true {
			delete(given, "rw_uri")
		}
		for _, key := range []string{"rw_uri", "ro_uri"} {
			if w, ok := given[key]; ok && w != is[key] {
				t.Errorf("child %q: %s is %v, want %v", name, key, is[key], w)
			}
		}
		sameJSON(t, "metadata of "+name, meta, is["metadata"], "tahoe")
	}
}

// mustDiminish demands that who may only read a directory is given no child's capability to write.
func (g *gateways) mustDiminish(t *testing.T, dir string) {
	t.Helper()
	for name, child := range g.list(t, g.clients[ours].readOnly(t, dir)) {
		if rw, ok := child.([]any)[1].(map[string]any)["rw_uri"]; ok {
			t.Errorf("by the read-only capability of the directory, child %q can be written: %v", name, rw)
		}
	}
}

// mustRefuse has the client link what may not be in a directory.
func (p *peer) mustRefuse(t *testing.T, dir string) {
	t.Helper()
	refused := children{
		"nobody knows what it allows":   link("lafs://from_the_future", "", ""),
		"to be read, they say":          link("", "ro.x-tahoe-future-test-writeable:one", ""),
		"never changes, and is written": link("lafs://from_the_future", "imm.lafs://for_ever", ""),
		"never changes, they say":       link("", "imm."+p.readOnly(t, dir), ""),
	}
	for name, k := range refused {
		a, err := p.ask(http.MethodPost, "uri/"+dir+"?t=set_children", encode(t, children{name: k}))
		if err != nil || a.status != http.StatusBadRequest {
			t.Errorf("a child %q: status %d (%v), want 400: %s", name, a.status, err, a.body)
		}
	}
}

// changes renames, unlinks, adds and describes children of a directory, and does the same to kids.
func (p *peer) changes(t *testing.T, dir string, kids children) {
	t.Helper()
	at := "uri/" + dir
	from, to := "日本語 🦀", "nouve\u0301 "+string(p.maker)
	p.do(t, http.MethodPost, at+"?"+url.Values{"t": {"rename"}, "from_name": {from}, "to_name": {to}}.Encode(), nil)
	kids[to] = kids[from]
	delete(kids, from)

	p.do(t, http.MethodDelete, at+"/"+url.PathEscape("with space"), nil)
	delete(kids, "with space")

	small := p.put(t, []byte("small"))
	p.do(t, http.MethodPut, at+"/with%20space?t=uri", []byte(small))
	kids["with space"] = link("", small, "")

	p.do(t, http.MethodPost, at+"?t=set_children", encode(t, children{"plain": link("", small, metadata[2]), "sdmf": kids["sdmf"]}))
	kids["plain"] = link("", small, metadata[2])

	p.do(t, http.MethodPost, at+"?"+url.Values{"t": {"rename"}, "from_name": {to}, "to_name": {from}}.Encode(), nil)
	kids[from] = kids[to]
	delete(kids, to)
}

// immutableDirectories are made by one client, and listed by both.
func (g *gateways) immutableDirectories(t *testing.T, by maker) {
	p := g.clients[by]
	kids := p.menagerie(t)
	for name, k := range kids {
		if fits(k) {
			continue
		}
		a, err := p.ask(http.MethodPost, "uri?t=mkdir-immutable", encode(t, children{name: k}))
		if err != nil || a.status != http.StatusBadRequest {
			t.Errorf("an immutable directory with the child %q: status %d (%v), want 400", name, a.status, err)
		}
		delete(kids, name)
	}
	dir := p.mkdir(t, "t=mkdir-immutable", kids)
	if !strings.HasPrefix(dir, "URI:DIR2-CHK:") || len(kids) < 7 {
		t.Errorf("the directory of %d children is %.16s…, want URI:DIR2-CHK:…", len(kids), dir)
	}
	kids["future to read"] = link("", "imm.lafs://snow_☃", "") // what is unknown and only read is taken at its place's word
	mustHold(t, g.list(t, dir), kids)
	g.clients[original].verify(t, dir, gatewayServers)
	if empty := p.mkdir(t, "t=mkdir-immutable", children{}); empty != "URI:DIR2-LIT:" {
		t.Errorf("the empty directory is %s, want URI:DIR2-LIT:", empty)
	}
	mustHold(t, g.list(t, "URI:DIR2-LIT:"), children{})
	mustHold(t, g.list(t, literalDirectory("é", "URI:LIT:")), children{"é": link("", "URI:LIT:", "")})
}

// fits says whether a child of the menagerie may be in an immutable directory.
func fits(child []any) bool {
	what := child[1].(map[string]any)
	ro, _ := what["ro_uri"].(string)
	_, writes := what["rw_uri"]
	return !writes && slices.ContainsFunc([]string{"URI:CHK:", "URI:LIT:", "URI:DIR2-CHK:", "URI:DIR2-LIT:", "ro.", "imm."},
		func(prefix string) bool { return strings.HasPrefix(ro, prefix) })
}

// literalDirectory is the capability of a directory with one child that it holds itself.
func literalDirectory(name, cap string) string {
	entry := bytes.Join([][]byte{netstring.Append(nil, []byte(name)), netstring.Append(nil, []byte(cap)), netstring.Append(nil, nil),
		netstring.Append(nil, []byte("{}"))}, nil)
	return "URI:DIR2-LIT:" + base32.Encode(netstring.Append(nil, entry))
}
