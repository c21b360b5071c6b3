package web

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
)

// A StorageNode tells of the storage of the node, without waiting for more than the disk.
type StorageNode interface {
	Storage() StorageReport
}

// A StorageReport is what a storage node knows of itself.
type StorageReport struct {
	NodeID        string // its Tub id
	Now           time.Time
	Space         disk.Space
	Usage         ledger.Usage
	Counted       time.Time // when the usage was last counted; zero: never
	Limits        ledger.Limits
	Trend         []ledger.Sample
	Counter       crawler.Progress
	CounterState  any
	Buckets       *int
	Leases        crawler.Report
	Advisories    []string // names of the newest
	AllAdvisories int
	Calls         meter.Counts
	Latencies     map[string]meter.Latencies
	Chart         []meter.Minute
}

// serveStorage answers requests to /storage.
func (s *Server) serveStorage(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if strings.Trim(rt.rest, "/") != "" {
		return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
	}
	if s.c.Storage == nil {
		return problem{status: http.StatusNotFound, text: "this node runs no storage server"}
	}
	switch t := r.URL.Query().Get("t"); strings.ToLower(t) {
	case "json":
		return s.writeJSON(w, r, "text/plain", storageAnswerOf(s.c.Storage.Storage()))
	case "", "html":
		return s.servePage(w, r, "storage.html", s.storagePage(s.c.Storage.Storage()))
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

// storageAnswer is GET /storage?t=json: what the original tells, and behind it what it does not.
type storageAnswer struct {
	Stats    map[string]*float64 `json:"stats"`
	Counter  any                 `json:"bucket-counter"`
	Leases   any                 `json:"lease-checker"`
	Progress crawler.Progress    `json:"lease-checker-progress"`

	CounterProgress crawler.Progress `json:"bucket-counter-progress"`
	Usage           usageAnswer      `json:"usage"`
	Trend           []trendAnswer    `json:"space-trend"`
	FullIn          *float64         `json:"full-in-seconds"` // null: not in sight
	Advisories      int              `json:"corruption-advisories"`
}

type usageAnswer struct {
	ledger.Usage
	Limit   *uint64           `json:"limit"` // null: none
	Limits  map[string]uint64 `json:"client-limits,omitempty"`
	Counted *float64          `json:"counted"` // null: never
}

type trendAnswer struct {
	Time  float64 `json:"time"`
	Used  int64   `json:"used"`
	Avail uint64  `json:"avail"`
}

func storageAnswerOf(r StorageReport) storageAnswer {
	a := storageAnswer{
		Stats: storageStats(r), Counter: r.CounterState, Leases: r.Leases.State(), Progress: r.Leases.Progress,
		CounterProgress: r.Counter, Usage: usageAnswer{Usage: r.Usage, Limits: maps.Clone(r.Limits.Clients)}, Advisories: r.AllAdvisories,
	}
	maps.DeleteFunc(a.Usage.Limits, func(_ string, limit uint64) bool { return limit == 0 })
	if r.Limits.Total > 0 {
		a.Usage.Limit = &r.Limits.Total
	}
	if !r.Counted.IsZero() {
		a.Usage.Counted = seconds(r.Counted)
	}
	for _, s := range r.Trend {
		a.Trend = append(a.Trend, trendAnswer{*seconds(s.Time), s.Used, s.Avail})
	}
	if d, ok := ledger.FullIn(r.Trend); ok {
		in := d.Seconds()
		a.FullIn = &in
	}
	return a
}

func seconds(t time.Time) *float64 {
	f := float64(t.UnixMilli()) / 1000
	return &f
}

// storagePrefix begins the names of all figures of a storage server.
const storagePrefix = "storage_server."

// storageStats are the figures of a storage server by the original's names.
func storageStats(r StorageReport) map[string]*float64 {
	out := map[string]*float64{}
	set := func(name string, v float64) { out[storagePrefix+name] = &v }
	set("allocated", float64(r.Space.Allocated))
	set("reserved_space", float64(r.Space.Reserved))
	if r.Space.Known {
		set("disk_total", float64(r.Space.Total))
		set("disk_used", float64(r.Space.Used))
		set("disk_free_for_root", float64(r.Space.Free))
		set("disk_free_for_nonroot", float64(r.Space.FreeToUse))
		set("disk_avail", float64(r.Space.Available))
	}
	accepting := 0.0
	if r.Space.Available > 0 {
		accepting = 1
	}
	set("accepting_immutable_shares", accepting)
	if r.Buckets != nil && *r.Buckets > 0 {
		set("total_bucket_count", float64(*r.Buckets))
	}
	for kind, l := range r.Latencies {
		name := "latencies." + kind + "."
		set(name+"samplesize", float64(l.Samples))
		out[storagePrefix+name+"mean"] = l.Mean
		for _, p := range l.Percentiles {
			out[storagePrefix+name+p.Name+"_percentile"] = p.Value
		}
	}
	for name, v := range map[string]int64{
		"shares.immutable": r.Usage.Immutable.Shares, "shares.mutable": r.Usage.Mutable.Shares,
		"bytes.immutable": r.Usage.Immutable.Bytes, "bytes.mutable": r.Usage.Mutable.Bytes, "corruption_advisories": int64(r.AllAdvisories),
	} {
		set(name, float64(v))
	}
	return out
}

// withStorage adds the figures of the storage server to those of the node.
func (s *Server) withStorage(st wapi.Statistics) wapi.Statistics {
	if s.c.Storage == nil {
		return st
	}
	r := s.c.Storage.Storage()
	maps.Copy(st.Stats, storageStats(r))
	for kind, n := range r.Calls.Calls {
		st.Counters[storagePrefix+kind] = float64(n)
	}
	st.Counters[storagePrefix+"bytes_added"] = float64(r.Calls.Bytes)
	return st
}
