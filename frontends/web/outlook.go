package web

import (
	"fmt"

	"tahoe/lafs/grid"
)

// An outlook says in plain words what the grid is good for now.
type outlook struct {
	Servers   int
	Connected int
	Accepting int
	CanPut    bool
	CanGet    bool
	Put       string
	Why       []string // what stands in the way of uploads
	Get       string
}

func accepts(st grid.Status) bool {
	return st.State == grid.Connected && st.Version.MaxImmutableShare > 0
}

func outlookOf(servers []grid.Status, e Encoding) outlook {
	o := outlook{Servers: len(servers)}
	for _, st := range servers {
		if st.State == grid.Connected {
			o.Connected++
		}
		if accepts(st) {
			o.Accepting++
		}
	}
	o.CanPut = o.Accepting > 0 && o.Accepting >= e.Happy
	o.CanGet = o.Connected > 0 && o.Connected >= e.Needed
	o.Put, o.Get = o.putText(e), o.getText(e)
	if !o.CanPut {
		o.Why = o.reasons()
	}
	return o
}

func (o outlook) putText(e Encoding) string {
	switch {
	case o.Servers == 0:
		return "An upload would fail now: this node knows of no storage server."
	case o.CanPut:
		return fmt.Sprintf("An upload would succeed now: it needs %s, and %d of %d would take shares.", servers(e.Happy), o.Accepting, o.Servers)
	case o.Accepting == 0:
		return fmt.Sprintf("An upload would fail now: it needs %s, and none of %d would take shares.", servers(max(e.Happy, 1)), o.Servers)
	default:
		return fmt.Sprintf("An upload would fail now: it needs %s, and only %d of %d would take shares.", servers(max(e.Happy, 1)), o.Accepting, o.Servers)
	}
}

func (o outlook) getText(e Encoding) string {
	switch {
	case o.Servers == 0:
		return "Only files so small that their capability holds them can be read."
	case o.CanGet:
		return fmt.Sprintf("Files can be read: any %d of the %d shares of a file give it back, and %s connected.", e.Needed, e.Total, are(o.Connected))
	default:
		return fmt.Sprintf("Most files cannot be read now: any %d of the %d shares of a file give it back, but %s connected.", e.Needed, e.Total, are(o.Connected))
	}
}

func (o outlook) reasons() []string {
	var why []string
	if n := o.Servers - o.Connected; n > 0 {
		why = append(why, are(n)+" not connected")
	}
	if n := o.Connected - o.Accepting; n > 0 {
		why = append(why, are(n)+" full or read-only")
	}
	return why
}

func servers(n int) string {
	if n == 1 {
		return "1 storage server"
	}
	return fmt.Sprintf("%d storage servers", n)
}

func are(n int) string {
	switch n {
	case 0:
		return "no server is"
	case 1:
		return "1 server is"
	}
	return fmt.Sprintf("%d servers are", n)
}
