package config

import (
	"fmt"
	"slices"
	"strings"

	"tahoe/internal/gridmanager"
)

// The rules that join several keys.

func (v values) tub(s *Settings) error {
	portText, locationText := v.text("node", "tub.port", ""), v.text("node", "tub.location", "AUTO")
	var listen []Endpoint
	if portText != "" {
		listen, _ = parseTubPort(portText)
	}
	auto, hints, _ := parseTubLocation(locationText)
	noPort, noLocation := portText != "" && listen == nil, !auto && hints == nil
	switch {
	case noPort && !noLocation:
		return v.f.errorOn("node", "tub.port", `is disabled, but tub.location is not; write "tub.location = disabled" too, or give the node a port`)
	case noLocation && !noPort:
		return v.f.errorOn("node", "tub.location", `is disabled, but tub.port is not; write "tub.port = disabled" too, or give the node a location`)
	case noPort && s.Storage.Enabled:
		return v.f.errorOn("node", "tub.port", `is disabled, but [storage] enabled is not false; write "enabled = false" into [storage], or give the node a port`)
	case noPort && v.boolean("helper", "enabled", false):
		return v.f.errorOn("node", "tub.port", `is disabled, but [helper] enabled is true; write "enabled = false" into [helper], or give the node a port`)
	}
	s.Tub = Tub{Enabled: !noPort, Listen: listen, Auto: auto, Locations: hints, Keepalive: v.seconds("timeout.keepalive"), Disconnect: v.seconds("timeout.disconnect")}
	if s.RevealIP {
		return nil
	}
	if auto {
		return v.f.errorOn("node", "tub.location", "tells this machine's addresses (AUTO), but reveal-IP-address is false; change one of them")
	}
	if slices.ContainsFunc(hints, func(h Hint) bool { return h.Kind == "tcp" }) {
		return v.f.errorOn("node", "tub.location", "tells a tcp: location, but reveal-IP-address is false; change one of them")
	}
	return nil
}

func (v values) connections(s *Settings) error {
	how := strings.ToLower(v.text("connections", "tcp", "tcp"))
	switch {
	case how == "tor":
		return v.f.errorOn("connections", "tcp", `is "tor", which is not supported yet; write tcp or disabled`)
	case how == "tcp" && !s.RevealIP:
		return v.f.errorOn("node", "reveal-ip-address", `is false, but servers would be dialled by TCP, which reveals the address; write "tcp = disabled" into [connections], or set it to true`)
	}
	s.DialTCP = how == "tcp"
	return nil
}

func (v values) shares(s *Settings) error {
	c := s.Client
	switch {
	case c.Needed > c.Total:
		return v.f.errorOn("client", "shares.needed", fmt.Sprintf("is %d, which is more than shares.total = %d; no file could be read back", c.Needed, c.Total))
	case c.Happy > c.Total:
		return v.f.errorOn("client", "shares.happy", fmt.Sprintf("is %d, which is more than shares.total = %d; no upload could succeed", c.Happy, c.Total))
	case c.IntroducerFURL == "None":
		return v.f.errorOn("client", "introducer.furl", "is None; take the line out")
	}
	return nil
}

func (v values) leases(s *Settings) error {
	e := s.Storage.Expire
	switch {
	case e.Enabled && v.text("storage", "expire.mode", "") == "":
		return v.f.errorOn("storage", "expire.enabled", "is true, but expire.mode is not set; write age or cutoff-date")
	case e.Mode == "cutoff-date" && e.Cutoff.IsZero():
		return v.f.errorOn("storage", "expire.mode", "is cutoff-date, but expire.cutoff_date is not set; write a date such as 2026-01-31")
	}
	return nil
}

// refused are settings that promise what the program cannot keep yet, so that acting as if they were not there would do harm.
func (v values) refused(*Settings) error {
	for _, k := range [][2]string{{"storage", "plugins"}, {"client", "storage.plugins"}} {
		if names := List(v.text(k[0], k[1], "")); len(names) > 0 {
			return v.f.errorOn(k[0], k[1], fmt.Sprintf("names the plugin %q, which this program does not have; take the line out", shorten(names[0])))
		}
	}
	return nil
}

// managers are the public keys of the grid managers that the client trusts, and the files of the node's own certificates.
func (v values) managers(s *Settings) error {
	for _, name := range v.f.Keys("grid_managers") {
		key, err := gridmanager.ParsePublicKey(v.text("grid_managers", name, ""))
		if err != nil {
			return v.f.errorOn("grid_managers", name, "is not the public key of a grid manager, pub-v0- and 52 characters; grid-manager public-identity prints it")
		}
		s.Client.Managers = append(s.Client.Managers, key)
	}
	if !v.boolean("storage", "grid_management", false) {
		return nil
	}
	for _, name := range v.f.Keys("grid_manager_certificates") {
		s.Storage.Certificates = append(s.Storage.Certificates, v.path("grid_manager_certificates", name, name+".cert"))
	}
	return nil
}

// ignored lists what the file asks for in vain.
func (v values) ignored() []string {
	var all []string
	add := func(asked bool, what string) {
		if asked {
			all = append(all, what)
		}
	}
	add(v.boolean("storage", "expire.enabled", false), "leases are not expired yet; every share is kept")
	add(!v.boolean("storage", "anonymous", true), "[storage] anonymous is false, so nobody can reach this node's storage")
	add(v.boolean("tor", "onion", false) || v.boolean("tor", "launch", false), "Tor is not supported yet")
	add(v.boolean("i2p", "dest", false) || v.boolean("i2p", "launch", false), "I2P is not supported yet")
	return all
}
