package web

import (
	"html/template"
	"strings"
)

type manifestData struct {
	scripted
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
	d := manifestData{scripted: newScripted(), Title: "Manifest", Finished: op.finished, Entries: make([]manifestRow, 0, len(op.manifest))}
	for _, e := range op.manifest {
		row := manifestRow{Path: strings.Join(e.Path, "/"), Cap: e.Cap}
		if e.Cap != "" {
			row.Open = template.URL("/uri/" + escapeCap(e.Cap))
		}
		d.Entries = append(d.Entries, row)
	}
	return d
}
