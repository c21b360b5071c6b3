package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
)

// A Keeper keeps files alive, and tells how they are.
type Keeper interface {
	Report() (wapi.Keeper, error)
	Brief() (wapi.Keeper, error) // without single files
	Pause() error
	Resume() error
	Now() error
}

// serveKeeper answers requests to /keeper. It names files by their paths, and shows no capability. Where people sign in, who reaches
// the port need not be the node's user: without the node's token he gets no path, and gives no orders.
func (s *Server) serveKeeper(w *recorder, r *http.Request, rt route) error {
	if strings.Trim(rt.rest, "/") != "" {
		return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
	}
	if s.c.Keeper == nil {
		return problem{status: http.StatusNotFound, text: "this node keeps no files alive: [keeper] enabled in its tahoe.cfg is false"}
	}
	if err := allow(r, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	stranger := s.home != nil && !s.authorized(r)
	if r.Method == http.MethodPost {
		if stranger {
			return unauthorized(w)
		}
		return s.orderKeeper(w, r)
	}
	k, err := s.c.Keeper.Report()
	if err != nil {
		return err
	}
	if stranger {
		k = withoutPaths(k)
	}
	switch t := r.URL.Query().Get("t"); strings.ToLower(t) {
	case "json":
		return s.writeJSON(w, r, "application/json; charset=utf-8", k)
	case "", "html":
		return s.servePage(w, r, "keeper.html", s.keeperPage(k, !stranger))
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

// withoutPaths names the root alone of each file.
func withoutPaths(k wapi.Keeper) wapi.Keeper {
	root := func(place string) string {
		if name, path, ok := strings.Cut(place, ":"); ok && path != "" {
			return name + ":…"
		}
		return place
	}
	k.AtRisk, k.History = slices.Clone(k.AtRisk), slices.Clone(k.History)
	for i := range k.AtRisk {
		k.AtRisk[i].Place = root(k.AtRisk[i].Place)
	}
	for i := range k.History {
		k.History[i].Place = root(k.History[i].Place)
	}
	return k
}

// orderKeeper does what t says. A browser comes back to the page.
func (s *Server) orderKeeper(w *recorder, r *http.Request) error {
	orders := map[string]func() error{wapi.KeeperPause: s.c.Keeper.Pause, wapi.KeeperResume: s.c.Keeper.Resume, wapi.KeeperNow: s.c.Keeper.Now}
	t := strings.ToLower(r.URL.Query().Get("t"))
	order, ok := orders[t]
	if !ok {
		return badRequest("Unknown t value: '%s'", short(t))
	}
	if err := order(); err != nil {
		return problem{status: http.StatusConflict, text: err.Error()}
	}
	if r.URL.Query().Get("when_done") == "/keeper" {
		return redirect(w, r, "/keeper")
	}
	writeText(w, r, "ok\n")
	return nil
}

type keeperData struct {
	scripted
	Title   string
	Tone    string
	Heading string
	K       wapi.Keeper
	Orders  bool // are taken
	Facts   []fact
	AtRisk  []keptRow
	More    int
	History []keeperRow
}

// A keptRow is a file at risk, for people.
type keptRow struct{ Place, State, Since, Shares, Plan, Error string }

type keeperRow struct{ At, Kind, Place, Text string }

// keeperHeadings say the level in a word or two, with its tone.
var keeperHeadings = map[string][2]string{
	"idle": {"Nothing is watched", "warn"}, "good": {"All is well", "good"}, "waiting": {"Waiting", "warn"}, "warning": {"Shares are missing", "warn"},
	"trouble": {"At risk", "bad"}, "loss": {"Files are lost", "bad"},
}

func (s *Server) keeperPage(k wapi.Keeper, orders bool) keeperData {
	now := s.c.Clock.Now()
	d := keeperData{scripted: newScripted(), Title: "Files kept alive", K: k, Orders: orders, Heading: keeperHeadings[k.Level][0], Tone: keeperHeadings[k.Level][1]}
	d.Facts = keeperFacts(k, now)
	for _, f := range k.AtRisk {
		d.AtRisk = append(d.AtRisk, keptRowOf(f, now))
	}
	d.More = k.By["damaged"] + k.By["unreachable"] + k.By["lost"] - len(k.AtRisk)
	for _, e := range k.History {
		d.History = append(d.History, keeperRow{ago(unixTime(e.At), now), e.Kind, e.Place, e.Text})
	}
	return d
}

func keptRowOf(f wapi.KeptFile, now time.Time) keptRow {
	row := keptRow{
		Place: f.Place, State: f.State, Since: ago(unixTime(f.Since), now), Shares: fmt.Sprintf("%d of %d, %d needed", f.Good, f.Total, f.Needed), Error: f.Error,
		Plan: "looked at again now",
	}
	if next := unixTime(f.Next).Sub(now); next > 0 {
		row.Plan = "looked at again in " + lasting(next)
	}
	return row
}

func keeperFacts(k wapi.Keeper, now time.Time) []fact {
	out := []fact{
		{"Watched", listOr(k.Watched, "nothing")},
		{"Files and directories", fmt.Sprint(k.Files)},
		{"Looked at now, or due", fmt.Sprint(k.Overdue)},
		{"The next look", whenOr(k.NextDue, now, "none")},
		{"Leases renewed", oldest(k, now)},
		{"Looked at every", everyText(k.CheckEvery)},
		{"Leases renewed every", everyText(k.RenewEvery)},
		{"Every byte verified every", everyText(k.VerifyEvery)},
		{"Last search", searchText(k, now)},
		{"Received, sent", exactSize(k.BytesIn) + ", " + exactSize(k.BytesOut)},
	}
	if len(k.Retiring) > 0 {
		text := strings.Join(k.Retiring, ", ") + ": no file needs them any more"
		if k.StillNeeded+k.Unchecked > 0 {
			text = fmt.Sprintf("%s: %d files still need them, %d are to be looked at", strings.Join(k.Retiring, ", "), k.StillNeeded, k.Unchecked)
		}
		out = append(out, fact{"Servers to be retired", text})
	}
	return out
}

func listOr(all []string, none string) string {
	if len(all) == 0 {
		return none
	}
	return strings.Join(all, ", ")
}

func whenOr(at *float64, now time.Time, none string) string {
	if at == nil {
		return none
	}
	if d := unixTime(*at).Sub(now); d > 0 {
		return "in " + lasting(d)
	}
	return "now"
}

func oldest(k wapi.Keeper, now time.Time) string {
	switch {
	case k.Files == 0:
		return "none"
	case k.OldestLease == nil:
		return "not yet of all files"
	}
	return "of all files within " + lasting(now.Sub(unixTime(*k.OldestLease)))
}

func everyText(seconds float64) string {
	if seconds == 0 {
		return "never"
	}
	return lasting(time.Duration(seconds * float64(time.Second)))
}

func searchText(k wapi.Keeper, now time.Time) string {
	switch {
	case k.Searching:
		return fmt.Sprintf("under way, %d found so far", k.Searched)
	case k.SearchedAt == nil:
		return "none yet"
	}
	return ago(unixTime(*k.SearchedAt), now) + ": " + k.SearchText
}

// keeperLine is the sentence of the home page; nil where no files are kept.
type keeperLine struct{ Tone, Sentence string }

func (s *Server) keeperLine() *keeperLine {
	if s.c.Keeper == nil {
		return nil
	}
	k, err := s.c.Keeper.Brief()
	if err != nil {
		return &keeperLine{"bad", "How the files are that this node keeps alive is not known: " + err.Error()}
	}
	return &keeperLine{keeperHeadings[k.Level][1], k.Sentence}
}

// keeperMetrics tell how the files are that are kept alive.
func (s *Server) keeperMetrics(m *metricText) error {
	if s.c.Keeper == nil {
		return nil
	}
	k, err := s.c.Keeper.Brief()
	if err != nil {
		return fmt.Errorf("ask the keeper: %w", err)
	}
	m.family("tahoe_keeper_files", "gauge", "Files and directories that are kept alive.")
	for _, state := range slices.Sorted(maps.Keys(k.By)) {
		m.value("tahoe_keeper_files", float64(k.By[state]), "state", state)
	}
	for _, x := range []struct {
		name, kind, help string
		value            float64
	}{
		{"repairs_failing", "gauge", "Files of which the last repair failed.", float64(k.Failing)},
		{"due", "gauge", "Files to be looked at now.", float64(k.Overdue)},
		{"still_needed_on_retiring_servers", "gauge", "Files that still need a server that is to be retired.", float64(k.StillNeeded)},
		{"paused", "gauge", "1 while nothing is kept.", truth(k.Paused)},
		{"out_of_reach", "gauge", "1 while too few servers are connected.", truth(k.OutOfReach)},
	} {
		m.family("tahoe_keeper_"+x.name, x.kind, x.help)
		m.value("tahoe_keeper_"+x.name, x.value)
	}
	m.family("tahoe_keeper_bytes", "counter", "Bytes from and to servers.")
	m.value("tahoe_keeper_bytes_total", float64(k.BytesIn), "direction", "received")
	m.value("tahoe_keeper_bytes_total", float64(k.BytesOut), "direction", "sent")
	if k.OldestLease != nil {
		m.family("tahoe_keeper_oldest_renewal_timestamp_seconds", "gauge", "When the leases were renewed of the file that waits longest.")
		m.value("tahoe_keeper_oldest_renewal_timestamp_seconds", *k.OldestLease)
	}
	return nil
}
