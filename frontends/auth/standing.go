package auth

import (
	"context"
	"crypto/sha256"
)

// A Standing is a digest of what a checker holds of an account: the capability, the options and all that proves it. It is zero when there
// is no such account.
type Standing [sha256.Size]byte

// and is the standing of an account of which a line says more.
func (s Standing) and(line string) Standing { return sha256.Sum256(append(s[:], line...)) }

// A Voucher is a Checker that can tell later whether an account is still what it was when somebody signed in.
type Voucher interface {
	Standing(ctx context.Context, name string) (Standing, error)
}

// Standing implements Voucher.
func (f *AccountFile) Standing(ctx context.Context, name string) (Standing, error) {
	s, err := f.current(ctx)
	if err != nil {
		return Standing{}, err
	}
	if p, ok := s.people.byName[name]; ok {
		return p.lines, nil
	}
	return Standing{}, nil
}

// standing is what all checkers of the portal that can tell say of a name.
func (p *Portal[A]) standing(ctx context.Context, name string) (Standing, error) {
	var all Standing
	for _, c := range p.Checkers {
		v, ok := c.(Voucher)
		if !ok {
			continue
		}
		s, err := v.Standing(ctx, name)
		if err != nil {
			return Standing{}, err
		}
		all = all.and(string(s[:]))
	}
	return all, nil
}
