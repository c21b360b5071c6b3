package gridmanager

import (
	"errors"
	"slices"
	"time"
)

// A Check is what is known of one server's certificates. The zero Check finds every server good, as a client does that has
// no grid manager.
type Check struct {
	limited bool
	server  PublicKey
	good    []Certificate // signed by one of the managers
}

// NewCheck verifies the certificates that a server announces, with the keys of the managers that a client trusts. The
// errors, at most one for each certificate, are about those that no manager signed, or that make no sense; a server with
// several certificates needs only one. Without managers every server is good.
func NewCheck(managers []PublicKey, server PublicKey, certificates []Signed) (Check, []error) {
	c := Check{limited: len(managers) > 0, server: server}
	var errs []error
	for _, s := range certificates {
		if err := c.add(managers, s); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errs
}

// add keeps what a manager signed. The error is the one that tells the most: what was signed and makes no sense, if
// anything.
func (c *Check) add(managers []PublicKey, s Signed) error {
	var last error
	for _, m := range managers {
		certificate, err := s.Verify(m)
		if err == nil {
			c.good = append(c.good, certificate)
			return nil
		}
		if last == nil || errors.Is(last, ErrSignature) {
			last = err
		}
	}
	return last
}

// Valid says whether the server may be uploaded to at a moment. It is asked at each upload, since certificates end.
func (c Check) Valid(now time.Time) bool {
	return !c.limited || slices.ContainsFunc(c.good, func(g Certificate) bool { return g.Valid(c.server, now) })
}

// Expires is when the last of the server's certificates ends; false: it has none, or needs none.
func (c Check) Expires() (time.Time, bool) {
	var last time.Time
	for _, g := range c.good {
		if g.Server == c.server && g.Expires.After(last) {
			last = g.Expires
		}
	}
	return last, !last.IsZero()
}
