package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tahoe/frontends/web/wapi"
)

// serveStatus answers requests to /status. Commands ask by POST.
func (s *Server) serveStatus(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if strings.Trim(rt.rest, "/") != "" {
		return s.serveTransfer(w, r, strings.TrimLeft(rt.rest, "/"))
	}
	switch t := r.URL.Query().Get("t"); strings.ToLower(t) {
	case "json":
		return s.writeJSON(w, r, "application/json", s.statusAnswer(s.authorized(r)))
	case "events":
		return s.writeEvents(w, r, eventSource{"status", &s.history.bell, func() (any, bool) { return s.statusAnswer(false), false }})
	case "", "html":
		return s.serveStatusPage(w, r)
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

// serveStatistics answers requests to /statistics.
func (s *Server) serveStatistics(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if strings.Trim(rt.rest, "/") != "" {
		return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
	}
	switch t := r.URL.Query().Get("t"); strings.ToLower(t) {
	case "json":
		return s.writeJSON(w, r, "text/plain", s.statistics())
	case "openmetrics":
		writeBody(w, r, "application/openmetrics-text; version=1.0.0; charset=utf-8", http.StatusOK, openMetrics(s.statistics()))
		return nil
	case "", "html":
		return s.serveStatisticsPage(w, r)
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

// openMetrics are statistics for Prometheus and its like.
func openMetrics(st wapi.Statistics) []byte {
	var b strings.Builder
	line := func(kind, name, value string) {
		fmt.Fprintf(&b, "tahoe_%s_%s %s\n", kind, strings.ReplaceAll(name, ".", "_"), value)
	}
	for _, name := range slices.Sorted(maps.Keys(st.Counters)) {
		line("counters", name, number(st.Counters[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Stats)) {
		value := "NaN"
		if v := st.Stats[name]; v != nil {
			value = number(*v)
		}
		line("stats", name, value)
	}
	b.WriteString("# EOF\n")
	return []byte(b.String())
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
