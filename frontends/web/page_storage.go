package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tahoe/internal/plural"
	"tahoe/storage/crawler"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
)

type storageData struct {
	Title, Nickname, NodeID string
	State, Accepting        string // a word for the style, a sentence for people
	Full                    string // when the space will be used up
	Space                   []fact
	SpaceChart              *plot
	Kinds, Clients          []usageRow
	Counted                 string
	Buckets, CounterWork    string
	Expiry                  []string
	LeaseWork               string
	Current, Last           []string
	Corrupt                 []crawler.CorruptShare
	Ages                    *plot
	PerShare                []fact
	Advisories              []string
	MoreAdvisories          int
	Calls                   []latencyRow
	CallChart, TookChart    plot
}

type usageRow struct {
	Name, Shares, Bytes, Limit string
	Part                       string // of the limit, from 0 to 1; empty without one
}

type latencyRow struct{ Kind, Count, Mean, Median, P95, P99 string }

func (s *Server) storagePage(r StorageReport) storageData {
	d := storageData{
		Title: "Storage", Nickname: s.c.Nickname, NodeID: r.NodeID, Space: spaceFacts(r), SpaceChart: spaceChart(r.Trend, r.Now),
		Kinds: kindRows(r), Clients: clientRows(r), Counted: "counted " + ago(r.Counted, r.Now), Buckets: "not counted yet",
		CounterWork: workText(r.Counter, r.Now), Expiry: expiryTexts(r.Leases.Policy), LeaseWork: workText(r.Leases.Progress, r.Now),
		Advisories: r.Advisories, MoreAdvisories: r.AllAdvisories - len(r.Advisories), Calls: latencyRows(r),
	}
	d.State, d.Accepting = acceptingText(r)
	if r.Counted.IsZero() {
		d.Counted = "not counted yet: what came before this program is not in it"
	}
	if r.Buckets != nil {
		d.Buckets = fmt.Sprint(*r.Buckets)
	}
	if in, ok := ledger.FullIn(r.Trend); ok {
		d.Full = "If it goes on as in the last week, the space is used up in about " + lasting(in) + "."
	}
	d.leases(r)
	d.CallChart, d.TookChart = callCharts(r.Chart)
	return d
}

func acceptingText(r StorageReport) (state, text string) {
	switch {
	case r.Space.ReadOnly && r.Space.Frozen:
		return "warn", "This server is read-only: it takes no new shares, and changes none."
	case r.Space.ReadOnly:
		return "warn", "This server takes no new immutable shares. Mutable files and directories that have a share here may change."
	case r.Space.Available == 0 && r.Limits.Total > 0 && uint64(max(0, r.Usage.Bytes())) >= r.Limits.Total:
		return "bad", "This server takes no new shares: they have reached the limit that is set for it."
	case r.Space.Available == 0:
		return "bad", "This server takes no new shares: no space is left that is not reserved."
	}
	return "good", "This server takes new shares."
}

// bytesText is a number of bytes for people; without limit where nobody can say.
func bytesText(n uint64) string {
	if n > 1<<62 {
		return "without limit"
	}
	return exactSize(int64(n))
}

func spaceFacts(r StorageReport) []fact {
	var out []fact
	if r.Space.Known {
		out = []fact{
			{"Size of the disk", bytesText(r.Space.Total)}, {"Used on it, by all programs", bytesText(r.Space.Used)},
			{"Free on it for the superuser", bytesText(r.Space.Free)}, {"Free on it for this node", bytesText(r.Space.FreeToUse)},
		}
	}
	out = append(out, fact{"Reserved, left free", bytesText(r.Space.Reserved)})
	if r.Limits.Total > 0 {
		out = append(out, fact{"Limit for all shares", bytesText(r.Limits.Total)})
	}
	return append(out, fact{"Being uploaded now", bytesText(r.Space.Allocated)}, fact{"Left for new shares", bytesText(r.Space.Available)})
}

func usageRowOf(name string, s ledger.Sum, limit uint64) usageRow {
	row := usageRow{Name: name, Shares: fmt.Sprint(max(0, s.Shares)), Bytes: sizeText(uint64(max(0, s.Bytes)))}
	if limit > 0 {
		row.Limit, row.Part = sizeText(limit), fmt.Sprintf("%.3f", part01(float64(s.Bytes), float64(limit)))
	}
	return row
}

func kindRows(r StorageReport) []usageRow {
	u := r.Usage
	all := ledger.Sum{Shares: u.Immutable.Shares + u.Mutable.Shares, Bytes: u.Bytes()}
	return []usageRow{usageRowOf("Immutable files", u.Immutable, 0), usageRowOf("Mutable files and directories", u.Mutable, 0), usageRowOf("All", all, r.Limits.Total)}
}

// clientRows are those who have a grant; and those who had one, and left shares here.
func clientRows(r StorageReport) []usageRow {
	names := slices.Collect(maps.Keys(r.Limits.Clients))
	for name := range r.Usage.Clients {
		if _, known := r.Limits.Clients[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []usageRow
	for _, name := range names {
		out = append(out, usageRowOf(name, r.Usage.Clients[name], r.Limits.Clients[name]))
	}
	return out
}

func workText(p crawler.Progress, now time.Time) string {
	cycle := ""
	if p.PerCycle != nil {
		cycle = ", a cycle takes about " + lasting(durationOf(p.PerCycle))
	}
	switch {
	case p.InProgress && p.TimeLeft != nil:
		return fmt.Sprintf("%.1f %% done, about %s left%s", *p.Percentage, lasting(durationOf(p.TimeLeft)), cycle)
	case p.InProgress:
		return fmt.Sprintf("%.1f %% done%s", *p.Percentage, cycle)
	case p.RemainingWait != nil:
		return "the next cycle begins in " + lasting(durationOf(p.RemainingWait)) + cycle
	}
	return "waiting" + cycle
}

func durationOf(s *float64) time.Duration { return time.Duration(*s * float64(time.Second)) }

func expiryTexts(p crawler.Policy) []string {
	out := []string{"Shares are kept when all their leases have ended: expiry is off, and the crawler only counts."}
	if p.Enabled {
		out[0] = "Shares are removed when all their leases have ended."
	}
	switch {
	case !p.Cutoff.IsZero():
		out = append(out, "A lease has ended when it was made or last renewed before "+p.Cutoff.UTC().Format("2 January 2006")+" (UTC).")
	case p.Override > 0:
		out = append(out, "A lease ends "+lasting(p.Override)+" after it was made or last renewed.")
	default:
		out = append(out, "A lease ends when it says so: 31 days after it was made or last renewed.")
	}
	switch {
	case p.Immutable && !p.Mutable:
		out = append(out, "This is so for immutable shares only.")
	case !p.Immutable && p.Mutable:
		out = append(out, "This is so for mutable shares only.")
	case !p.Immutable && !p.Mutable:
		out = append(out, "Neither kind of shares is to be removed, so nothing is.")
	}
	return out
}

// recoveredText says what a crawler found of one sort.
func recoveredText(r crawler.Recovered, what string) string {
	return fmt.Sprintf("%s in %s (%d mutable, %d immutable), %s on the disk", plural.Of(r[what+"-shares"], "share"), plural.Of(r[what+"-buckets"], "bucket"),
		r[what+"-shares-mutable"], r[what+"-shares-immutable"], sizeText(uint64(max(0, r[what+"-diskbytes"]))))
}

// perShareText is a number of leases.
func perShareText(n string) string {
	if n == "1" {
		return "1 lease"
	}
	return n + " leases"
}

// estimateText is recoveredText of guesses; empty when there are none.
func estimateText(e crawler.Estimates, what string) string {
	shares, buckets, bytes := e[what+"-shares"], e[what+"-buckets"], e[what+"-diskbytes"]
	if shares == nil || buckets == nil || bytes == nil {
		return ""
	}
	return fmt.Sprintf("%s in %s, %s", plural.Of(int64(*shares), "share"), plural.Of(int64(*buckets), "bucket"), sizeText(uint64(max(0, *bytes))))
}

// leases fills in what the lease checker knows.
func (d *storageData) leases(r StorageReport) {
	newest := crawler.Tally{}
	if past, ok := r.Leases.History.Last(); ok {
		newest = past.Tally
		d.Last = pastTexts(past, r.Now)
	}
	if c := r.Leases.Current; c != nil {
		d.Current = currentTexts(r.Leases)
		if len(d.Last) == 0 {
			newest = *c
		}
	}
	d.Corrupt = newest.Corrupt[:min(maxRows, len(newest.Corrupt))]
	d.Ages = ageChart(newest.Ages)
	for _, n := range slices.SortedFunc(maps.Keys(newest.PerShare), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }) {
		d.PerShare = append(d.PerShare, fact{perShareText(n), plural.Of(newest.PerShare[n], "share")})
	}
}

func pastTexts(p crawler.Past, now time.Time) []string {
	start, end := p.Times[0], p.Times[1]
	ended := time.UnixMilli(int64(end * 1000))
	out := []string{
		fmt.Sprintf("It ended %s, and took %s.", ago(ended, now), lasting(time.Duration((end-start)*float64(time.Second)))),
		"It looked at " + recoveredText(p.Space, "examined") + ".",
	}
	if p.Enabled {
		return append(out, "It removed "+recoveredText(p.Space, "actual")+".")
	}
	return append(out, "It removed nothing. With expiry on, it would have removed "+recoveredText(p.Space, "configured")+".")
}

func currentTexts(r crawler.Report) []string {
	out := []string{"So far it has looked at " + recoveredText(r.Current.Space, "examined") + "."}
	what := "actual"
	if r.Policy.Enabled {
		out = append(out, "It has removed "+recoveredText(r.Current.Space, what)+".")
	} else {
		what = "configured"
		out = append(out, "With expiry on, it would have removed "+recoveredText(r.Current.Space, what)+".")
	}
	for _, e := range []struct {
		text string
		e    crawler.Estimates
		what string
	}{
		{"The rest of it will probably find to remove: ", r.Left, what}, {"All of it will probably look at: ", r.Whole, "examined"},
		{"All of it will probably find to remove: ", r.Whole, what}, {"Leases that end after 31 days, and nothing else, would make that: ", r.Whole, "original"},
	} {
		if text := estimateText(e.e, e.what); text != "" {
			out = append(out, e.text+text+".")
		}
	}
	return out
}

// callWords say what the kinds of calls are to people.
var callWords = map[string]string{
	meter.Allocate: "Room for new shares", meter.Write: "Writes of new shares", meter.Close: "New shares completed", meter.Abort: "Uploads given up",
	meter.Get: "Searches for shares", meter.Read: "Reads of shares", meter.WriteV: "Changes of mutable shares", meter.ReadV: "Reads of mutable shares",
	meter.AddLease: "Leases made and renewed",
}

func latencyRows(r StorageReport) []latencyRow {
	var out []latencyRow
	for _, kind := range meter.Kinds() {
		n := r.Calls.Calls[kind]
		if n == 0 {
			continue
		}
		row := latencyRow{Kind: callWords[kind], Count: fmt.Sprint(n), Mean: tookText(r.Latencies[kind].Mean)}
		for _, p := range r.Latencies[kind].Percentiles {
			switch p.Name {
			case "50_0":
				row.Median = tookText(p.Value)
			case "95_0":
				row.P95 = tookText(p.Value)
			case "99_0":
				row.P99 = tookText(p.Value)
			}
		}
		out = append(out, row)
	}
	return out
}

func tookText(s *float64) string {
	if s == nil {
		return "too few"
	}
	return milliseconds(*s)
}
