package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tahoe/internal/nurl"
	"tahoe/internal/plural"
	"tahoe/lafs/grid"
)

// How far a clock may be off. Certificates and leases end by the clock; with an hour, each of them may be judged wrong.
const (
	clockSlack = time.Minute
	clockWrong = time.Hour
)

// maxClocks is how many servers are asked for the time.
const maxClocks = 9

// clock compares the clock of this machine with those of servers.
func (x *examination) clock(ctx context.Context, servers []grid.Announcement) {
	var mu sync.Mutex
	var off []time.Duration
	var asking sync.WaitGroup
	for _, a := range servers[:min(len(servers), maxClocks)] {
		asking.Go(func() {
			d, err := x.offset(ctx, a.NURLs)
			if err != nil {
				return // whether it answers is told elsewhere
			}
			mu.Lock()
			defer mu.Unlock()
			off = append(off, d)
		})
	}
	asking.Wait()
	if len(off) == 0 {
		x.add(Note, areaClock, "No server says what time it is, so that the clock of this machine was not compared.", "")
		return
	}
	slices.SortFunc(off, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	middle := off[len(off)/2]
	word := "ahead of"
	if middle > 0 {
		word = "behind"
	}
	text := fmt.Sprintf("The clock of this machine is %s %s that of most servers.", lasting(middle), word)
	const advice = "Set the clock, and keep it right with NTP: leases and certificates end by it."
	switch {
	case middle.Abs() > clockWrong:
		x.add(Problem, areaClock, text, advice)
	case middle.Abs() > clockSlack:
		x.add(Warning, areaClock, text, advice)
	default:
		x.ok(areaClock, "The clock of this machine agrees with those of %s.", plural.Of(len(off), "server"))
	}
	if spread := off[len(off)-1] - off[0]; spread > clockWrong && len(off) > 1 {
		x.add(Warning, areaClock, fmt.Sprintf("The clocks of the servers are up to %s apart.", lasting(spread)), "Ask their operators to set them.")
	}
}

var errNoDate = errors.New("the server does not say what time it is")

// offset is how far a server's clock is ahead of this machine's. It is asked without the right to anything: the time stands in any answer.
func (x *examination) offset(ctx context.Context, nurls []string) (time.Duration, error) {
	err := errNoDate
	for _, text := range nurls {
		n, bad := nurl.Parse(text)
		if bad != nil || n.Tor() {
			continue
		}
		for _, addr := range n.Addrs() {
			var d time.Duration
			if d, err = x.offsetAt(ctx, addr, n.SPKI()); err == nil {
				return d, nil
			}
		}
	}
	return 0, err
}

func (x *examination) offsetAt(ctx context.Context, addr string, spki nurl.SPKI) (time.Duration, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // the key is what the NURL names
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || nurl.HashSPKI(s.PeerCertificates[0]) != spki {
				return errors.New("another server answers")
			}
			return nil
		},
	}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, x.c.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+addr+"/storage/v1/version", nil)
	if err != nil {
		return 0, err
	}
	begun := x.c.Clock.Now()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, errNoDate
	}
	now := x.c.Clock.Now()
	here := begun.Add(now.Sub(begun) / 2)
	return there.Add(time.Second / 2).Sub(here), nil // the seconds of a Date are cut off
}
