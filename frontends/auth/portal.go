package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"tahoe/reactor"
)

// A Portal is what a door asks. It may be used by several goroutines at once. Guard is shared by all doors of a node, so that
// who is locked out of one is locked out of all.
type Portal[A any] struct {
	Realm    Realm[A]
	Checkers []Checker
	Guard    *Guard
	Clock    reactor.Clock // nil: the system's
	Log      *slog.Logger  // the audit log; nil: none
}

// refusal is how long it takes to be refused: longer than any checker needs, so that the time tells nothing, and long
// enough to make guessing slow.
const refusal = time.Second

// Login lets somebody in who has proved who it is, with a password.
func (p *Portal[A]) Login(ctx context.Context, l Login) (A, func(), error) {
	a, err := p.Authenticate(ctx, l)
	if err != nil {
		var none A
		return none, nil, err
	}
	return p.Enter(ctx, a, l)
}

// Authenticate finds the account. The error is ErrDenied, or the cause of ctx. For a PublicKey it says that the account has this
// key: whoever asked has yet to prove that it is theirs, before Enter.
func (p *Portal[A]) Authenticate(ctx context.Context, l Login) (Account, error) {
	if _, ok := l.Proof.(Password); !ok {
		return p.offer(ctx, l)
	}
	begin := p.clock().Now()
	a, err := p.guarded(ctx, l)
	if err == nil {
		return a, nil
	}
	if ctx.Err() != nil {
		return Account{}, context.Cause(ctx)
	}
	p.audit(slog.LevelWarn, "sign-in refused", l, slog.String("reason", err.Error()))
	if err := reactor.Sleep(ctx, p.clock(), refusal-p.clock().Now().Sub(begin)); err != nil {
		return Account{}, err
	}
	return Account{}, ErrDenied
}

// offer asks whether an account has a key. A key cannot be guessed, and clients offer all that they have, so that a refusal
// is neither counted nor slow nor worth a line in the log.
func (p *Portal[A]) offer(ctx context.Context, l Login) (Account, error) {
	a, err := p.check(ctx, l)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return Account{}, context.Cause(ctx)
	case !errors.Is(err, ErrDenied) && !errors.Is(err, ErrUnhandled):
		p.audit(slog.LevelError, "sign-in could not be checked", l, slog.String("reason", err.Error()))
	}
	return Account{}, ErrDenied
}

func (p *Portal[A]) guarded(ctx context.Context, l Login) (Account, error) {
	attempt, err := p.guard().begin(ctx, l)
	if err != nil {
		return Account{}, err
	}
	a, err := p.check(ctx, l)
	switch {
	case err == nil:
		attempt.succeeded()
	case errors.Is(err, ErrDenied) || errors.Is(err, ErrUnhandled):
		attempt.failed()
	default:
		attempt.unknown()
	}
	return a, err
}

// check asks the checkers, the first of them that knows the account.
func (p *Portal[A]) check(ctx context.Context, l Login) (Account, error) {
	if l.Name == "" || len(l.Name) > maxName {
		return Account{}, ErrUnhandled
	}
	for _, c := range p.Checkers {
		a, err := c.Check(ctx, l)
		if !errors.Is(err, ErrUnhandled) {
			return a, err
		}
	}
	return Account{}, ErrUnhandled
}

// Enter makes the avatar of an account that has been authenticated. The caller calls logout when the session is over.
func (p *Portal[A]) Enter(ctx context.Context, a Account, l Login) (A, func(), error) {
	avatar, logout, err := p.Realm(ctx, a)
	if err != nil {
		p.audit(slog.LevelError, "sign-in could not be finished", l, slog.String("reason", err.Error()))
		return avatar, nil, err
	}
	p.audit(slog.LevelInfo, "signed in", l)
	return avatar, logout, nil
}

func (p *Portal[A]) guard() *Guard {
	if p.Guard == nil {
		return open
	}
	return p.Guard
}

func (p *Portal[A]) clock() reactor.Clock {
	if p.Clock == nil {
		return reactor.System()
	}
	return p.Clock
}

func (p *Portal[A]) audit(level slog.Level, what string, l Login, more ...slog.Attr) {
	if p.Log == nil {
		return
	}
	attrs := append([]slog.Attr{slog.String("door", l.Door), slog.String("account", shorten(l.Name)), slog.String("from", addrText(l.From)),
		slog.String("by", kindOf(l.Proof))}, more...)
	p.Log.LogAttrs(context.Background(), level, what, attrs...)
}

// shorten keeps what somebody sent as a name from filling the log.
func shorten(name string) string {
	const most = 64
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return "local"
	}
	return a.String()
}

func kindOf(p Proof) string {
	if k, ok := p.(PublicKey); ok {
		return "key " + k.Fingerprint()
	}
	return "password"
}
