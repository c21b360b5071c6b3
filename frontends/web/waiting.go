package web

import (
	"slices"
	"time"

	"tahoe/frontends/web/wapi"
)

// A waitingRow is a file on its way to the grid, for people.
type waitingRow struct {
	Path, Size, Closed string // the path only for its owner
	State              string
	Next               string // when it is tried again
	Error              string
}

type waitingData struct {
	Files       []waitingRow
	Used, Limit string
}

// waitingPage is nil when there is nothing to show.
func (s *Server) waitingPage(now time.Time) *waitingData {
	if s.c.Waiting == nil {
		return nil
	}
	all := s.c.Waiting()
	if len(all.Files) == 0 {
		return nil
	}
	d := &waitingData{Used: sizeText(uint64(all.Used)), Limit: sizeText(uint64(all.Limit))}
	for _, f := range all.Files {
		row := waitingRow{
			Size: sizeText(uint64(f.Size)), Closed: ago(unixTime(f.Closed), now), State: f.State, Error: f.Error,
		}
		if f.NextTry != nil {
			row.Next = "in " + lasting(unixTime(*f.NextTry).Sub(now))
		}
		d.Files = append(d.Files, row)
	}
	return d
}

func unixTime(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }

// statusAnswer is what the node does and has done, and what waits: whose files those are, and their names, for who shows the token only.
func (s *Server) statusAnswer(authorized bool) wapi.Status {
	answer := s.history.status()
	answer.Uploads = s.uploadsUnderWay()
	if s.c.Waiting != nil {
		w := s.c.Waiting()
		if !authorized {
			w.Files = slices.Clone(w.Files)
			for i := range w.Files {
				w.Files[i].Account, w.Files[i].Path = "", ""
			}
		}
		answer.Waiting = &w
	}
	return answer
}
