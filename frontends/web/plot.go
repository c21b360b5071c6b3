package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tahoe/storage/crawler"
	"tahoe/storage/ledger"
	"tahoe/storage/meter"
)

// The size of a chart in its own units; the page scales it.
const (
	plotWidth  = 600.0
	plotHeight = 120.0
)

// A plot is a picture of figures, which a template draws as SVG. Lines and bars share the height; what they are is said in Label, for those
// who do not see them.
type plot struct {
	Label       string
	Line, Line2 string // points of a polyline
	Bars        []plotBar
	Most        string // what the top stands for
	From, To    string // what the ends of the lower edge stand for
}

type plotBar struct {
	X, Y, W, H string
	Title      string
}

// polyline is the points of a line through values of 0 to most at places of 0 to 1.
func polyline(x, y []float64, most float64) string {
	var b strings.Builder
	for k := range x {
		if k > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(coordinate(x[k]*plotWidth) + "," + coordinate(plotHeight*(1-part01(y[k], most))))
	}
	return b.String()
}

func part01(v, most float64) float64 {
	if most <= 0 {
		return 0
	}
	return min(1, max(0, v/most))
}

// bars are as wide as fits.
func bars(values []float64, most float64, title func(k int) string) []plotBar {
	out := make([]plotBar, 0, len(values))
	w := plotWidth / float64(max(1, len(values)))
	for k, v := range values {
		h := plotHeight * part01(v, most)
		out = append(out, plotBar{
			X: coordinate(float64(k) * w), Y: coordinate(plotHeight - h), W: coordinate(max(1, w-1)), H: coordinate(h), Title: title(k),
		})
	}
	return out
}

// spaceChart shows what shares took and what was left; nil when there is too little to show.
func spaceChart(samples []ledger.Sample, now time.Time) *plot {
	if len(samples) < 2 || samples[len(samples)-1].Avail > math.MaxInt64 {
		return nil
	}
	first, last := samples[0].Time, samples[len(samples)-1].Time
	span := last.Sub(first).Seconds()
	if span <= 0 {
		return nil
	}
	var x, used, avail []float64
	most := 0.0
	for _, s := range samples {
		x = append(x, s.Time.Sub(first).Seconds()/span)
		used, avail = append(used, float64(s.Used)), append(avail, float64(s.Avail))
		most = max(most, float64(s.Used), float64(s.Avail))
	}
	end := samples[len(samples)-1]
	return &plot{
		Label: fmt.Sprintf("Shares took %s %s, and take %s now; %s was left for more, and %s is now.",
			sizeText(uint64(max(0, samples[0].Used))), ago(first, now), sizeText(uint64(max(0, end.Used))), sizeText(samples[0].Avail), sizeText(end.Avail)),
		Line: polyline(x, used, most), Line2: polyline(x, avail, most), Most: sizeText(uint64(most)), From: ago(first, now), To: "now",
	}
}

// callCharts show the requests of the last hour, and how long they took.
func callCharts(minutes []meter.Minute) (calls, took plot) {
	var counts, p95, median []float64
	var mostCalls, mostTook float64
	var x []float64
	all := 0
	for k, m := range minutes {
		x = append(x, (float64(k)+0.5)/float64(len(minutes)))
		counts = append(counts, float64(m.Calls))
		p95, median = append(p95, m.P95.Seconds()), append(median, m.Median.Seconds())
		mostCalls, mostTook = max(mostCalls, float64(m.Calls)), max(mostTook, m.P95.Seconds())
		all += m.Calls
	}
	calls = plot{
		Label: fmt.Sprintf("%d requests in the last hour, at most %.0f in a minute.", all, mostCalls), Most: fmt.Sprintf("%.0f a minute", mostCalls),
		From: "an hour ago", To: "now",
		Bars: bars(counts, mostCalls, func(k int) string {
			return fmt.Sprintf("%s: %d requests", clockTime(minutes[k].Start), minutes[k].Calls)
		}),
	}
	took = plot{
		Label: fmt.Sprintf("In the worst minute of the last hour, one request in twenty took longer than %s.", milliseconds(mostTook)),
		Most:  milliseconds(mostTook), Line: polyline(x, p95, mostTook), Line2: polyline(x, median, mostTook), From: "an hour ago", To: "now",
	}
	return calls, took
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04") + " UTC" }

func milliseconds(s float64) string {
	if s >= 10 {
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.3g ms", s*1000)
}

// maxAge is the last day of the chart of ages; older leases are counted there.
const maxAge = 60

// ageChart shows how many days ago leases were renewed; nil without any.
func ageChart(a crawler.Ages) *plot {
	counts := make([]float64, maxAge+1)
	most, all := 0.0, int64(0)
	for day, n := range a {
		at := max(0, min(day, maxAge))
		counts[at] += float64(n)
		most, all = max(most, counts[at]), all+n
	}
	if all == 0 {
		return nil
	}
	return &plot{
		Label: fmt.Sprintf("%d leases by the days since they were renewed.", all), Most: fmt.Sprintf("%.0f leases", most), From: "renewed today",
		To:   fmt.Sprintf("%d days ago and more", maxAge),
		Bars: bars(counts, most, func(k int) string { return fmt.Sprintf("%d days ago: %.0f leases", k, counts[k]) }),
	}
}
