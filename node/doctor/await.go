package doctor

import (
	"context"
	"time"

	"tahoe/introducer"
	"tahoe/lafs/grid"
)

const (
	look  = 50 * time.Millisecond // between two looks
	quiet = time.Second           // for which nothing new is heard when an introducer has told all
)

// await waits until introducers and servers have answered or failed, and nothing new is heard for a while.
func (m *meeting) await(ctx context.Context, patience time.Duration) {
	end := time.Now().Add(patience)
	changed, last := time.Now(), -1
	for ctx.Err() == nil && time.Now().Before(end) {
		known, settled := m.settled()
		if known != last {
			changed, last = time.Now(), known
		}
		if settled && (m.intro == nil || time.Since(changed) > quiet) {
			return
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
		}
	}
}

// settled says how many answers there are, and whether all have answered or failed.
func (m *meeting) settled() (known int, settled bool) {
	settled = true
	for _, s := range m.links() {
		if s.Connected {
			known++
		}
		settled = settled && (s.Connected || s.LastErr != "")
	}
	for _, s := range m.broker.Statuses() {
		known++
		settled = settled && s.State != grid.NeverTried
	}
	return known, settled
}

func (m *meeting) links() []introducer.LinkStatus {
	if m.intro == nil {
		return nil
	}
	return m.intro.Statuses()
}
