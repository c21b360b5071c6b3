package config

import (
	"errors"
	"net/netip"
	"strings"
	"time"
)

// A Tub is where a node's storage port listens and what it tells others. The zero Tub listens nowhere.
type Tub struct {
	Enabled   bool
	Listen    []Endpoint // empty: the port remembered in client.port, or a free one to be remembered there
	Auto      bool       // tell every IPv4 address of this machine
	Locations []Hint     // told beside those

	// For Foolscap: how long a connection may be silent before a sign of life is asked for, and before it counts as dead. 0: the
	// usual time.
	Keepalive, Disconnect time.Duration
}

// Hints are the locations to tell: addrs are this machine's own addresses, port the one that is listened on.
func (t Tub) Hints(addrs []netip.Addr, port int) []Hint {
	var hints []Hint
	if t.Auto {
		for _, a := range addrs {
			if a.Is4() {
				hints = append(hints, Hint{Kind: "tcp", Host: a.String(), Port: port})
			}
		}
	}
	return append(hints, t.Locations...)
}

func tubPort(s string) error { _, err := parseTubPort(s); return err }

// parseTubPort reads tub.port. Nil endpoints without an error mean "disabled".
func parseTubPort(s string) ([]Endpoint, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New(`is empty; write a port such as tcp:12345, or "disabled"`)
	}
	if strings.TrimSpace(s) == "disabled" {
		return nil, nil
	}
	var all []Endpoint
	for item := range strings.SplitSeq(s, ",") {
		if strings.HasPrefix(strings.TrimSpace(item), "listen:") {
			return nil, errors.New("listens through Tor or I2P, which is not supported yet; write a port such as tcp:12345")
		}
		e, err := ParseEndpoint(item)
		if err != nil {
			return nil, err
		}
		if e.Port == 0 {
			return nil, errors.New("cannot be 0: you must choose; write a port such as tcp:12345")
		}
		all = append(all, e)
	}
	return all, nil
}

func tubLocation(s string) error { _, _, err := parseTubLocation(s); return err }

// parseTubLocation reads tub.location. Neither AUTO nor hints without an error mean "disabled".
func parseTubLocation(s string) (auto bool, hints []Hint, err error) {
	if strings.TrimSpace(s) == "" {
		return false, nil, errors.New(`is empty; write AUTO, a location such as tcp:example.org:12345, or "disabled"`)
	}
	if strings.TrimSpace(s) == "disabled" {
		return false, nil, nil
	}
	for item := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(item) == "AUTO" {
			auto = true
			continue
		}
		h, err := ParseHint(item)
		if err != nil {
			return false, nil, err
		}
		hints = append(hints, h)
	}
	return auto, hints, nil
}
