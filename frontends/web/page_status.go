package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
)

type statusData struct {
	scripted
	Title          string
	Active, Recent []transferRow
	Checks         []transferRow // under way
	Checked        []transferRow
	Uploads        []uploadRow
}

// An uploadRow is an upload by tus for people.
type uploadRow struct {
	Size, State, Part, Kept string
	Why                     string // it is not on the grid
}

// uploadWords say what the states of uploads by tus are to people.
var uploadWords = map[string]string{
	wapi.UploadReceiving: "waits for the rest of it",
	wapi.UploadStoring:   "goes to the grid",
	wapi.UploadFailed:    "is here and not on the grid; it is tried again",
}

func uploadRowOf(u wapi.Upload, now time.Time) uploadRow {
	row := uploadRow{Size: "?", State: uploadWords[u.State], Kept: lasting(unixTime(u.Expires).Sub(now)), Why: u.Error}
	if u.Size != nil {
		row.Size = sizeText(uint64(*u.Size))
		row.Part = fmt.Sprintf("%.3f", *part(u.Received, *u.Size))
	}
	return row
}

// A transferRow is a transfer for people.
type transferRow struct {
	ID                        string // of its page
	Kind, Index, Size, Status string
	Part                      string // from 0 to 1; empty when nobody knows
	Bad                       bool
}

// transferWords say what the types of transfers are to people.
var transferWords = map[string]string{
	wapi.OperationUpload:   "Upload",
	wapi.OperationDownload: "Download",
	wapi.OperationPublish:  "Write of a mutable file",
	wapi.OperationRetrieve: "Read of a mutable file",
	wapi.OperationCheck:    "Check",
	wapi.OperationVerify:   "Check of every byte",
	wapi.OperationRepair:   "Repair",

	wapi.OperationMapupdate: "Search for versions of a mutable file",
}

func (s *Server) serveStatusPage(w *recorder, r *http.Request) error {
	st := s.history.status()
	d := statusData{scripted: newScripted(), Title: "Uploads, downloads and checks", Active: transferRows(st.Active), Recent: transferRows(st.Recent)}
	if c := st.Checks; c != nil {
		d.Checks, d.Checked = transferRows(c.Active), transferRows(c.Recent)
	}
	for _, u := range s.uploadsUnderWay() {
		d.Uploads = append(d.Uploads, uploadRowOf(u, s.c.Clock.Now()))
	}
	return s.servePage(w, r, "status.html", d)
}

func transferRows(ops []wapi.Operation) (rows []transferRow) {
	for _, op := range ops {
		rows = append(rows, transferRowOf(op))
	}
	return rows
}

func transferRowOf(op wapi.Operation) transferRow {
	row := transferRow{ID: op.ID, Kind: cmp.Or(transferWords[op.Type], op.Type), Index: "not known yet", Size: "?", Status: op.Status}
	if op.StorageIndex != nil {
		row.Index = *op.StorageIndex
	}
	if op.TotalSize != nil {
		row.Size = sizeText(uint64(*op.TotalSize))
	}
	if part := cmp.Or(op.Progress, op.ProgressPush); part != nil {
		row.Part = fmt.Sprintf("%.3f", *part)
	}
	if f := op.CheckFigures; f != nil && f.Summary != "" {
		row.Status = f.Summary
	}
	row.Bad = strings.HasPrefix(op.Status, "Failed")
	return row
}

type statisticsData struct {
	Title  string
	Groups []statisticGroup
}

type statisticGroup struct {
	Title string
	Rows  []fact
}

// serveStatisticsPage shows what has been counted. What this version has no words for is shown by its name.
func (s *Server) serveStatisticsPage(w *recorder, r *http.Request) error {
	st := s.statistics()
	d := statisticsData{Title: "Statistics", Groups: []statisticGroup{{Title: "Since the node started"}, {Title: "Now"}}}
	for _, name := range slices.Sorted(maps.Keys(st.Counters)) {
		d.Groups[0].Rows = append(d.Groups[0].Rows, statisticRow(name, st.Counters[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Stats)) {
		if v := st.Stats[name]; v != nil {
			d.Groups[1].Rows = append(d.Groups[1].Rows, statisticRow(name, *v))
		}
	}
	return s.servePage(w, r, "statistics.html", d)
}

// statisticWords say what statistics are to people.
var statisticWords = map[string]string{
	wapi.CounterFilesUploaded:   "Files uploaded",
	wapi.CounterBytesUploaded:   "Bytes uploaded",
	wapi.CounterFilesDownloaded: "Files downloaded",
	wapi.CounterBytesDownloaded: "Bytes downloaded",
	wapi.CounterFilesPublished:  "Mutable files and directories written",
	wapi.CounterBytesPublished:  "Bytes written to them",
	wapi.CounterFilesRetrieved:  "Mutable files and directories read",
	wapi.CounterBytesRetrieved:  "Bytes read of them",
	wapi.StatUptime:             "The node has run for",
}

func statisticRow(name string, v float64) fact {
	f := fact{Label: cmp.Or(statisticWords[name], name), Value: number(v)}
	switch {
	case strings.Contains(name, "bytes") && v >= 0:
		f.Value = exactSize(int64(v))
	case name == wapi.StatUptime:
		f.Value = lasting(time.Duration(v * float64(time.Second)))
	}
	return f
}
