package web

import (
	"net/http"
	"time"

	"tahoe/frontends/vfs"
)

type accountData struct {
	Visitor     *visitorData
	ReadOnly    bool
	Quota       bool
	Used, Limit int64
	UsageText   string
	Waiting     []waitingRow
	Ways        []wayRow
}

type wayRow struct {
	Title    string
	Note     string
	Commands []string
}

// serveAccount shows who has signed in, how much room there is, what is on its way, and how else to come in.
func (s *Server) serveAccount(w *recorder, r *http.Request, v *visit) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	used, quota, err := v.view.Usage(r.Context())
	if err != nil {
		return ofHome(err)
	}
	d := accountData{Visitor: &visitorData{Name: v.account.Name}, ReadOnly: v.account.ReadOnly, Quota: quota > 0, Used: min(used, quota), Limit: quota}
	d.UsageText = usageText(used, quota)
	for _, q := range v.view.Queue() {
		d.Waiting = append(d.Waiting, waitingRowOf(q, s.c.Clock.Now()))
	}
	if s.home.c.Ways != nil {
		for _, way := range s.home.c.Ways() {
			way = way.seenFrom(r)
			d.Ways = append(d.Ways, wayRow{way.Protocol, way.Note, way.Commands(v.account.Name)})
		}
	}
	return s.servePage(w, r, "account.html", d)
}

func waitingRowOf(q vfs.Waiting, now time.Time) waitingRow {
	row := waitingRow{Path: q.Path, Size: sizeText(uint64(q.Size)), Closed: ago(q.Closed, now), State: stateText(q.State), Error: q.LastError}
	if q.State == vfs.Retrying {
		row.Next = "in " + lasting(q.NextTry.Sub(now))
	}
	return row
}
