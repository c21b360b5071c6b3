package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tahoe/storage"
)

// A chart is a timeline as a picture: time goes to the right, and each row is a server, a share, or pieces of the file that do not
// overlap. Numbers are in units of the picture.
type chart struct {
	Label         string // for those who do not see it
	Width, Height int
	Left          int // where time begins
	Bottom        int // where the axis is
	Rows          []chartRow
	Ticks         []chartTick
}

type chartRow struct {
	Text  string
	Y     int // of its middle
	Bars  []chartBar
	First bool // of a group, whose name is Text
}

// Top is where its bars begin.
func (r chartRow) Top() int { return r.Y - 5 }

type chartBar struct {
	X, Width string
	Class    string
	Title    string
}

type chartTick struct {
	X    string
	Text string
}

const (
	chartWidth = 960
	chartLeft  = 230
	chartRight = 28
	chartRowUp = 18
	chartTop   = 8
)

// chartOf draws a timeline. It is nil when nothing happened that could be drawn.
func chartOf(l *timeline, now time.Time) *chart {
	first, last := l.bounds()
	if first.IsZero() {
		return nil
	}
	for _, e := range l.calls {
		if e.ended.IsZero() { // it goes on
			last = later(last, now)
		}
	}
	c := &chart{Width: chartWidth, Left: chartLeft}
	s := scale{first, max(last.Sub(first), time.Microsecond)}
	c.add("Asked for its shares", l.queryRows(s, last))
	c.add("Bytes of shares", l.requestRows(s, last))
	c.add("Segments of the file", l.segmentRows(s))
	c.add("Wanted", l.readRows(s, last))
	c.Bottom = chartTop + len(c.Rows)*chartRowUp
	c.Height = c.Bottom + 24
	c.Ticks = s.ticks()
	c.Label = fmt.Sprintf("What happened when, in %s. The tables below say the same.", brief(s.all))
	return c
}

// add puts a group of rows below the others.
func (c *chart) add(name string, rows []chartRow) {
	if len(rows) == 0 {
		return
	}
	rows = append([]chartRow{{Text: name, First: true}}, rows...)
	for i := range rows {
		rows[i].Y = chartTop + (len(c.Rows)+i)*chartRowUp + chartRowUp/2
	}
	c.Rows = append(c.Rows, rows...)
}

// A scale says where a time is.
type scale struct {
	first time.Time
	all   time.Duration
}

func (s scale) x(t time.Time) float64 {
	return chartLeft + float64(t.Sub(s.first))/float64(s.all)*(chartWidth-chartLeft-chartRight)
}

// bar is what lasted from one time to another. What took no time can be seen all the same.
func (s scale) bar(began, ended time.Time, class, title string) chartBar {
	from, to := s.x(began), s.x(ended)
	return chartBar{coordinate(from), coordinate(max(to-from, 1.5)), class, title}
}

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// ticks are a few times with round numbers.
func (s scale) ticks() []chartTick {
	step := time.Microsecond
	for ten := step; s.all/step > 6; ten *= 10 { // 1, 2, 5, 10, 20 …
		for _, n := range []time.Duration{1, 2, 5} {
			if step = n * ten; s.all/step <= 6 {
				break
			}
		}
	}
	var ticks []chartTick
	for at := time.Duration(0); at <= s.all; at += step {
		ticks = append(ticks, chartTick{coordinate(s.x(s.first.Add(at))), brief(at)})
	}
	return ticks
}

func (e *callEvent) class() string {
	switch {
	case e.ended.IsZero():
		return "live"
	case e.answer.Err != nil:
		return "bad"
	}
	return "good"
}

// until is when it ended, or the end of the picture.
func (e *callEvent) until(last time.Time) time.Time {
	if e.ended.IsZero() {
		return last
	}
	return e.ended
}

func (l *timeline) queryRows(s scale, last time.Time) []chartRow {
	var rows []chartRow
	at := map[string]int{}
	for _, e := range l.calls {
		if !e.isQuery() {
			continue
		}
		i, ok := at[e.Server]
		if !ok {
			i = len(rows)
			at[e.Server], rows = i, append(rows, chartRow{Text: e.Name})
		}
		rows[i].Bars = append(rows[i].Bars, s.bar(e.began, e.until(last), e.class(), e.title()))
	}
	return rows
}

func (l *timeline) requestRows(s scale, last time.Time) []chartRow {
	var rows []chartRow
	at := map[string]int{}
	for _, e := range l.calls {
		if e.isQuery() {
			continue
		}
		name := e.Name + ", " + sharesText(e.Shares)
		i, ok := at[name]
		if !ok {
			i = len(rows)
			at[name], rows = i, append(rows, chartRow{Text: name})
		}
		rows[i].Bars = append(rows[i].Bars, s.bar(e.began, e.until(last), e.class(), e.title()))
	}
	slices.SortStableFunc(rows, func(a, b chartRow) int { return strings.Compare(a.Text, b.Text) })
	return rows
}

// title says what a call was about.
func (e *callEvent) title() string {
	text := fmt.Sprintf("%s: %s", e.Name, e.Op)
	if !e.ended.IsZero() {
		text += ", " + brief(e.ended.Sub(e.began))
	}
	if e.answer.Err != nil {
		text += ": " + e.answer.Err.Error()
	}
	return text
}

func sharesText(shares []storage.ShareNum) string {
	switch len(shares) {
	case 0:
		return "no share"
	case 1:
		return fmt.Sprintf("share %d", shares[0])
	}
	texts := make([]string, len(shares))
	for i, n := range shares {
		texts[i] = strconv.Itoa(int(n))
	}
	return "shares " + strings.Join(texts, ", ")
}

// segmentRows has each segment twice: lightly from when it began to be fetched, and fully while it was decoded.
func (l *timeline) segmentRows(s scale) []chartRow {
	var picker rowPicker
	var rows []chartRow
	for _, e := range l.segments {
		i := picker.pick(e.began, e.ended)
		if i == len(rows) {
			rows = append(rows, chartRow{})
		}
		class := "fetch"
		if e.failed {
			class = "bad"
		}
		rows[i].Bars = append(rows[i].Bars, s.bar(e.began, e.ended, class, e.title()))
		if e.Count == 1 && !e.fetched.IsZero() {
			rows[i].Bars = append(rows[i].Bars, s.bar(e.fetched, e.ended, "decode", e.title()))
		}
	}
	return rows
}

func (e segmentEvent) title() string {
	name := fmt.Sprintf("segment %d", e.Number)
	if e.Count > 1 {
		name = fmt.Sprintf("segments %d to %d", e.Number, e.Number+e.Count-1)
	}
	return fmt.Sprintf("%s, %s, in %s", name, sizeText(uint64(e.Span.Size)), brief(e.ended.Sub(e.began)))
}

func (l *timeline) readRows(s scale, last time.Time) []chartRow {
	var rows []chartRow
	for _, e := range l.reads {
		end, class := e.ended, "good"
		if end.IsZero() {
			end, class = last, "live"
		}
		title := fmt.Sprintf("%s from byte %d on", sizeText(uint64(e.span.Size)), e.span.Offset)
		rows = append(rows, chartRow{Text: title, Bars: []chartBar{s.bar(e.began, end, class, title)}})
	}
	return rows
}
