package health_test

import (
	"testing"

	"tahoe/lafs/health"
)

// What is told grows as it is noted, and nobody need listen.
func TestMeter(t *testing.T) {
	var told []health.Progress
	for _, m := range []*health.Meter{nil, health.NewMeter(func(p health.Progress) { told = append(told, p) })} {
		m.Note(func(p *health.Progress) { p.Asked = 2 })
		m.Answered(3)
		r := m.Reading(10)
		r.Verified(4)
		r.Verified(100)
		r.End()
	}
	want := health.Progress{Asked: 2, Answered: 1, Shares: 3, Verified: 10}
	if len(told) != 5 || told[2].Verified != 4 || told[4] != want {
		t.Errorf("got %+v, want %+v at the end", told, want)
	}
}
