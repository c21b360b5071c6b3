package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/introducer"
	"tahoe/lafs/grid"
)

// serveRoot answers requests to /.
func (s *Server) serveRoot(w *recorder, r *http.Request) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if s.intro != nil {
		return s.serveIntroducer(w, r)
	}
	servers := sorted(s.grid.Statuses())
	switch t := r.URL.Query().Get("t"); t {
	case "json":
		return s.writeJSON(w, r, "application/json; charset=utf-8", welcomeAnswer(servers, s.c.Introducers()))
	case "", "html":
		return s.servePage(w, r, "welcome.html", s.welcomePage(r, servers))
	default:
		return badRequest("Unknown t value: '%s'", short(t))
	}
}

func welcomeAnswer(servers []grid.Status, introducers []introducer.LinkStatus) wapi.Welcome {
	answer := wapi.Welcome{Introducers: wapi.Introducers{Statuses: []string{}}, Servers: []wapi.Server{}}
	for _, st := range introducers {
		answer.Introducers.Statuses = append(answer.Introducers.Statuses, st.Text)
	}
	for _, st := range servers {
		answer.Servers = append(answer.Servers, serverAnswer(st))
	}
	return answer
}

func serverAnswer(st grid.Status) wapi.Server {
	a := wapi.Server{NodeID: string(st.ID), Nickname: st.Nickname, ConnectionStatus: st.Text()}
	if st.Version.Application != "" {
		a.Version = &st.Version.Application
	}
	if !st.LastSeen.IsZero() {
		a.AvailableSpace = &st.Version.Available
		seconds := float64(st.LastSeen.UnixMicro()) / 1e6
		a.LastReceivedData = &seconds
	}
	if c := st.Certification; c.Limited {
		a.Certificate = &wapi.Certificate{Valid: c.Valid}
		if !c.Expires.IsZero() {
			text := c.Expires.UTC().Format(time.RFC3339)
			a.Certificate.Expires = &text
		}
	}
	return a
}

// writeJSON writes an answer as the original lays it out.
func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, kind string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	writeBody(w, r, kind, http.StatusOK, b.Bytes())
	return nil
}
