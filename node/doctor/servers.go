package doctor

import (
	"fmt"
	"slices"
	"strings"

	"tahoe/internal/plural"
	"tahoe/introducer"
	"tahoe/lafs/grid"
)

func (x *examination) introducers(m *meeting) {
	for _, s := range m.seen {
		if s.Connected {
			x.ok(areaIntroducers, "The introducer %s is the one that its FURL names, and answers.", s.Name)
			continue
		}
		m.mu.Lock()
		err := m.failed[s.Name]
		m.mu.Unlock()
		why := strings.TrimRight(s.LastErr, ". ")
		switch {
		case err != nil:
			why = tubReason(err)
		case why == "":
			why = "it did not answer in time"
		}
		x.add(Problem, areaIntroducers, fmt.Sprintf("The introducer %s cannot be used: %s.", s.Name, why),
			"Ask whoever runs it whether it is up and whether its FURL has changed; until then the node knows only the servers that it was told of before.")
	}
}

// uploads says whether the node puts files on the grid, for its owner or for others.
func (x *examination) uploads() bool {
	return x.settings.Web != nil || x.settings.Doors.Any() || x.settings.Helper
}

func accepts(s grid.Status) bool {
	return s.State == grid.Connected && s.Version.MaxImmutableShare > 0 && (!s.Certification.Limited || s.Certification.Valid)
}

func nameOf(s grid.Status) string {
	if s.Nickname == "" {
		return string(s.ID.Abbrev())
	}
	return fmt.Sprintf("%s (%s)", s.Nickname, s.ID.Abbrev())
}

// servers says how each server is, and whether an upload could succeed now. They do not matter to a node that uploads nothing.
func (x *examination) servers(m *meeting) {
	if !x.uploads() {
		return
	}
	if m.bad > 0 {
		x.add(Warning, areaServers, fmt.Sprintf("%s of servers could not be read.", plural.Of(m.bad, "announcement")), "Tell the operators of the grid: some server announces nonsense.")
	}
	taking := 0
	slices.SortFunc(m.statuses, func(a, b grid.Status) int { return strings.Compare(nameOf(a), nameOf(b)) })
	for _, s := range m.statuses {
		if accepts(s) {
			taking++
		}
		x.server(s)
	}
	c := x.settings.Client
	switch {
	case len(m.statuses) == 0:
		x.add(Problem, areaServers, "No server is known, so that nothing can be stored or read.", "Wait until servers announce themselves at the introducer, or enter some in private/servers.yaml.")
	case taking >= c.Happy && taking < c.Total:
		x.add(Note, areaServers, fmt.Sprintf("An upload could succeed now: it needs %s, and %d take shares; some get more than one of the %d shares of a file.", plural.Of(c.Happy, "server"), taking, c.Total), "")
	case taking >= c.Happy:
		x.ok(areaServers, "An upload could succeed now: it needs %s, and %d take shares.", plural.Of(c.Happy, "server"), taking)
	default:
		x.add(Problem, areaServers, fmt.Sprintf("An upload would fail now: it needs %s that take shares, and there are %d.", plural.Of(c.Happy, "server"), taking),
			"Bring servers back or add some; a grid that is meant to be so small needs a smaller [client] shares.happy.")
	}
}

func (x *examination) server(s grid.Status) {
	name, cert := nameOf(s), s.Certification
	version := s.Version.Application
	if version == "" {
		version = "an unknown version"
	}
	switch {
	case s.State != grid.Connected:
		why := strings.TrimRight(s.LastErr, ". ")
		if why == "" {
			why = "it did not answer in time"
		}
		x.add(Warning, areaServers, fmt.Sprintf("The server %s cannot be used: %s.", name, why), "Ask whoever runs it; if it is gone for good, repair the files that had shares there with: tahoe deep-check --repair")
	case cert.Limited && !cert.Valid && cert.Expires.IsZero():
		x.add(Warning, areaServers, fmt.Sprintf("The server %s gets no shares: none of the grid managers of [grid_managers] certifies it.", name), "Ask the grid manager for a certificate for it.")
	case cert.Limited && !cert.Valid:
		x.add(Warning, areaServers, fmt.Sprintf("The server %s gets no shares: its certificate ended on %s.", name, date(cert.Expires)), "Ask the grid manager to renew it.")
	case s.Version.MaxImmutableShare == 0:
		x.add(Warning, areaServers, fmt.Sprintf("The server %s (%s) is full or read-only, and takes no new shares.", name, version), "Give it room, or add servers.")
	case cert.Limited && cert.Expires.Sub(x.c.Clock.Now()) < soon:
		x.add(Warning, areaServers, fmt.Sprintf("The certificate of the server %s ends on %s.", name, date(cert.Expires)), "Ask the grid manager to renew it.")
	default:
		x.ok(areaServers, "The server %s answers (%s) and has %s of room.", name, version, room(s.Version.Available))
	}
}

func room(n uint64) string {
	if n >= 1<<62 {
		return "an unknown amount"
	}
	return size(n)
}

// self looks whether the node's own storage is among the servers that the introducers tell of.
func (x *examination) self(m *meeting) {
	announces := x.settings.Storage.Enabled && x.settings.Tub.Enabled && x.settings.Storage.Anonymous
	if !x.report.Running || !announces || x.serverID == "" || !slices.ContainsFunc(m.seen, func(s introducer.LinkStatus) bool { return s.Connected }) {
		return
	}
	at := slices.IndexFunc(m.statuses, func(s grid.Status) bool { return string(s.ID) == x.serverID })
	if at < 0 {
		x.add(Warning, areaServers, "The node's own storage is not announced by any introducer that answers, so that others do not find it.", "Look into the node's log for why its announcement was not taken.")
		return
	}
	switch s := m.statuses[at]; s.State {
	case grid.Connected:
		x.ok(areaServers, "The node's own storage is announced, and is reached there.")
	default:
		x.add(Warning, areaServers, "The node's own storage is announced, but is not reached where it says that it is.", "Correct tub.location, and restart the node.")
	}
}
