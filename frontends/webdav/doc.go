// Package webdav is the WebDAV door: classes 1 and 2 (RFC 4918), for people who mount their files as a drive or use a program that
// speaks it. The protocol is golang.org/x/net/webdav's; this package lets people in, and puts an account's tree under it.
//
// Who comes in shows a name and a password with each request, over TLS or from this machine. A Server is an http.Handler, for a web port
// that has others too, and has a Service for a port of its own.
//
// The invariant: no answer and no line of a log holds a capability, and the door knows no path that does: /uri/CAP/ leads nowhere here,
// because addresses end in the logs of others. A file whose upload broke off is not published.
package webdav

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// Plain says who may sign in without TLS, where others on the way can read the password.
type Plain uint8

// Whom a door lets in without TLS.
const (
	PlainLoopback Plain = iota // those at this machine
	PlainNever
	PlainAlways
)

// A Config is what a Server is made of.
type Config struct {
	Prefix string // of the path: "/dav"; "" at a port of its own
	Plain  Plain
	Clock  reactor.Clock // nil: the system's
	Log    *slog.Logger  // nil: none
	Limits Limits
}

// Limits bound what clients can take. Zero fields have good values.
type Limits struct {
	Requests   int           // that are served at once; 512
	PerAccount int           // of those, of one account, and of one address; 64
	Locks      int           // of one account; 1024
	LockTime   time.Duration // for which a lock lasts at most; 1 hour
	Silence    time.Duration // after which a client that neither sends nor takes is given up; 1 minute
}

func (l Limits) filled() Limits {
	return Limits{
		Requests: cmp.Or(l.Requests, 512), PerAccount: cmp.Or(l.PerAccount, 64), Locks: cmp.Or(l.Locks, 1024),
		LockTime: cmp.Or(l.LockTime, time.Hour), Silence: cmp.Or(l.Silence, time.Minute),
	}
}

// maxXML is how much a request may say about properties and locks.
const maxXML = 64 << 10

// Realm makes the views of this door.
func Realm(f *vfs.FS) auth.Realm[*vfs.View] {
	return func(_ context.Context, a auth.Account) (*vfs.View, func(), error) {
		a.NoPaths = true
		v := f.View(a)
		return v, v.Close, nil
	}
}
