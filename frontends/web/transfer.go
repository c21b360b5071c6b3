package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// find is a transfer by the end of its address, and nil when there is none, or it is forgotten.
func (h *history) find(id string) *transfer {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.active {
		if t.op.ID == id {
			return t
		}
	}
	for _, list := range h.recent {
		for _, t := range list {
			if t.op.ID == id {
				return t
			}
		}
	}
	return nil
}

func (t *transfer) index() *string {
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	return t.op.StorageIndex
}

// A transferState is a transfer at one moment.
type transferState struct {
	op             wapi.Operation
	bytes          int64
	started, ended time.Time
	facts          []fact
}

func (t *transfer) state() transferState {
	t.h.mu.Lock()
	defer t.h.mu.Unlock()
	return transferState{t.op, t.bytes, t.started, t.ended, t.facts}
}

// describe notes what an upload tells of itself at its end.
func (t *transfer) describe(res lafs.PutResult) {
	if _, ok := res.Cap.(interface{ Data() []byte }); ok || len(res.Sharemap) == 0 {
		return
	}
	facts := []fact{
		{"Shares sent", strconv.Itoa(res.Pushed)},
		{"Shares that were there already", strconv.Itoa(res.Preexisting)},
		{"Servers with a share of their own", strconv.Itoa(res.Happiness)},
		{"Reading and hashing took", brief(res.Timings.Hashing)},
		{"Finding servers took", brief(res.Timings.Placing)},
		{"Encoding and sending took", brief(res.Timings.Pushing)},
	}
	t.change(func() { t.facts = facts })
}

// brief is a length of time for people, to three digits.
func brief(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < time.Second:
		return strconv.FormatFloat(float64(d.Microseconds())/1e3, 'g', 3, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'g', 3, 64) + " s"
	}
	return lasting(d)
}

// serveTransfer answers requests to /status/ID and /status/ID/event_json.
func (s *Server) serveTransfer(w *recorder, r *http.Request, rest string) error {
	id, below, _ := strings.Cut(strings.TrimRight(rest, "/"), "/")
	kind, number, ok := strings.Cut(id, "-")
	if !ok {
		return badRequest("no '-' in '%s'", short(id))
	}
	if _, err := strconv.ParseUint(number, 10, 64); err != nil {
		return badRequest("'%s' is not the number of a transfer", short(number))
	}
	t := s.history.find(id)
	if t == nil || below != "" && below != "event_json" {
		return problem{status: http.StatusNotFound, text: "there is no '" + short(kind) + "-" + short(number) + "' here: only the last transfers are remembered"}
	}
	if below == "event_json" {
		return s.writeJSON(w, r, "text/plain", t.line.copy().json())
	}
	switch word := r.URL.Query().Get("t"); strings.ToLower(word) {
	case "json":
		return s.writeJSON(w, r, "application/json", t.state().op)
	case "events":
		return s.writeEvents(w, r, eventSource{"transfer", &s.history.bell, func() (any, bool) {
			st := t.state()
			return st.op, !st.ended.IsZero()
		}})
	case "", "html":
		return s.servePage(w, r, "transfer.html", transferPage(t.state(), t.line.copy(), s.c.Clock.Now()))
	default:
		return badRequest("Unknown t value: '%s'", short(word))
	}
}
