package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Door is what the sections of FTP and WebDAV have in common.
type Door struct {
	Port    *Endpoint // nil: none
	TLSPort *Endpoint // speaks TLS from the first byte on; nil: none

	AccountsFile, AccountsURL string // one of them at least

	Certificate, Key string // files; empty: the node's own
	Plain            string // who may sign in without TLS: "never", "loopback", "always"
}

// FTPD are the settings of section [ftpd].
type FTPD struct {
	Door
	FirstPort, LastPort uint16     // for passive connections; 0: any
	Public              netip.Addr // that clients are told; the zero value: the one that they have reached
	Active              bool
}

// WebDAV are the settings of section [webdav].
type WebDAV struct{ Door }

// doorKeys are the keys that the sections have in common.
func doorKeys() []key {
	return []key{
		{"enabled", boolean}, {"port", endpointOrNone}, {"tls.port", endpointOrNone}, {"accounts.file", text}, {"accounts.url", text},
		{"tls.certificate", text}, {"tls.key", text}, {"plain_passwords", oneOf("never", "loopback", "always")},
	}
}

func portRange(s string) error {
	_, _, err := parsePorts(s)
	return err
}

// parsePorts reads "50000-50100".
func parsePorts(s string) (first, last uint16, err error) {
	if s == "" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(s, "-")
	low, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	high, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	if !ok || errors.Join(err1, err2) != nil || low == 0 || low > high {
		return 0, 0, fmt.Errorf("is %q, which is no range of ports; write one such as 50000-50100", shorten(s))
	}
	return uint16(low), uint16(high), nil
}

func publicAddress(s string) error {
	if s == "" {
		return nil
	}
	if a, err := netip.ParseAddr(s); err != nil || !a.Unmap().Is4() {
		return fmt.Errorf("is %q, which is no IPv4 address; write one such as 192.0.2.1", shorten(s))
	}
	return nil
}

// door reads what the sections have in common. Without any port the door is at the usual one, on this machine alone.
func (v values) door(section, port, plain string) (Door, error) {
	d := Door{
		AccountsFile: v.optionalPath(section, "accounts.file"), AccountsURL: v.text(section, "accounts.url", ""),
		Certificate: v.optionalPath(section, "tls.certificate"), Key: v.optionalPath(section, "tls.key"),
		Plain: strings.ToLower(v.text(section, "plain_passwords", plain)),
		Port:  v.endpoint(section, "port"), TLSPort: v.endpoint(section, "tls.port"),
	}
	if d.Port == nil && d.TLSPort == nil {
		e, err := ParseEndpoint(port)
		if err != nil {
			return d, err
		}
		d.Port = &e
	}
	switch {
	case d.AccountsFile == "" && d.AccountsURL == "":
		return d, v.f.errorOn(section, "enabled", "is true, but nobody has an account; write accounts.file, or accounts.url")
	case (d.Certificate == "") != (d.Key == ""):
		return d, v.f.errorOn(section, "tls.certificate", "and tls.key belong together; write both, or none to use the node's own")
	}
	return d, nil
}

func (v values) optionalPath(section, key string) string {
	if v.text(section, key, "") == "" {
		return ""
	}
	return v.path(section, key, "")
}

func (v values) endpoint(section, key string) *Endpoint {
	e, err := ParseEndpoint(v.text(section, key, ""))
	if err != nil { // it is not set: Check has looked at it
		return nil
	}
	return &e
}

// doors reads the sections of FTP and WebDAV that are switched on.
func (v values) doors(s *Settings) error {
	if v.boolean("ftpd", "enabled", false) {
		d, err := v.door("ftpd", "tcp:8021:interface=127.0.0.1", "never")
		if err != nil {
			return err
		}
		s.FTPD = &FTPD{Door: d, Active: v.boolean("ftpd", "active", false)}
		s.FTPD.FirstPort, s.FTPD.LastPort, _ = parsePorts(v.text("ftpd", "passive.ports", "")) // checked
		s.FTPD.Public, _ = netip.ParseAddr(v.text("ftpd", "passive.address", ""))              // checked
	}
	if v.boolean("webdav", "enabled", false) {
		d, err := v.door("webdav", "tcp:8080:interface=127.0.0.1", "loopback")
		if err != nil {
			return err
		}
		s.WebDAV = &WebDAV{Door: d}
	}
	return nil
}
