package introducer

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Info is what a subscriber says about itself, for people.
type Info struct {
	Nickname string
	Version  string // of its software
}

// clean makes a stranger's words fit for a line.
func (i Info) clean() Info { return Info{clean(i.Nickname), clean(i.Version)} }

const maxShown = 100 // characters

func clean(s string) string {
	const most = 4 * maxShown
	s = strings.ToValidUTF8(s[:min(len(s), most)], "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown-1]) + "…"
	}
	return strings.TrimSpace(s)
}

// Counts are what has happened since an introducer started.
type Counts struct {
	Received  int // announcements
	Repeated  int // of these, known already
	Stale     int // not newer than the one that was known
	Refused   int // of a bad signature, malformed, or too many
	Forgotten int // to make room
	Sent      int // announcements, each time to each subscriber
}

// An AnnouncementStatus is an announcement for people. Its texts were chosen by strangers, and made fit for a line.
type AnnouncementStatus struct {
	Service, Key      string
	Nickname, Version string
	Since             time.Time // it was received
	Here              bool      // its publisher is connected
	Hints             []string  // where the service listens
}

// A SubscriberStatus is a subscriber for people.
type SubscriberStatus struct {
	Info
	Service        string
	TubID, Address string
	Since          time.Time
}

// ServerStatus is a snapshot of an introducer. It holds no secret.
type ServerStatus struct {
	Announcements []AnnouncementStatus // by service, nickname and key
	Subscribers   []SubscriberStatus   // by service, nickname and Tub id
	Counts        Counts
}

// Summary counts the announcements and subscriptions of each service.
func (s ServerStatus) Summary() (announcements, subscriptions map[string]int) {
	announcements, subscriptions = map[string]int{}, map[string]int{}
	for _, a := range s.Announcements {
		announcements[a.Service]++
	}
	for _, sub := range s.Subscribers {
		subscriptions[sub.Service]++
	}
	return announcements, subscriptions
}

// Status is the introducer as it is now.
func (s *Server) Status() ServerStatus {
	st, all := s.snapshot()
	for i, v := range all {
		st.Announcements[i].Hints = hintsOf(v)
	}
	slices.SortFunc(st.Announcements, func(a, b AnnouncementStatus) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Nickname, b.Nickname), cmp.Compare(a.Key, b.Key))
	})
	slices.SortFunc(st.Subscribers, func(a, b SubscriberStatus) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Nickname, b.Nickname), cmp.Compare(a.TubID, b.TubID))
	})
	return st
}

// snapshot copies what the lock protects; the announcements themselves never change.
func (s *Server) snapshot() (ServerStatus, []*Verified) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := ServerStatus{Counts: s.counts}
	var all []*Verified
	for _, e := range s.book.entries {
		all = append(all, e.v)
		st.Announcements = append(st.Announcements, AnnouncementStatus{
			Service: e.v.Service(), Key: e.v.Key(), Nickname: clean(e.v.Nickname()), Version: clean(e.v.Version()), Since: e.when, Here: e.here,
		})
	}
	for sub := range s.subscribers {
		st.Subscribers = append(st.Subscribers, SubscriberStatus{
			Info: sub.info, Service: clean(sub.service), TubID: sub.to.TubID(), Address: sub.to.Address(), Since: sub.since,
		})
	}
	return st, all
}

// hintsOf are the addresses of the FURL of an announcement, without its secret.
func hintsOf(v *Verified) []string {
	furl, _ := v.Table()["anonymous-storage-FURL"].(string)
	_, rest, ok := strings.Cut(furl, "@")
	hints, _, whole := strings.Cut(rest, "/")
	if !ok || !whole || hints == "" {
		return nil
	}
	const most = 8
	all := strings.Split(hints, ",")
	all = all[:min(most, len(all))]
	for i, h := range all {
		all[i] = clean(h)
	}
	return all
}
