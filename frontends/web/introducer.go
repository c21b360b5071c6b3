package web

import (
	"net/http"
	"strings"
	"time"

	"tahoe/introducer"
)

// An Introducer tells what it knows, without waiting. An introducer.Server is one.
type Introducer interface {
	Status() introducer.ServerStatus
}

// NewIntroducer makes the server of an introducer's node, which has no files.
func NewIntroducer(i Introducer, c Config) *Server {
	s := New(nil, nil, c)
	s.intro = i
	return s
}

// introducerAnswer is GET /?t=json of an introducer.
type introducerAnswer struct {
	Subscriptions map[string]int `json:"subscription_summary"`
	Announcements map[string]int `json:"announcement_summary"`
}

// serveIntroducer answers requests to / of an introducer.
func (s *Server) serveIntroducer(w *recorder, r *http.Request) error {
	st := s.intro.Status()
	switch t := r.URL.Query().Get("t"); t {
	case "json":
		var a introducerAnswer
		a.Announcements, a.Subscriptions = st.Summary()
		return s.writeJSON(w, r, "application/json; charset=utf-8", a)
	case "", "html":
		return s.servePage(w, r, "introducer.html", s.introducerPage(st))
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

type introducerData struct {
	Nickname, NodeID, Version  string
	Announcements, Subscribers []announcedRow
	More, MoreSubscribers      int // rows that are left out
	Counts                     introducer.Counts
}

// maxRows is how many rows a table of strangers has.
const maxRows = 1000

type announcedRow struct {
	Name, ID       string
	Service        string
	Where, Version string
	Since          string
	Gone           bool
}

func (s *Server) introducerPage(st introducer.ServerStatus) introducerData {
	d := introducerData{Nickname: s.c.Nickname, NodeID: s.c.NodeID, Version: s.c.Version, Counts: st.Counts}
	now := s.c.Clock.Now()
	for _, a := range st.Announcements[:min(maxRows, len(st.Announcements))] {
		d.Announcements = append(d.Announcements, announcedRow{
			Name: named(a.Nickname), ID: a.Key, Service: a.Service, Where: strings.Join(a.Hints, " "), Version: a.Version,
			Since: ago(a.Since, now), Gone: !a.Here,
		})
	}
	for _, sub := range st.Subscribers[:min(maxRows, len(st.Subscribers))] {
		d.Subscribers = append(d.Subscribers, announcedRow{
			Name: named(sub.Nickname), ID: sub.TubID, Service: sub.Service, Where: sub.Address, Version: sub.Version, Since: ago(sub.Since, now),
		})
	}
	d.More, d.MoreSubscribers = len(st.Announcements)-len(d.Announcements), len(st.Subscribers)-len(d.Subscribers)
	return d
}

func named(nickname string) string {
	if nickname == "" {
		return "(no nickname)"
	}
	return nickname
}

// An introducerRow is an introducer on the page of a client.
type introducerRow struct {
	Name, State, Status, Since, Why string
}

func introducerRowOf(st introducer.LinkStatus, now time.Time) introducerRow {
	row := introducerRow{Name: st.Name, State: "bad", Status: st.Text, Why: st.LastErr}
	if st.Connected {
		row.State, row.Since = "good", "for "+lasting(now.Sub(st.Since))
	}
	return row
}
