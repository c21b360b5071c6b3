package report

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tahoe/frontends/web/wapi"
)

// ListOptions choose what a listing shows of each entry besides its name.
type ListOptions struct {
	Long, URI, ReadURI, Classify bool
	Now                          time.Time // its zone is that of the times in the listing
}

// recent is how long ago the time of day is more telling than the year.
const recent = 180 * 24 * time.Hour

// Listing is a line for each child.
func Listing(children []wapi.Child, o ListOptions) []string {
	var rows [][]string
	for _, c := range children {
		rows = append(rows, o.row(c))
	}
	return align(rows)
}

func (o ListOptions) row(c wapi.Child) []string {
	var row []string
	if o.Long {
		row = append(row, permissions(c.Node), sizeOf(c.Node), o.date(c.Node))
	}
	name := Name(c.Name)
	if o.Classify {
		name += class(c.Node)
	}
	row = append(row, name)
	if o.URI {
		row = append(row, Name(c.URI()))
	}
	if o.ReadURI {
		row = append(row, orDash(Name(c.ReadURI)))
	}
	return row
}

func permissions(n wapi.Node) string {
	p := []byte("?---")
	switch n.Kind {
	case wapi.KindDirectory:
		p[0], p[3] = 'd', 'x'
	case wapi.KindFile:
		p[0] = '-'
	}
	if n.ReadURI != "" {
		p[1] = 'r'
	}
	if n.WriteURI != "" {
		p[2] = 'w'
	}
	return string(p)
}

func sizeOf(n wapi.Node) string {
	switch {
	case n.Kind == wapi.KindDirectory:
		return "-"
	case n.Kind != wapi.KindFile || n.Size == nil:
		return "?"
	}
	return strconv.FormatInt(*n.Size, 10)
}

// date is when the entry was made.
func (o ListOptions) date(n wapi.Node) string {
	created, _ := n.LinkTimes()
	switch {
	case created.IsZero():
		return "-"
	case o.Now.Sub(created) > recent:
		return created.In(o.Now.Location()).Format("Jan 02  2006")
	}
	return created.In(o.Now.Location()).Format("Jan 02 15:04")
}

func class(n wapi.Node) string {
	switch {
	case n.Kind == wapi.KindDirectory:
		return "/"
	case n.Kind != wapi.KindFile:
		return "?"
	case n.WriteURI != "":
		return "*"
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// align makes columns: capabilities begin, all else ends in the same place, but a column that is alone begins there.
func align(rows [][]string) []string {
	var widths []int
	var left []bool
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, left = append(widths, 0), append(left, len(row) == 1)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			left[i] = left[i] || strings.HasPrefix(cell, "URI")
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if cells[i] = pad + cell; left[i] {
				cells[i] = cell + pad
			}
		}
		lines[n] = strings.TrimRight(strings.Join(cells, " "), " ")
	}
	return lines
}
