package web

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
)

type transferData struct {
	scripted
	Title   string
	ID      string
	Status  string
	Bad     bool
	Part    string // from 0 to 1; empty when nobody knows, or it is over
	Facts   []fact
	Chart   *chart
	Calls   []callRow
	Missed  int
	Pieces  []pieceRow
	Refresh bool // it goes on
}

// A callRow is something that a server was asked for, for people.
type callRow struct{ Server, What, About, Began, Took, Came, Error string }

// A pieceRow is a segment, for people.
type pieceRow struct{ Name, Range, Began, Fetched, Decoded, State string }

func transferPage(st transferState, l *timeline, now time.Time) transferData {
	row := transferRowOf(st.op)
	d := transferData{scripted: newScripted(), Title: row.Kind, ID: st.op.ID, Status: row.Status, Bad: row.Bad, Missed: l.missed, Chart: chartOf(l, now), Refresh: st.ended.IsZero()}
	if d.Refresh {
		d.Part = row.Part
	}
	d.Facts = append(transferFacts(st, row, now), st.facts...)
	first, _ := l.bounds()
	for _, e := range l.calls {
		d.Calls = append(d.Calls, callRowOf(e, first))
	}
	for _, e := range l.segments {
		d.Pieces = append(d.Pieces, pieceRowOf(e, first))
	}
	return d
}

func transferFacts(st transferState, row transferRow, now time.Time) []fact {
	facts := []fact{{"Storage index", row.Index}, {"Size", row.Size}, {"Began", st.started.UTC().Format(time.DateTime) + " UTC"}}
	took := now.Sub(st.started)
	if st.ended.IsZero() {
		facts = append(facts, fact{"Goes on for", brief(took)})
	} else {
		took = st.ended.Sub(st.started)
		facts = append(facts, fact{"Took", brief(took)})
	}
	if f := st.op.CheckFigures; f != nil {
		facts = append(facts, figureFacts(f)...)
	}
	if st.op.Mode != "" {
		facts = append(facts, fact{"Mode", modeText(st.op.Mode)})
	}
	if st.bytes > 0 && took > 0 {
		facts = append(facts, fact{"Rate", sizeText(uint64(float64(st.bytes)/took.Seconds())) + "/s"})
	}
	return facts
}

// figureFacts say how far a check is.
func figureFacts(f *wapi.CheckFigures) []fact {
	facts := []fact{
		{"Servers that have answered", fmt.Sprintf("%d of %d", f.ServersAnswered, f.ServersAsked)},
		{"Shares found", strconv.Itoa(f.SharesFound)},
	}
	if f.BytesToVerify > 0 {
		facts = append(facts, fact{"Read of them", sizeText(uint64(f.BytesVerified)) + " of " + sizeText(uint64(f.BytesToVerify))})
	}
	if f.BytesToPush > 0 {
		facts = append(facts, fact{"Sent of new ones", sizeText(uint64(f.BytesPushed)) + " of " + sizeText(uint64(f.BytesToPush))})
	}
	return facts
}

// modeText says how hard versions of a mutable file were looked for.
func modeText(mode string) string {
	switch mode {
	case "MODE_ANYTHING":
		return "until any version can be rebuilt"
	case "MODE_READ":
		return "for reading: some servers, and more where they disagree"
	case "MODE_WRITE":
		return "for writing: until enough servers in a row have nothing"
	}
	return "all servers"
}

func callRowOf(e callEvent, first time.Time) callRow {
	row := callRow{Server: e.Name, What: string(e.Op), Began: "+" + brief(e.began.Sub(first)), Took: "goes on"}
	if len(e.Shares) > 0 {
		row.About = sharesText(e.Shares)
	}
	if e.Span.Size > 0 {
		row.About = strings.TrimPrefix(row.About+fmt.Sprintf(", %s from byte %d on", sizeText(uint64(e.Span.Size)), e.Span.Offset), ", ")
	}
	if e.ended.IsZero() {
		return row
	}
	row.Took = brief(e.ended.Sub(e.began))
	switch {
	case e.answer.Err != nil:
		row.Error = e.answer.Err.Error()
	case e.answer.Bytes > 0:
		row.Came = sizeText(uint64(e.answer.Bytes))
	case e.isQuery():
		row.Came = sharesText(e.answer.Shares)
	}
	return row
}

func pieceRowOf(e segmentEvent, first time.Time) pieceRow {
	row := pieceRow{
		Name: strconv.Itoa(e.Number), Range: fmt.Sprintf("%d to %d", e.Span.Offset, max(e.Span.End()-1, e.Span.Offset)),
		Began: "+" + brief(e.began.Sub(first)), State: "good",
	}
	if e.Count > 1 {
		row.Name = fmt.Sprintf("%d to %d", e.Number, e.Number+e.Count-1)
	}
	if e.failed {
		row.State = "failed"
	}
	if !e.fetched.IsZero() {
		row.Fetched = "+" + brief(e.fetched.Sub(first))
		row.Decoded = brief(e.ended.Sub(e.fetched))
	}
	row.Fetched = cmp.Or(row.Fetched, "never")
	return row
}
