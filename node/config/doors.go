package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Doors are the settings of the sections [sftpd], [ftpd], [webdav] and [login], and of [doors], which has what they share.
type Doors struct {
	CommitOnClose bool   // a close waits until the file is on the grid
	StagingDir    string // for files on their way to the grid
	StagingLimit  int64  // 0: the default
	// Certificate and CertificateKey are files with what FTP and WebDAV show by TLS. "": the node makes its own.
	Certificate, CertificateKey string

	SFTP   SFTP
	FTP    FTP
	WebDAV WebDAV
	Login  Login
}

// Any says whether some door is switched on.
func (d Doors) Any() bool {
	return d.SFTP.Enabled || d.FTP.Enabled || d.WebDAV.Enabled || d.Login.Enabled
}

// Accounts says who knows the accounts of a door: at least one of the two.
type Accounts struct {
	File string
	URL  string
	// Own says that File is the node's own, which nobody has named.
	Own bool
}

// SFTP are the settings of section [sftpd].
type SFTP struct {
	Enabled     bool
	Port        Endpoint
	Accounts    Accounts
	PrivateKey  string // the host key
	PublicKey   string // "": it has no file of a name of its own
	Connections int    // 0: the default
}

// Who may sign in without TLS.
const (
	PlainNever    = "never"
	PlainLoopback = "loopback"
	PlainAlways   = "always"
)

// Plains are all of them.
var Plains = []string{PlainNever, PlainLoopback, PlainAlways}

// FTP are the settings of section [ftpd].
type FTP struct {
	Enabled     bool
	Port        *Endpoint // where TLS is asked for by AUTH; nil: nowhere
	Implicit    *Endpoint // where TLS begins at once; nil: nowhere
	Accounts    Accounts
	Plain       string
	First, Last uint16 // ports of passive connections; 0: any
	Public      string // an IPv4 address; "": this machine's
	Active      bool
}

// WebDAV are the settings of section [webdav].
type WebDAV struct {
	Enabled  bool
	Port     *Endpoint // of its own, with TLS; nil: none. It is at /dav/ of the web port in any case
	Accounts Accounts
	Plain    string // at the web port, which has no TLS
}

// Login are the settings of section [login]: of signing in on the pages of the web port.
type Login struct {
	Enabled  bool
	Accounts Accounts
	Plain    string
}

// AccountsFile is the accounts file of a node directory where no other is named.
const AccountsFile = "private/accounts"

func (v values) doors(s *Settings) error {
	limit, _ := ParseSize(v.text("doors", "staging.limit", ""))
	d := Doors{
		CommitOnClose: strings.EqualFold(v.text("doors", "commit", ""), "close"),
		StagingDir:    v.path("doors", "staging.dir", "private/staging"),
		StagingLimit:  limit,
	}
	var err error
	if d.SFTP, err = v.sftp(); err != nil {
		return err
	}
	d.FTP = v.ftp()
	d.WebDAV = WebDAV{
		Enabled: v.boolean("webdav", "enabled", false), Port: v.endpoint("webdav", "port", ""), Accounts: v.accounts("webdav"),
		Plain: v.plain("webdav", PlainLoopback), // nothing leaves this machine by loopback
	}
	d.Login = Login{Enabled: v.boolean("login", "enabled", false), Accounts: v.accounts("login"), Plain: v.plain("login", PlainLoopback)}
	s.Doors = d
	if err := v.certificate(&s.Doors); err != nil {
		return err
	}
	return v.reachable(*s)
}

func (v values) sftp() (SFTP, error) {
	s := SFTP{
		Enabled: v.boolean("sftpd", "enabled", false), Port: *v.endpoint("sftpd", "port", "tcp:8022"), Accounts: v.accounts("sftpd"),
		PrivateKey:  v.path("sftpd", "host_privkey_file", "private/ssh_host_ed25519_key"),
		Connections: v.number("sftpd", "connections", 0),
	}
	if v.text("sftpd", "host_pubkey_file", "") != "" {
		s.PublicKey = v.path("sftpd", "host_pubkey_file", "")
	}
	if s.Enabled && s.PublicKey != "" && v.text("sftpd", "host_privkey_file", "") == "" {
		return s, v.f.errorOn("sftpd", "host_pubkey_file", "is set, but host_privkey_file is not; name both files, or take the line out and the node makes a key")
	}
	return s, nil
}

func (v values) ftp() FTP {
	f := FTP{
		Enabled: v.boolean("ftpd", "enabled", false), Implicit: v.endpoint("ftpd", "implicit.port", ""), Accounts: v.accounts("ftpd"),
		Plain: v.plain("ftpd", PlainNever), Active: v.boolean("ftpd", "active", false), Public: v.text("ftpd", "public.address", ""),
	}
	fallback := "tcp:8021"
	if f.Implicit != nil {
		fallback = "" // one port will do
	}
	f.Port = v.endpoint("ftpd", "port", fallback)
	f.First, f.Last, _ = parsePortRange(v.text("ftpd", "passive.ports", ""))
	return f
}

// plain is who may sign in without TLS.
func (v values) plain(section, fallback string) string {
	return strings.ToLower(v.text(section, "plain", fallback))
}

// endpoint is nil when nothing is set and there is no fallback.
func (v values) endpoint(section, key, fallback string) *Endpoint {
	text := v.text(section, key, "")
	if text == "" {
		text = fallback
	}
	if text == "" {
		return nil
	}
	e, _ := ParseEndpoint(text) // checked
	return &e
}

// accounts are those of a door; where it names none, those of [sftpd], which `tahoe account` looks after.
func (v values) accounts(section string) Accounts {
	for _, from := range []string{section, "sftpd"} {
		a := Accounts{URL: v.text(from, "accounts.url", "")}
		if v.text(from, "accounts.file", "") != "" {
			a.File = v.path(from, "accounts.file", "")
		}
		if a.File != "" || a.URL != "" {
			return a
		}
	}
	return Accounts{File: v.path(section, "accounts.file", AccountsFile), Own: true}
}

func (v values) certificate(d *Doors) error {
	certificate, key := v.text("doors", "tls.certificate", ""), v.text("doors", "tls.key", "")
	switch {
	case certificate != "" && key == "":
		return v.f.errorOn("doors", "tls.certificate", "is set, but tls.key is not; name the file with its private key too")
	case certificate == "" && key != "":
		return v.f.errorOn("doors", "tls.key", "is set, but tls.certificate is not; name the file with the certificate too")
	case certificate != "":
		d.Certificate, d.CertificateKey = v.path("doors", "tls.certificate", ""), v.path("doors", "tls.key", "")
	}
	return nil
}

// reachable refuses a door that nobody can come to.
func (v values) reachable(s Settings) error {
	if d := s.Doors.WebDAV; d.Enabled && d.Port == nil && s.Web == nil {
		return v.f.errorOn("webdav", "enabled", "is true, but the node has no web port; set web.port in [node], or port in [webdav]")
	}
	if s.Doors.Login.Enabled && s.Web == nil {
		return v.f.errorOn("login", "enabled", "is true, but the node has no web port, where people would sign in; set web.port in [node]")
	}
	return nil
}

// The checks of single values.

func doorPort(s string) error {
	if s == "" {
		return nil
	}
	_, err := ParseEndpoint(s)
	return err
}

func accountsURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not the address of a web service, which begins with https://")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("begins with http://, but passwords are sent there; write https://")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func portRange(s string) error {
	_, _, err := parsePortRange(s)
	return err
}

// parsePortRange reads two ports with a hyphen between them. Nothing at all is 0, 0.
func parsePortRange(s string) (first, last uint16, err error) {
	if s == "" {
		return 0, 0, nil
	}
	low, high, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, fmt.Errorf("is %q; write two ports with a hyphen between them, such as 50000-50099", shorten(s))
	}
	a, err := ParseInt(low, 1, 65535)
	if err != nil {
		return 0, 0, err
	}
	b, err := ParseInt(high, a, 65535)
	if err != nil {
		return 0, 0, err
	}
	return uint16(a), uint16(b), nil
}

func address4(s string) error {
	if a, err := netip.ParseAddr(s); s != "" && (err != nil || !a.Is4()) {
		return fmt.Errorf("is %q, which is not an IPv4 address; write one such as 192.0.2.7", shorten(s))
	}
	return nil
}
