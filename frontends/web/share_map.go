package web

import (
	"fmt"
	"slices"
	"strings"

	"tahoe/internal/plural"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/health"
)

// A shareMap is a picture of where the shares of a file are: servers to the left, share numbers above.
type shareMap struct {
	Numbers []int
	Rows    []shareMapRow
	Quiet   string // servers that are not in it
}

type shareMapRow struct {
	Name  string
	Cells []shareCell
}

// A shareCell is how one share at one server is. Class picks its mark; it is empty where there is none.
type shareCell struct{ Class, Text string }

func (c *shareCell) set(class, text string) { c.Class, c.Text = class, text }

// shareMapOf draws what a check found. Last comes a row of what nobody has.
func shareMapOf(r *lafs.CheckResult) *shareMap {
	m := &shareMap{}
	for n := range r.Expected {
		m.Numbers = append(m.Numbers, n)
	}
	rows := map[grid.ServerID]*shareMapRow{}
	cell := func(s *grid.Server, n int) *shareCell {
		row := rows[s.ID()]
		if row == nil {
			row = &shareMapRow{Name: s.Name(), Cells: make([]shareCell, r.Expected)}
			rows[s.ID()] = row
		}
		if n < 0 || n >= r.Expected {
			return &shareCell{}
		}
		return &row.Cells[n]
	}
	missing := shareMapRow{Name: "Nobody", Cells: make([]shareCell, r.Expected)}
	for n := range missing.Cells {
		missing.Cells[n].set("missing", fmt.Sprintf("share %d is missing", n))
	}
	for _, s := range r.Shares {
		for _, server := range s.Servers {
			if s.Version != r.Version {
				cell(server, int(s.Num)).set("other", "of another version")
				continue
			}
			cell(server, int(s.Num)).set("good", "good")
			if int(s.Num) < len(missing.Cells) {
				missing.Cells[s.Num] = shareCell{}
			}
		}
	}
	mark := func(places []health.Place, class, text string) {
		for _, p := range places {
			if p.Share >= 0 {
				cell(p.Server, int(p.Share)).set(class, text)
			}
		}
	}
	mark(r.Failed, "other", "could not be read")
	mark(r.Incompatible, "other", "written by a later version")
	mark(r.Corrupt, "corrupt", "corrupt")
	m.collect(r, rows)
	if slices.ContainsFunc(missing.Cells, func(c shareCell) bool { return c.Class != "" }) {
		m.Rows = append(m.Rows, missing)
	}
	return m
}

// collect takes the servers that have shares, in the order of their names. Of the others it says how many there are.
func (m *shareMap) collect(r *lafs.CheckResult, rows map[grid.ServerID]*shareMapRow) {
	for _, row := range rows {
		m.Rows = append(m.Rows, *row)
	}
	slices.SortFunc(m.Rows, func(a, b shareMapRow) int { return naturally(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	empty, silent := 0, 0
	for _, s := range r.Responding {
		if rows[s.ID()] == nil {
			empty++
		}
	}
	for _, p := range r.Failed {
		if p.Share < 0 {
			silent++
		}
	}
	var says []string
	if empty > 0 {
		says = append(says, plural.Of(empty, "more server")+" answered and had none")
	}
	if silent > 0 {
		says = append(says, plural.Of(silent, "server")+" could not be asked")
	}
	if len(says) > 0 {
		m.Quiet = strings.Join(says, "; ") + "."
	}
}
