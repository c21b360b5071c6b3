package web

import (
	"fmt"
	"maps"
	"net/http"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/lafs/grid"
)

const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

// requestCounts are the requests answered so far, by the first digit of their status.
type requestCounts struct {
	class   [6]atomic.Int64
	seconds atomic.Int64 // in nanoseconds
}

func (c *requestCounts) add(status int, took time.Duration) {
	if i := status / 100; i > 0 && i < len(c.class) {
		c.class[i].Add(1)
	}
	c.seconds.Add(int64(took))
}

// serveMetrics answers requests to /metrics, for Prometheus and its like.
func (s *Server) serveMetrics(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	var m metricText
	m.family("tahoe_build", "info", "What runs.")
	m.value("tahoe_build_info", 1, "version", s.c.Version)
	m.family("tahoe_uptime_seconds", "gauge", "How long the web port has been served.")
	m.value("tahoe_uptime_seconds", s.c.Clock.Now().Sub(s.history.since).Seconds())
	if s.intro == nil {
		s.transferMetrics(&m)
		gridMetrics(&m, s.grid.Statuses(), s.c.Encoding)
	} else {
		s.introducerMetrics(&m)
	}
	if err := s.keeperMetrics(&m); err != nil {
		return err
	}
	s.requestMetrics(&m)
	runtimeMetrics(&m)
	m.b.WriteString("# EOF\n")
	writeBody(w, r, openMetricsType, http.StatusOK, []byte(m.b.String()))
	return nil
}

// metricText is text in the form of OpenMetrics.
type metricText struct{ b strings.Builder }

func (m *metricText) family(name, kind, help string) {
	fmt.Fprintf(&m.b, "# TYPE %s %s\n# HELP %s %s\n", name, kind, name, help)
}

// value writes a line; labels are names and values in turn.
func (m *metricText) value(name string, v float64, labels ...string) {
	m.b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		m.b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		m.b.WriteString(labels[i] + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		m.b.WriteByte('}')
	}
	m.b.WriteString(" " + number(v) + "\n")
}

// transferMetrics count what /statistics counts, by the type of the transfer.
func (s *Server) transferMetrics(m *metricText) {
	s.history.mu.Lock()
	counters, active := maps.Clone(s.history.counters), map[string]int{}
	for t := range s.history.active {
		active[t.op.Type]++
	}
	s.history.mu.Unlock()
	types := slices.Sorted(maps.Keys(counted))
	m.family("tahoe_transfers", "counter", "Transfers that succeeded.")
	for _, kind := range types {
		m.value("tahoe_transfers_total", counters[counted[kind].files], "type", kind)
	}
	m.family("tahoe_transferred_bytes", "counter", "Bytes of files that were transferred.")
	for _, kind := range types {
		m.value("tahoe_transferred_bytes_total", counters[counted[kind].bytes], "type", kind)
	}
	m.family("tahoe_transfers_active", "gauge", "Transfers under way.")
	for _, kind := range append(types, wapi.OperationMapupdate) {
		m.value("tahoe_transfers_active", float64(active[kind]), "type", kind)
	}
}

func gridMetrics(m *metricText, all []grid.Status, e Encoding) {
	o := outlookOf(all, e)
	var room float64
	for _, st := range all {
		if accepts(st) {
			room += float64(st.Version.Available)
		}
	}
	for _, g := range []struct {
		name, help string
		v          float64
	}{
		{"tahoe_servers_known", "Storage servers that the node knows of.", float64(o.Servers)},
		{"tahoe_servers_connected", "Storage servers that are connected.", float64(o.Connected)},
		{"tahoe_servers_accepting", "Storage servers that would take shares.", float64(o.Accepting)},
		{"tahoe_servers_needed", "Storage servers that an upload needs.", float64(max(e.Happy, 1))},
		{"tahoe_servers_available_bytes", "What servers that would take shares say they have room for, in shares.", room},
		{"tahoe_upload_possible", "1 when an upload would succeed now.", truth(o.CanPut)},
	} {
		m.family(g.name, "gauge", g.help)
		m.value(g.name, g.v)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (s *Server) introducerMetrics(m *metricText) {
	announcements, subscriptions := s.intro.Status().Summary()
	for _, g := range []struct {
		name, help string
		counts     map[string]int
	}{
		{"tahoe_announcements", "Announcements, by service.", announcements},
		{"tahoe_subscriptions", "Subscriptions, by service.", subscriptions},
	} {
		m.family(g.name, "gauge", g.help)
		for _, service := range slices.Sorted(maps.Keys(g.counts)) {
			m.value(g.name, float64(g.counts[service]), "service", short(service))
		}
	}
}

func (s *Server) requestMetrics(m *metricText) {
	m.family("tahoe_web_requests", "counter", "Requests to the web port that were answered, by status.")
	total := int64(0)
	for i := 1; i < len(s.requests.class); i++ {
		n := s.requests.class[i].Load()
		total += n
		m.value("tahoe_web_requests_total", float64(n), "status", strconv.Itoa(i)+"xx")
	}
	m.family("tahoe_web_request_seconds", "summary", "How long they took.")
	m.value("tahoe_web_request_seconds_sum", time.Duration(s.requests.seconds.Load()).Seconds())
	m.value("tahoe_web_request_seconds_count", float64(total))
}

// runtimeMetrics are about the process, which may be that of several nodes.
func runtimeMetrics(m *metricText) {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples)
	for i, name := range []string{"tahoe_process_goroutines", "tahoe_process_memory_bytes", "tahoe_process_heap_bytes"} {
		m.family(name, "gauge", []string{"Goroutines.", "Memory that the process has from the system.", "Memory in use by objects."}[i])
		m.value(name, float64(samples[i].Value.Uint64()))
	}
}

// serveReady answers requests to /readyz: whether an upload would succeed now. An introducer is ready as soon as it answers.
func (s *Server) serveReady(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if s.intro != nil {
		writeText(w, r, "ok\n")
		return nil
	}
	o := outlookOf(s.grid.Statuses(), s.c.Encoding)
	if !o.CanPut {
		return problem{status: http.StatusServiceUnavailable, text: o.Put, plain: true}
	}
	writeText(w, r, "ok\n")
	return nil
}
