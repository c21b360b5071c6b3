// Package auth lets people in who know nothing of capabilities: it makes of a name and a password, or a name and a key, an
// account, and of an account what a door serves. It is for the front ends that ask who is there, and for whoever keeps the
// list of accounts.
//
// A Checker knows accounts. A Realm makes an avatar of an account: what a door hands to the person who came in, a file tree or a
// home page. A Portal stands between them and is all that a door sees.
//
// The invariant: whoever is refused learns nothing from it. A wrong password, an unknown name and a lock-out give the same
// error after about the same time; the reason is in the audit log, and no password ever is.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"tahoe/caps"
)

// ErrDenied is the one refusal.
var ErrDenied = errors.New("sign-in refused")

// ErrUnhandled means that a checker does not know such a name, or such a proof: the next one is asked.
var ErrUnhandled = errors.New("not known to this checker")

// An Account is who somebody is: a name, and nothing but a root capability. The rest says what the doors refuse to do with it.
type Account struct {
	Name     string
	Root     caps.Read // of a directory
	ReadOnly bool      // nothing may be changed, whatever the capability allows
	Quota    int64     // how many bytes it may hold; 0: no limit
	NoPaths  bool      // it may not reach other capabilities than its own, as /uri/CAP/ does
}

// A Login is an attempt to sign in.
type Login struct {
	Name  string
	Proof Proof
	From  netip.Addr // where it comes from; the zero value for somebody at this machine
	Door  string     // which front end it comes through, for the audit log: "sftp"
}

// A Proof is a Password or a PublicKey.
type Proof interface{ proof() }

// A Password is what somebody typed. It prints as nothing of itself.
type Password struct{ text func() string }

// NewPassword makes a Password.
func NewPassword(text string) Password { return Password{func() string { return text }} }

// Reveal is the text.
func (p Password) Reveal() string {
	if p.text == nil {
		return ""
	}
	return p.text()
}

// Format hides the password, whatever the verb.
func (Password) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("password")) }

// LogValue hides the password.
func (Password) LogValue() slog.Value { return slog.StringValue("password") }

// MarshalText hides the password.
func (Password) MarshalText() ([]byte, error) { return []byte("password"), nil }

func (Password) proof() {}

// A PublicKey is an SSH public key in its wire format. Who offers one has proved nothing: the door verifies the signature.
type PublicKey []byte

func (PublicKey) proof() {}

// A Checker knows accounts. It answers ErrDenied for a wrong proof, ErrUnhandled for what it does not know, and anything else
// when it could not find out. Finding out takes the same time for a name that it knows and for one that it does not know.
type Checker interface {
	Check(ctx context.Context, l Login) (Account, error)
}

// A Realm makes an avatar of an account. Logout is called once, when the session is over.
type Realm[A any] func(ctx context.Context, a Account) (avatar A, logout func(), err error)
