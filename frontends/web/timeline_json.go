package web

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"tahoe/storage"
)

// eventJSON is a timeline as the original's programs know it. Times are seconds since 1970. Events that overlap in time are in
// different rows, for who draws them.
type eventJSON struct {
	Misc      []any               `json:"misc"`
	Read      []readJSON          `json:"read"`
	Segment   []segmentJSON       `json:"segment"`
	Query     []queryJSON         `json:"dyhb"`
	Request   []requestJSON       `json:"block"`
	RowCounts []int               `json:"block_rownums"`
	Servers   map[string]serverID `json:"server_info"`
	Count     int                 `json:"num_serverids"`
	Names     map[string]string   `json:"serverids"`
	Bounds    struct {
		Min *float64 `json:"min"`
		Max *float64 `json:"max"`
	} `json:"bounds"`
	Missed int `json:"missed,omitempty"` // calls of servers of which nothing more is known
}

type serverID struct {
	Number int    `json:"num"`
	Color  string `json:"color"`
	Short  string `json:"short"`
}

type readJSON struct {
	Start   int64    `json:"start"`
	Length  int64    `json:"length"`
	Began   *float64 `json:"start_time"`
	Ended   *float64 `json:"finish_time"`
	Bytes   int64    `json:"bytes_returned"`
	Decrypt float64  `json:"decrypt_time"`
	Paused  float64  `json:"paused_time"`
	Row     int      `json:"row"`
}

type segmentJSON struct {
	Number  int      `json:"segment_number"`
	Count   int      `json:"segment_count"` // more than one where a long file's are told together
	Began   *float64 `json:"start_time"`
	Active  *float64 `json:"active_time"`
	Ended   *float64 `json:"finish_time"`
	Success bool     `json:"success"`
	Decode  *float64 `json:"decode_time"`
	Start   int64    `json:"segment_start"`
	Length  int64    `json:"segment_length"`
	Row     int      `json:"row"`
}

type queryJSON struct {
	Server  string             `json:"serverid"`
	Op      string             `json:"op"`
	Began   *float64           `json:"start_time"`
	Ended   *float64           `json:"finish_time"`
	Success *bool              `json:"success"`
	Shares  []storage.ShareNum `json:"response_shnums"`
	Row     int                `json:"row"`
}

type requestJSON struct {
	Server  string             `json:"serverid"`
	Op      string             `json:"op"`
	Share   storage.ShareNum   `json:"shnum"`
	Shares  []storage.ShareNum `json:"shnums"`
	Start   int64              `json:"start"`
	Length  int64              `json:"length"`
	Began   *float64           `json:"start_time"`
	Ended   *float64           `json:"finish_time"`
	Success *bool              `json:"success"`
	Bytes   *int64             `json:"response_length"`
	Row     [2]int             `json:"row"`
}

// seconds is a time as a number, and nil for none.
func secondsOf(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := float64(t.UnixMicro()) / 1e6
	return &s
}

// A rowPicker finds rows in which events do not overlap.
type rowPicker []time.Time // of each row the time from which on it is free; zero: it never is again

func (p *rowPicker) pick(began, ended time.Time) int {
	for i, free := range *p {
		if !free.IsZero() && began.After(free) {
			(*p)[i] = ended
			return i
		}
	}
	*p = append(*p, ended)
	return len(*p) - 1
}

func (l *timeline) json() eventJSON {
	out := eventJSON{
		Misc: []any{}, Read: []readJSON{}, Segment: []segmentJSON{}, Query: []queryJSON{}, Request: []requestJSON{}, RowCounts: []int{},
		Servers: map[string]serverID{}, Names: map[string]string{}, Missed: l.missed,
	}
	var reads, segments rowPicker
	for _, e := range l.reads {
		out.Read = append(out.Read, readJSON{
			Start: e.span.Offset, Length: e.span.Size, Began: secondsOf(e.began), Ended: secondsOf(e.ended), Bytes: e.bytes,
			Paused: e.paused.Seconds(), Row: reads.pick(e.began, e.ended),
		})
	}
	for _, e := range l.segments {
		s := segmentJSON{
			Number: e.Number, Count: e.Count, Began: secondsOf(e.began), Active: secondsOf(e.fetched), Ended: secondsOf(e.ended), Success: !e.failed,
			Start: e.Span.Offset, Length: e.Span.Size, Row: segments.pick(e.began, e.ended),
		}
		if !e.fetched.IsZero() {
			decode := e.ended.Sub(e.fetched).Seconds()
			s.Decode = &decode
		}
		out.Segment = append(out.Segment, s)
	}
	l.callsJSON(&out)
	first, last := l.bounds()
	out.Bounds.Min, out.Bounds.Max = secondsOf(first), secondsOf(last)
	return out
}

func (l *timeline) callsJSON(out *eventJSON) {
	var queries rowPicker
	requests := []rowPicker{}
	groups := map[string]int{}
	for _, e := range l.calls {
		out.name(e)
		var success *bool
		if ok := e.answer.Err == nil; !e.ended.IsZero() {
			success = &ok
		}
		if e.isQuery() {
			out.Query = append(out.Query, queryJSON{
				Server: e.Server, Op: string(e.Op), Began: secondsOf(e.began), Ended: secondsOf(e.ended), Success: success,
				Shares: notNil(e.answer.Shares), Row: queries.pick(e.began, e.ended),
			})
			continue
		}
		group, known := groups[e.Server]
		if !known {
			group = len(groups)
			groups[e.Server], requests = group, append(requests, rowPicker{})
		}
		r := requestJSON{
			Server: e.Server, Op: string(e.Op), Shares: notNil(e.Shares), Start: e.Span.Offset, Length: e.Span.Size,
			Began: secondsOf(e.began), Ended: secondsOf(e.ended), Success: success, Row: [2]int{group, requests[group].pick(e.began, e.ended)},
		}
		if len(e.Shares) > 0 {
			r.Share = e.Shares[0]
		}
		if success != nil && *success {
			r.Bytes = &e.answer.Bytes
		}
		out.Request = append(out.Request, r)
	}
	for _, rows := range requests {
		out.RowCounts = append(out.RowCounts, len(rows))
	}
}

// name counts a server among those that took part.
func (out *eventJSON) name(e callEvent) {
	if _, known := out.Servers[e.Server]; known {
		return
	}
	h := sha256.Sum256([]byte(e.Server))
	bright := func(b byte) byte { return b/2 + 0x80 }
	out.Servers[e.Server] = serverID{out.Count, fmt.Sprintf("#%02x%02x%02x", bright(h[0]), bright(h[1]), bright(h[2])), e.Name}
	out.Names[strconv.Itoa(out.Count)] = e.Name
	out.Count++
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
