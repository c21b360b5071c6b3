package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
)

type directoryData struct {
	Title     string
	Index     string // first characters of the storage index
	Kind      string
	Writeable bool
	ReadOnly  template.URL // of the same directory without the power to write; empty when this is it
	Entries   []entryRow
	Problem   string // why there are no entries
}

type entryRow struct {
	Name     string
	Kind     string // a word for people
	Open     template.URL
	Save     template.URL
	Rename   template.URL
	Size     string
	Modified string
}

// serveListingPage shows a directory to people. Links and forms on the page are relative to an address that ends in a slash.
func (s *Server) serveListingPage(w *recorder, r *http.Request, rt route, d *lafs.Directory) error {
	if !rt.slash {
		return redirect(w, r, r.URL.EscapedPath()+"/")
	}
	l, err := s.list(r.Context(), d)
	if err != nil {
		return err
	}
	data := directoryData{
		Title: directoryTitle(rt), Index: caps.Abbrev(d.Cap()), Kind: directoryKind(d), Writeable: d.Writeable(),
		Entries: make([]entryRow, 0, l.Len()),
	}
	if ro, ok := caps.ReadOnly(d.Cap()); ok && d.Writeable() {
		data.ReadOnly = template.URL("/uri/" + escapeCap(ro.Encode()) + "/")
	}
	for e := range l.All() {
		data.Entries = append(data.Entries, entryRowOf(e))
	}
	return s.servePage(w, r, "directory.html", data)
}

func directoryTitle(rt route) string {
	if len(rt.names) == 0 {
		return "Directory"
	}
	return "Directory " + strings.Join(rt.names, "/")
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

// entryRowOf makes the links of an entry. Their parts are escaped here, colons too, which a template would take for the end of
// a scheme.
func entryRowOf(e lafs.Entry) entryRow {
	row := entryRow{Name: e.Name, Kind: "unknown", Size: "?", Rename: template.URL("?t=rename-form&name=" + url.QueryEscape(e.Name))}
	if t, ok := e.Metadata.LinkModified(); ok {
		row.Modified = t.UTC().Format(time.DateTime)
	}
	switch e.Kind() {
	case lafs.KindDirectory:
		row.Kind, row.Size = "directory", ""
		row.Open = template.URL("/uri/" + escapeCap(strongest(e.Child)) + "/")
	case lafs.KindFile:
		row.Kind = "file"
		if e.Mutable() {
			row.Kind = "mutable file"
		}
		if n := sizeOf(e.Cap()); n != nil {
			row.Size = sizeText(uint64(*n))
		}
		row.Open = template.URL("/file/" + escapeCap(strongest(e.Child)) + "/@@named=/" + url.PathEscape(e.Name))
		row.Save = row.Open + "?save=true"
	}
	return row
}

type renameData struct {
	Title, Name string
}

// serveRenameForm shows the form by which people rename a child.
func (s *Server) serveRenameForm(w *recorder, r *http.Request, d *lafs.Directory, name string) error {
	if !d.Writeable() {
		return lafs.ErrReadOnly
	}
	return s.servePage(w, r, "rename.html", renameData{Title: "Rename " + name, Name: name})
}

type manifestData struct {
	Title    string
	Finished bool
	Entries  []manifestRow
}

type manifestRow struct {
	Path, Cap string
	Open      template.URL
}

// manifestPage is what a walk has found. The operation's lock is held.
func manifestPage(op *operation) manifestData {
	d := manifestData{Title: "Manifest", Finished: op.finished, Entries: make([]manifestRow, 0, len(op.manifest))}
	for _, e := range op.manifest {
		row := manifestRow{Path: strings.Join(e.Path, "/"), Cap: e.Cap}
		if e.Cap != "" {
			row.Open = template.URL("/uri/" + escapeCap(e.Cap))
		}
		d.Entries = append(d.Entries, row)
	}
	return d
}
