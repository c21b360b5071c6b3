package web_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web"
	"tahoe/storage/crawler"
	"tahoe/storage/disk"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
)

type storageOf struct{ r web.StorageReport }

func (s storageOf) Storage() web.StorageReport { return s.r }

func storageReport() web.StorageReport {
	ms, buckets, percentage, left, day := 0.005, 30, 25.0, 3600.0, 24*time.Hour
	r := web.StorageReport{
		NodeID: "tubidtubid", Now: epoch, Buckets: &buckets,
		Space:   disk.Space{Known: true, Total: 5e12, Used: 1e12, Free: 4e12, FreeToUse: 3e12, Reserved: 1e9, Available: 8e9, Allocated: 77},
		Usage:   ledger.Usage{Immutable: ledger.Sum{Shares: 40, Bytes: 2e9}, Mutable: ledger.Sum{Shares: 3, Bytes: 9000}, Clients: map[string]ledger.Sum{"alice": {Shares: 5, Bytes: 5e8}}},
		Counted: epoch.Add(-time.Hour), Limits: ledger.Limits{Total: 10e9, Clients: map[string]uint64{"alice": 1e9, "bob": 0}},
		CounterState: map[string]any{"last-complete-bucket-count": 30},
		Advisories:   []string{"2026-01-01T000000--aaaaaaaaaaaaaaaaaaaaaaaaaa-3"}, AllAdvisories: 5,
		Calls:     meter.Counts{Calls: map[string]int64{meter.Read: 12}, Bytes: 99},
		Latencies: map[string]meter.Latencies{meter.Read: {Samples: 12, Mean: &ms, Percentiles: []meter.Percentile{{Name: "50_0", Value: &ms}, {Name: "95_0"}, {Name: "99_9"}}}},
		Chart:     []meter.Minute{{Start: epoch, Calls: 12, Median: time.Millisecond, P95: time.Second}},
	}
	for k := range 48 {
		r.Trend = append(r.Trend, ledger.Sample{Time: epoch.Add(time.Duration(k-47) * time.Hour), Used: int64(k), Avail: uint64(8e9 + 1e8*(47-k))})
	}
	tally := crawler.Tally{
		Corrupt: []crawler.CorruptShare{{Index: "bbbbbbbbbbbbbbbbbbbbbbbbbb", Share: 7}}, Ages: crawler.Ages{0: 4, 70: 2}, PerShare: map[string]int64{"1": 40},
		Space: crawler.Recovered{"examined-shares": 43, "examined-buckets": 30, "actual-shares": 2, "actual-buckets": 1, "actual-diskbytes": 8192},
	}
	r.Leases = crawler.Report{
		Policy: crawler.Policy{Enabled: true, Immutable: true, Override: 60 * day}, Current: &tally,
		Progress: crawler.Progress{InProgress: true, Percentage: &percentage, TimeLeft: &left, PerCycle: &left},
		History:  crawler.History{"4": {Tally: tally, Enabled: true, Times: [2]float64{float64(epoch.Unix()) - 900, float64(epoch.Unix()) - 600}, Mode: []any{"age"}}},
	}
	return r
}

// TestStoragePage: every figure is on the page, in words, and the charts are well-formed.
func TestStoragePage(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Storage = storageOf{storageReport()} })
	resp := r.do(t, "GET", "/storage", nil)
	text := readAll(t, resp)
	if resp.StatusCode != 200 {
		t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
	for _, want := range []string{
		"takes new shares", "used up in about 3 days", "5.0 TB", "1.0 GB (1000000000 bytes)", "8.0 GB", "77 B", ">40<", "2.0 GB", "alice", "bob", "500 MB",
		"counted 60 min ago", "with a share here: 30", "A lease ends 60 days after", "immutable shares only", "25.0 % done, about 60 min left",
		"looked at 43 shares in 30 buckets", "removed 2 shares in 1 bucket", "8.2 kB", "It ended 10 min ago, and took 5 min", "bbbbbbbbbbbbbbbbbbbbbbbbbb",
		"2026-01-01T000000--aaaaaaaaaaaaaaaaaaaaaaaaaa-3", "And 4 more", "Reads of shares", "5 ms", "too few", "tubidtubid", "6 leases by the days",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	charts := strings.Count(text, "<svg viewBox=\"0 -2")
	if charts != 4 {
		t.Errorf("got %d charts, want those of space, ages, requests and times", charts)
	}
	for _, part := range strings.Split(text, "<figure")[1:] {
		d := xml.NewDecoder(strings.NewReader("<figure" + part[:strings.Index(part, "</figure>")] + "</figure>"))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a chart is not well-formed: %v", err)
			}
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
		t.Error("a figure of the page is none")
	}
}

// TestStorageStates: the first sentence says whether the server takes shares, and why not.
func TestStorageStates(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*web.StorageReport)
	}{
		{"limit reached", "reached the limit", func(r *web.StorageReport) { r.Space.Available, r.Usage.Immutable.Bytes = 0, 11e9 }},
		{"full", "no space is left", func(r *web.StorageReport) { r.Space.Available = 0 }},
		{"read-only", "takes no new immutable shares", func(r *web.StorageReport) { r.Space.ReadOnly = true }},
		{"frozen", "takes no new shares, and changes none", func(r *web.StorageReport) { r.Space.ReadOnly, r.Space.Frozen = true, true }},
		{"new", "takes new shares", func(r *web.StorageReport) {
			*r = web.StorageReport{Now: epoch, Space: disk.Space{Available: 1 << 63}, Trend: []ledger.Sample{{Time: epoch}}}
		}},
	} {
		report := storageReport()
		c.change(&report)
		r := newRig(t, func(cfg *web.Config) { cfg.Storage = storageOf{report} })
		if text := readAll(t, r.do(t, "GET", "/storage", nil)); !strings.Contains(text, c.want) {
			t.Errorf("%s: the page does not say %q", c.name, c.want)
		}
	}
}

// TestStorageJSON: what scripts know of the original is there, by its names.
func TestStorageJSON(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Storage = storageOf{storageReport()} })
	resp := r.do(t, "GET", "/storage?t=json", nil)
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
		t.Errorf("got content type %q, want text/plain as the original's", kind)
	}
	var got struct {
		Stats    map[string]*float64        `json:"stats"`
		Counter  map[string]any             `json:"bucket-counter"`
		Leases   map[string]json.RawMessage `json:"lease-checker"`
		Progress map[string]any             `json:"lease-checker-progress"`
		FullIn   *float64                   `json:"full-in-seconds"`
	}
	if err := json.Unmarshal([]byte(readAll(t, resp)), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"allocated": 77, "reserved_space": 1e9, "disk_total": 5e12, "disk_used": 1e12, "disk_free_for_root": 4e12, "disk_free_for_nonroot": 3e12,
		"disk_avail": 8e9, "accepting_immutable_shares": 1, "total_bucket_count": 30, "latencies.read.mean": 0.005, "latencies.read.samplesize": 12,
		"latencies.read.50_0_percentile": 0.005,
	} {
		if v := got.Stats["storage_server."+name]; v == nil || *v != want {
			t.Errorf("%s: got %v, want %v", name, v, want)
		}
	}
	if v, ok := got.Stats["storage_server.latencies.read.99_9_percentile"]; !ok || v != nil {
		t.Errorf("a percentile of too few samples: got %v, %t, want null", v, ok)
	}
	for _, name := range []string{"version", "last-cycle-finished", "current-cycle", "last-complete-prefix", "last-complete-bucket", "current-cycle-start-time",
		"history", "cycle-to-date", "estimated-remaining-cycle", "estimated-current-cycle"} {
		if _, ok := got.Leases[name]; !ok {
			t.Errorf("lease-checker has no %s", name)
		}
	}
	if got.Progress["cycle-complete-percentage"] != 25.0 || got.Counter["last-complete-bucket-count"] != 30.0 || got.FullIn == nil {
		t.Errorf("got %v, %v, full in %v", got.Progress, got.Counter, got.FullIn)
	}
	metrics := readAll(t, r.do(t, "GET", "/statistics?t=openmetrics", nil))
	for _, want := range []string{"tahoe_stats_storage_server_disk_avail 8000000000\n", "tahoe_counters_storage_server_read 12\n", "tahoe_counters_storage_server_bytes_added 99\n"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the figures for Prometheus do not say %q", want)
		}
	}
}
