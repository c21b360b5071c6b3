package web

import (
	"cmp"
	"context"
	"errors"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"tahoe/lafs"
)

// An entryRow is an entry of a directory on its page. Nothing in it is escaped for HTML yet.
type entryRow struct {
	Name     string
	Class    string // picks the picture, and how the script shows the file
	Kind     string // a word for people
	Open     string // address; empty when there is nothing to open
	Info     string
	Size     string
	Bytes    string // the size in full, for sorting; empty when nobody knows it
	Modified string
	Stamp    int64  // the time in seconds, for sorting; 0 when nobody knows it
	Refused  string // why the operator does not let it be opened
	Waits    bool   // it is on its way to the grid: Modified says how far it has come

	class int    // directories come before files
	key   string // the name without regard to case
}

// writeRows writes the list. It is written by hand, because a template takes as long for ten thousand entries as all the rest.
func writeRows(p *pageStream, rows []entryRow) error {
	for _, row := range rows {
		p.buf = row.append(p.buf)
		if err := p.spill(); err != nil {
			return err
		}
	}
	return nil
}

// append writes a row. What comes from outside goes through esc, and all values of attributes are quoted.
func (row entryRow) append(b []byte) []byte {
	esc := html.EscapeString
	put := func(parts ...string) {
		for _, s := range parts {
			b = append(b, s...)
		}
	}
	name := esc(row.Name)
	put(`<li data-k="`, row.Class, `" data-n="`, row.Bytes, `" data-t="`)
	b = strconv.AppendInt(b, row.Stamp, 10)
	if row.Waits {
		put(`" data-w="`)
	}
	put(`"><input type="checkbox" aria-label="Select `, name, `"><i></i>`)
	switch {
	case row.Open != "":
		put(`<a class="name" href="`, esc(row.Open), `">`, name, `</a>`)
	case row.Refused != "":
		put(`<s class="name" title="`, esc(row.Refused), `">`, name, `</s>`)
	default:
		put(`<span class="name">`, name, `</span>`)
	}
	put(`<span class="kind">`, row.Kind, `</span><span class="size">`, row.Size, `</span><span class="time">`, row.Modified,
		`</span><a class="more" href="`, esc(row.Info), `" aria-label="More about `, name, "\">More</a></li>\n")
	return b
}

// entryRows are the rows of a directory as people look for them: directories first, and 2 before 10.
func (s *Server) entryRows(ctx context.Context, l *lafs.Listing) ([]entryRow, error) {
	rows := make([]entryRow, 0, l.Len())
	for e := range l.All() {
		rows = append(rows, s.entryRowOf(e))
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	sortRows(rows)
	return rows, nil
}

func sortRows(rows []entryRow) {
	slices.SortStableFunc(rows, func(a, b entryRow) int {
		return cmp.Or(cmp.Compare(a.class, b.class), naturally(a.key, b.key), cmp.Compare(a.Name, b.Name))
	})
}

// entryRowOf makes the links of an entry. Their parts are escaped here, colons too, which a template would take for the end of
// a scheme. A directory is opened by its name below this one, so that the page knows the way back.
func (s *Server) entryRowOf(e lafs.Entry) entryRow {
	row := entryRow{Name: e.Name, key: strings.ToLower(e.Name), Class: "unknown", Kind: "unknown", Size: "?", class: 1, Info: infoAddress(e)}
	if t, ok := e.Metadata.LinkModified(); ok {
		row.Modified, row.Stamp = t.UTC().Format(time.DateTime)[:16], t.Unix()
	}
	switch e.Kind() {
	case lafs.KindDirectory:
		row.Class, row.Kind, row.Size, row.class = "dir", directoryWord(e.Child), "", 0
		row.Open = directoryAddress(e)
	case lafs.KindFile:
		row.Class, row.Kind = s.fileClass(e.Name), fileWord(e.Child)
		if n := sizeOf(e.Cap()); n != nil {
			row.Size, row.Bytes = sizeText(uint64(*n)), strconv.FormatInt(*n, 10)
		}
		row.Open = fileAddress(strongest(e.Child), e.Name)
	}
	if refused, ok := errors.AsType[*lafs.ProhibitedError](s.store.MayOpen(e.Cap())); ok {
		row.Refused, row.Open = refused.Reason, ""
	}
	return row
}

// isStep says whether browsers take a name for a step within a path, however it is escaped.
func isStep(name string) bool { return name == "" || name == "." || name == ".." }

func directoryAddress(e lafs.Entry) string {
	if isStep(e.Name) {
		return "/uri/" + escapeCap(strongest(e.Child)) + "/"
	}
	return "./" + pathElement(e.Name) + "/"
}

func infoAddress(e lafs.Entry) string {
	if isStep(e.Name) {
		return "/uri/" + escapeCap(strongest(e.Child)) + "?t=info"
	}
	return "./" + pathElement(e.Name) + "?t=info"
}

func fileAddress(text, name string) string {
	if isStep(name) {
		return "/uri/" + escapeCap(text)
	}
	return "/file/" + escapeCap(text) + "/@@named=/" + pathElement(name)
}

func directoryWord(c lafs.Child) string {
	switch {
	case !c.Mutable():
		return "immutable directory"
	case c.Write == nil:
		return "read-only directory"
	}
	return "directory"
}

func fileWord(c lafs.Child) string {
	switch {
	case !c.Mutable():
		return "file"
	case c.Write == nil:
		return "read-only mutable file"
	}
	return "mutable file"
}

// fileClass is how a file of that name can be shown.
func (s *Server) fileClass(name string) string {
	kind, encoding := s.types.of(name)
	top, sub, _ := strings.Cut(kind, "/")
	switch {
	case encoding != "":
		return "packed"
	case top == "image", top == "audio", top == "video":
		return top
	case sub == "pdf":
		return "pdf"
	case sub == "zip", sub == "x-tar", sub == "x-rar-compressed", sub == "x-7z-compressed":
		return "packed"
	case top == "text", sub == "json", sub == "xml", sub == "javascript":
		return "text"
	}
	return "file"
}
