package web

import (
	"context"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/vfs"
	"tahoe/internal/qr"
)

// visitorData is about who has signed in, for the head of the pages.
type visitorData struct {
	Name  string
	Usage string // of the quota; empty when there is none
}

// A removedRow is something that can be put back.
type removedRow struct{ ID, Name string }

func (v *visit) visitor(ctx context.Context) (*visitorData, error) {
	d := &visitorData{Name: v.account.Name}
	used, quota, err := v.view.Usage(ctx)
	if err == nil && quota > 0 {
		d.Usage = usageText(used, quota)
	}
	return d, err
}

func usageText(used, quota int64) string {
	return sizeText(uint64(used)) + " of " + sizeText(uint64(quota)) + " used"
}

// serveHomePage shows a directory of an account: the page of any directory, with addresses that are paths.
func (s *Server) serveHomePage(w *recorder, r *http.Request, rt route, v *visit, i vfs.Info) error {
	if !rt.slash {
		return redirect(w, r, homeAddress(rt.names)+"/")
	}
	rows, err := s.homeRows(r.Context(), v, homePath(rt.names))
	if err != nil {
		return err
	}
	visitor, err := v.visitor(r.Context())
	if err != nil {
		return err
	}
	data := directoryData{
		scripted: newScripted(), Title: homeTitle(rt.names), Kind: homeWord(i), Writeable: canWrite(i), Crumbs: crumbsOf(rt.names, homeAddress),
		Count: countText(len(rows)), Rows: len(rows), Home: visitor, NoShare: !v.mayShare(),
	}
	if data.Writeable && s.c.Uploads != nil {
		data.Place = homePlace(v.name(), rt.names)
	}
	if data.Writeable {
		data.Removed = v.removedFrom(homePath(rt.names))
	}
	return s.streamPage(w, r, longPage{"directory.top", "directory.bottom", data, func(p *pageStream) error { return writeRows(p, rows) }})
}

func homeTitle(names []string) string {
	if len(names) == 0 {
		return "Your files"
	}
	return names[len(names)-1]
}

func canWrite(i vfs.Info) bool { return i.Mode().Perm()&0o222 != 0 }

func homeWord(i vfs.Info) string {
	if canWrite(i) {
		return "can be changed"
	}
	return "read-only"
}

// homeRows are the entries of a directory, those on their way to the grid too.
func (s *Server) homeRows(ctx context.Context, v *visit, dir string) ([]entryRow, error) {
	states := make(map[string]vfs.State) // first: what arrives meanwhile is said to be on its way, once more
	for _, q := range v.view.Queue() {
		states[q.Path] = q.State
	}
	entries, err := v.view.List(ctx, dir)
	if err != nil {
		return nil, err
	}
	var rows []entryRow
	for i := range entries {
		rows = append(rows, s.homeRow(i, states[path.Join(dir, i.Name())]))
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	sortRows(rows)
	return rows, nil
}

func (s *Server) homeRow(i vfs.Info, state vfs.State) entryRow {
	name := pathElement(i.Name())
	row := entryRow{Name: i.Name(), key: strings.ToLower(i.Name()), Kind: "directory", Class: "dir", Open: "./" + name + "/", Info: "./" + name + "?t=info"}
	if t := i.ModTime(); !t.IsZero() {
		row.Modified, row.Stamp = t.UTC().Format(time.DateTime)[:16], t.Unix()
	}
	if !i.IsDir() {
		row.Kind, row.Class, row.class, row.Open = "file", s.fileClass(i.Name()), 1, "./"+name
		row.Size, row.Bytes = sizeText(uint64(i.Size())), strconv.FormatInt(i.Size(), 10)
	}
	if !canWrite(i) {
		row.Kind = "read-only " + row.Kind
	}
	if i.Waiting() {
		row.Kind, row.Waits, row.Modified = "on its way", true, stateText(state)
	}
	return row
}

// stateText is what is said of a file that the grid does not have yet.
func stateText(s vfs.State) string {
	switch s {
	case "":
		return "on its way"
	case vfs.Filling:
		return "being put together"
	case vfs.Retrying:
		return "waits to try again"
	}
	return string(s)
}

type entryData struct {
	scripted
	Title, Name string
	Visitor     *visitorData
	Facts       []fact
	Open, Save  template.URL // Save is empty for a directory
	Parent      template.URL // empty at the top
	Changes     bool         // its name may be changed
	Share       bool
}

// serveEntry shows what there is to know of a file or directory of an account, and what can be done with it.
func (s *Server) serveEntry(w *recorder, r *http.Request, rt route, v *visit, i vfs.Info) error {
	visitor, err := v.visitor(r.Context())
	if err != nil {
		return err
	}
	d := entryData{scripted: newScripted(), Title: homeTitle(rt.names), Visitor: visitor, Facts: homeFacts(i), Open: template.URL(homeAddress(rt.names)),
		Share: v.mayShare() && !i.Waiting()}
	if i.IsDir() {
		d.Open += "/"
	} else {
		d.Save = d.Open + "?save=true"
	}
	if n := len(rt.names); n > 0 {
		d.Name, d.Parent = rt.names[n-1], template.URL(homeAddress(rt.names[:n-1])+"/")
		above, err := v.view.Stat(r.Context(), homePath(rt.names[:n-1]))
		if err != nil {
			return err
		}
		d.Changes = canWrite(above)
	}
	return s.servePage(w, r, "entry.html", d)
}

func homeFacts(i vfs.Info) []fact {
	var facts []fact
	add := func(label, value string) { facts = append(facts, fact{label, value}) }
	if i.IsDir() {
		add("Kind", "directory, "+homeWord(i))
	} else {
		add("Kind", "file, "+homeWord(i))
		add("Size", exactSize(i.Size()))
	}
	if t := i.ModTime(); !t.IsZero() {
		add("Changed", t.UTC().Format(time.DateTime)+" UTC")
	}
	if t := i.Created(); !t.IsZero() && !i.Waiting() {
		add("First here", t.UTC().Format(time.DateTime)+" UTC")
	}
	if i.Waiting() {
		add("State", "on its way to the grid")
	}
	return facts
}

type shareData struct {
	scripted
	Title   string
	Visitor *visitorData
	Back    template.URL
	Caps    []capRow
}

// postShare shows the capabilities of an entry: nothing else on these pages does. It is asked for by POST, so that no link that
// somebody follows, and no page that is shown ahead of time, does so.
func (s *Server) postShare(p *post, v *visit) error {
	if !v.mayShare() {
		return problem{status: http.StatusForbidden, text: "this account may not hand on capabilities"}
	}
	names := p.rt.names
	if p.has("name") {
		name, err := p.homeName("name")
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	read, write, err := v.view.Capabilities(p.r.Context(), homePath(names))
	if err != nil {
		return err
	}
	visitor, err := v.visitor(p.r.Context())
	if err != nil {
		return err
	}
	d := shareData{scripted: newScripted(), Title: homeTitle(names), Visitor: visitor, Back: template.URL(homeAddress(names) + "?t=info")}
	name := ""
	if len(names) > 0 {
		name = names[len(names)-1]
	}
	d.Caps = append(d.Caps, drawn(capRowOf(p.r, "read", "To read it", read, name)))
	if write != nil {
		d.Caps = append(d.Caps, drawn(capRowOf(p.r, "write", "To read and change it", write, name)))
	}
	return s.servePage(p.w, p.r, "share.html", d)
}

// drawn has the QR code on the page itself rather than at an address, which would hold the capability.
func drawn(c capRow) capRow {
	c.Picture = ""
	if code, err := qr.Encode([]byte(c.Link)); err == nil { // a link that is too long has none
		c.Drawing = template.HTML(code.SVG())
	}
	return c
}
