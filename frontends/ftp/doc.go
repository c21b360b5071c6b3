// Package ftp is the FTP door (RFC 959, 2228, 2389, 2428, 3659, 4217), for old programs and devices, and for those who like lftp. It
// lets people in through a portal and serves their tree of package vfs.
//
// The protocol is spoken here, and not by a library. goftp.io/server reads no command while a file is on its way, so that it neither
// takes ABOR nor learns that the client has gone, and calls what broke off a whole file; it drops its own setting that demands TLS; its lines,
// sessions and silent clients have no limits; and who else comes to a passive port is let in.
//
// The invariant: an upload is published when all of it came, and never else. FTP marks the end of a file by closing a connection, as a
// crash does. So a protected connection has to end with TLS's own end, and the client has to be still there when its file ends.
package ftp

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"tahoe/reactor"
)

// Plain says who may sign in without TLS, where others on the way can read the password and the files.
type Plain uint8

// Whom the door lets in without TLS.
const (
	PlainNever    Plain = iota
	PlainLoopback       // those at this machine
	PlainAlways
)

// A Config is what a Server is made of.
type Config struct {
	TLS    *tls.Config // nil: there is none, and nobody gets in whom Plain does not let
	Plain  Plain
	Ports  Ports
	Public netip.Addr    // that clients are told to connect to, when others see another address than this machine does; IPv4
	Active bool          // files may go to connections that the server makes, to the client's own address
	Clock  reactor.Clock // nil: the system's
	Log    *slog.Logger  // nil: none
	Limits Limits
}

// Ports is a range for passive connections. The zero value leaves the choice to the system.
type Ports struct{ First, Last uint16 }

// Limits bound what clients can take. Zero fields have good values.
type Limits struct {
	Sessions   int           // at once; 1024
	PerAddress int           // of those, from one address; 256
	Idle       time.Duration // without a command, once signed in; 15 minutes
	SignIn     time.Duration // until somebody has signed in; 1 minute
	Silence    time.Duration // without a byte during a transfer, or before it; 1 minute
}

func (l Limits) filled() Limits {
	return Limits{
		Sessions: cmp.Or(l.Sessions, 1024), PerAddress: cmp.Or(l.PerAddress, 256), Idle: cmp.Or(l.Idle, 15*time.Minute),
		SignIn: cmp.Or(l.SignIn, time.Minute), Silence: cmp.Or(l.Silence, time.Minute),
	}
}
