package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tahoe/frontends/web/wapi"
	"tahoe/lafs/grid"
)

// An outlook says in plain words what the grid is good for now.
type outlook struct {
	Servers   int
	Connected int
	Accepting int
	Barred    int // connected, and not certified by a grid manager
	Retiring  int // connected, and certified, and to be retired
	CanPut    bool
	CanGet    bool
	Put       string
	Why       []string // what stands in the way of uploads
	Get       string
}

func accepts(st grid.Status) bool {
	return st.State == grid.Connected && st.Version.MaxImmutableShare > 0 && !barred(st) && !st.Retiring
}

// barred says whether a server gets no shares because no grid manager certifies it.
func barred(st grid.Status) bool { return st.Certification.Limited && !st.Certification.Valid }

func outlookOf(servers []grid.Status, e Encoding) outlook {
	o := outlook{Servers: len(servers)}
	for _, st := range servers {
		if st.State == grid.Connected {
			o.Connected++
			switch {
			case barred(st):
				o.Barred++
			case st.Retiring:
				o.Retiring++
			}
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
	if n := o.Connected - o.Accepting - o.Barred - o.Retiring; n > 0 {
		why = append(why, are(n)+" full or read-only")
	}
	if o.Barred > 0 {
		why = append(why, are(o.Barred)+" not certified by a grid manager")
	}
	if o.Retiring > 0 {
		why = append(why, are(o.Retiring)+" to be retired")
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

// withMissing adds to the sentence about a lack of shares or servers which servers the node knows but does not reach: with
// them, the same request may succeed.
func (s *Server) withMissing(p problem) problem {
	if p.kind != wapi.KindNotEnoughShares && p.kind != wapi.KindNotEnoughServers {
		return p
	}
	var names []string
	for _, st := range sorted(s.grid.Statuses()) {
		if st.State != grid.Connected {
			names = append(names, cmp.Or(st.Nickname, st.ID.Abbrev()))
		}
	}
	if len(names) == 0 {
		return p
	}
	const most = 12
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	p.text += "; not connected: " + text
	return p
}

// sorted puts servers in the order in which people look for them: by nickname, with 2 before 10.
func sorted(servers []grid.Status) []grid.Status {
	slices.SortFunc(servers, func(a, b grid.Status) int {
		return cmp.Or(naturally(a.Nickname, b.Nickname), strings.Compare(string(a.ID), string(b.ID)))
	})
	return servers
}

// naturally compares texts with the numbers in them as numbers.
func naturally(a, b string) int {
	for a != "" && b != "" {
		m, restA := leadingNumber(a)
		n, restB := leadingNumber(b)
		if restA != a && restB != b && m != n {
			return cmp.Compare(m, n)
		}
		if restA != a && restB != b {
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			break
		}
		a, b = a[1:], b[1:]
	}
	return strings.Compare(a, b)
}

// leadingNumber takes up to 18 digits from the front of s.
func leadingNumber(s string) (n int64, rest string) {
	i := 0
	for ; i < len(s) && i < 18 && '0' <= s[i] && s[i] <= '9'; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	return n, s[i:]
}
