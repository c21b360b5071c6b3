// Package authtest says what every auth.Checker does. It is for the tests of checkers.
//
// The invariant: a checker that passes Run can be put behind a portal beside any other.
package authtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/auth"
)

// A World is a checker with an account that it knows.
type World struct {
	Checker  auth.Checker
	Name     string
	Password string         // "": the checker knows no passwords
	Key      auth.PublicKey // nil: the checker knows no keys
	OtherKey auth.PublicKey // a good key that is not the account's
	Root     caps.Cap
	Claims   bool // names that it does not know are ErrDenied, because it claims all
}

// Run checks what all checkers have in common.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Run("the right proof", func(t *testing.T) { rightProof(t, open(t)) })
	t.Run("wrong proofs", func(t *testing.T) { wrongProofs(t, open(t)) })
	t.Run("unknown names", func(t *testing.T) { unknownNames(t, open(t)) })
	t.Run("a context that has ended", func(t *testing.T) { ended(t, open(t)) })
	t.Run("errors tell no secret", func(t *testing.T) { silent(t, open(t)) })
}

func (w World) proofs() []auth.Proof {
	var all []auth.Proof
	if w.Password != "" {
		all = append(all, auth.NewPassword(w.Password))
	}
	if w.Key != nil {
		all = append(all, w.Key)
	}
	return all
}

func rightProof(t *testing.T, w World) {
	if len(w.proofs()) == 0 {
		t.Fatal("the world has no proof")
	}
	for _, p := range w.proofs() {
		a, err := w.Checker.Check(t.Context(), auth.Login{Name: w.Name, Proof: p})
		if err != nil || a.Name != w.Name || a.Root != w.Root {
			t.Errorf("%T: got %v, %v, want %s with %v", p, a, err, w.Name, w.Root)
		}
	}
}

func wrongProofs(t *testing.T, w World) {
	for _, p := range []auth.Proof{
		auth.NewPassword(""), auth.NewPassword("0"), auth.NewPassword(w.Password + "x"), auth.NewPassword(strings.ToUpper(w.Password) + " "),
		auth.NewPassword(strings.Repeat("long", 1000)), auth.NewPassword("a\x00b\r\n--"), auth.Password{},
		w.OtherKey, auth.PublicKey(nil), auth.PublicKey("damaged"), nil,
	} {
		a, err := w.Checker.Check(t.Context(), auth.Login{Name: w.Name, Proof: p})
		if !refused(err) || a != (auth.Account{}) {
			t.Errorf("%T: got %v, %v, want a refusal and no account", p, a, err)
		}
	}
}

func refused(err error) bool {
	return errors.Is(err, auth.ErrDenied) || errors.Is(err, auth.ErrUnhandled)
}

func unknownNames(t *testing.T, w World) {
	for _, name := range []string{w.Name + "x", strings.ToUpper(w.Name), "", " " + w.Name, "\x00", strings.Repeat("n", 100_000), "#", "$argon2id$"} {
		for _, p := range w.proofs() {
			a, err := w.Checker.Check(t.Context(), auth.Login{Name: name, Proof: p})
			if !refused(err) || a != (auth.Account{}) {
				t.Errorf("%.20q: got %v, %v, want a refusal", name, a, err)
			}
			if !w.Claims && !errors.Is(err, auth.ErrUnhandled) {
				t.Errorf("%.20q: got %v, want ErrUnhandled, so that the next checker is asked", name, err)
			}
		}
	}
}

func ended(t *testing.T, w World) {
	if w.Password == "" {
		return
	}
	cause := errors.New("the client has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := w.Checker.Check(ctx, auth.Login{Name: w.Name, Proof: auth.NewPassword(w.Password)}); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
}

func silent(t *testing.T, w World) {
	const wrong = "correct horse battery staple"
	l := auth.Login{Name: w.Name, Proof: auth.NewPassword(wrong)}
	_, err := w.Checker.Check(t.Context(), l)
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", l), fmt.Sprintf("%#v", l), fmt.Sprintf("%s", []any{l})} {
		if strings.Contains(text, wrong) || w.Root != nil && strings.Contains(text, w.Root.Encode()) {
			t.Errorf("a secret is told: %s", text)
		}
	}
}
