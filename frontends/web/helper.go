package web

import (
	"maps"
	"net/http"
	"strings"

	"tahoe/frontends/web/wapi"
)

// A Helper is an upload helper, with the statistics of the original's: Stats has all, Counters those that only grow.
type Helper interface {
	Stats() map[string]float64
	Counters() map[string]float64
}

// serveHelper answers requests to /helper_status.
func (s *Server) serveHelper(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if strings.Trim(rt.rest, "/") != "" {
		return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
	}
	stats := map[string]float64{}
	if s.c.Helper != nil {
		stats = s.c.Helper.Stats()
	}
	switch t := r.URL.Query().Get("t"); strings.ToLower(t) {
	case "json":
		return s.writeJSON(w, r, "application/json", stats)
	case "", "html":
		return s.serveHelperPage(w, r, stats)
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

// statistics are those of the web port and of the helper.
func (s *Server) statistics() wapi.Statistics {
	all := s.history.statistics()
	if s.c.Helper == nil {
		return all
	}
	for name, v := range s.c.Helper.Stats() {
		all.Stats[name] = &v
	}
	maps.Copy(all.Counters, s.c.Helper.Counters())
	return all
}

type helperData struct {
	Title   string
	Running bool
	Groups  []statisticGroup
}

// helperWords say what a helper's statistics are to people, in the order of the page.
var helperWords = []struct {
	title string
	rows  []fact // of a name behind "chk_upload_helper." and what it is to people
}{
	{"Now", []fact{
		{Label: "active_uploads", Value: "Uploads that go on"},
		{Label: "incoming_count", Value: "Files that have come in part"}, {Label: "incoming_size", Value: "Bytes of files that have come in part"},
		{Label: "incoming_size_old", Value: "Bytes of those to which nothing came in two days"},
		{Label: "encoding_count", Value: "Files that wait for their shares to be placed"}, {Label: "encoding_size", Value: "Bytes of files that wait"},
		{Label: "encoding_size_old", Value: "Bytes of those that have waited for two days"},
	}},
	{"Since the node started", []fact{
		{Label: "upload_requests", Value: "Requests"}, {Label: "upload_already_present", Value: "Requests for files that were on the grid"},
		{Label: "upload_need_upload", Value: "Requests for files that were not"}, {Label: "resumes", Value: "Uploads that went on where they had broken off"},
		{Label: "fetched_bytes", Value: "Bytes fetched of clients"}, {Label: "encoded_bytes", Value: "Bytes of files whose shares were placed"},
	}},
}

const helperPrefix = "chk_upload_helper."

func (s *Server) serveHelperPage(w *recorder, r *http.Request, stats map[string]float64) error {
	d := helperData{Title: "Upload helper", Running: s.c.Helper != nil}
	if !d.Running {
		return s.servePage(w, r, "helper.html", d)
	}
	for _, g := range helperWords {
		group := statisticGroup{Title: g.title}
		for _, row := range g.rows {
			f := fact{Label: row.Value, Value: number(stats[helperPrefix+row.Label])}
			if strings.HasPrefix(row.Value, "Bytes") {
				f.Value = exactSize(int64(stats[helperPrefix+row.Label]))
			}
			group.Rows = append(group.Rows, f)
		}
		d.Groups = append(d.Groups, group)
	}
	return s.servePage(w, r, "helper.html", d)
}

// helpedText says on the home page how the node stands to the helper that it uses.
func (s *Server) helpedText() string {
	switch {
	case s.c.Helped == nil:
		return ""
	case s.c.Helped():
		return "Uploads go through an upload helper, which is connected."
	}
	return "The upload helper is not connected, so files are uploaded directly."
}
