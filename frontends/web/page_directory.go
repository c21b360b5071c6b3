package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"tahoe/caps"
	"tahoe/lafs"
)

type directoryData struct {
	scripted
	Title     string
	Kind      string
	Writeable bool
	ReadOnly  template.URL // of the same directory without the power to write; empty when this is it
	Place     string       // names the directory, and is no secret; empty where uploads cannot go on after a break
	Crumbs    []crumb      // the directories above this one, the outermost first
	Count     string       // how many entries there are
	Rows      int
	Home      *visitorData // who has signed in; nil for a directory that a capability led to
	NoShare   bool         // who has signed in may not hand on capabilities
	Removed   []removedRow // what was taken out of it lately, and can be put back
}

// A crumb leads to a directory on the path to this one.
type crumb struct {
	Name string
	Open template.URL
}

// serveListingPage shows a directory to people. Links and forms on the page are relative to an address that ends in a slash.
func (s *Server) serveListingPage(w *recorder, r *http.Request, rt route, d *lafs.Directory) error {
	if !rt.slash {
		return redirect(w, r, addressBelow(rt.cap, rt.names)+"/")
	}
	l, err := s.list(r.Context(), d)
	if err != nil {
		return err
	}
	data := directoryData{
		scripted: newScripted(), Title: directoryTitle(rt), Kind: directoryKind(d), Writeable: d.Writeable(),
		Crumbs: crumbsOf(rt.names, func(names []string) string { return addressBelow(rt.cap, names) }), Count: countText(l.Len()), Rows: l.Len(),
	}
	if ro, ok := caps.ReadOnly(d.Cap()); ok && d.Writeable() {
		data.ReadOnly = template.URL("/uri/" + escapeCap(ro.Encode()) + "/")
	}
	if index := indexOf(d.Cap()); s.c.Uploads != nil && index != nil {
		data.Place = *index
	}
	rows, err := s.entryRows(r.Context(), l)
	if err != nil {
		return err
	}
	return s.streamPage(w, r, longPage{"directory.top", "directory.bottom", data, func(p *pageStream) error { return writeRows(p, rows) }})
}

func directoryTitle(rt route) string {
	if len(rt.names) == 0 {
		return "Directory"
	}
	return rt.names[len(rt.names)-1]
}

func directoryKind(d *lafs.Directory) string {
	switch {
	case !d.Mutable():
		return "immutable"
	case !d.Writeable():
		return "read-only"
	}
	return "can be changed"
}

func countText(n int) string {
	switch n {
	case 0:
		return "nothing in it"
	case 1:
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// crumbsOf are links to the directories above the one that a path names.
func crumbsOf(names []string, address func(names []string) string) []crumb {
	var all []crumb
	name := "Top"
	for i, next := range names {
		all = append(all, crumb{name, template.URL(address(names[:i]) + "/")})
		name = next
	}
	return all
}

// addressBelow is the address of what has these names below a capability. It is made anew and not taken from a request, whose path
// may begin with two slashes: as an address that would name another host.
func addressBelow(text string, names []string) string {
	return below("/uri/"+escapeCap(text), names)
}

func below(root string, names []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, name := range names {
		b.WriteString("/" + pathElement(name))
	}
	return b.String()
}

// pathElement writes a name as one element of a path.
func pathElement(name string) string { return strings.ReplaceAll(url.PathEscape(name), ":", "%3A") }
