package grid

import (
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"tahoe/internal/gridmanager"
	"tahoe/reactor"
)

// maxCertificates is how many certificates of one server are looked at.
const maxCertificates = 64

// certificates reads those that a server announces. One that makes no sense is passed over: files can be read from the server all
// the same.
func (p *parser) certificates(key string) []gridmanager.Signed {
	list, _ := p.ann[key].([]any)
	var out []gridmanager.Signed
	for _, v := range list[:min(len(list), maxCertificates)] {
		b, err := json.Marshal(v)
		if err != nil {
			continue
		}
		if s, err := gridmanager.ParseSigned(b); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// certify finds out what the grid managers say of a server. Whose identifier is no public key, has no certificate.
func (s *Server) certify(managers []gridmanager.PublicKey, clock reactor.Clock, log *slog.Logger) {
	key, err := gridmanager.ParsePublicKey("pub-" + string(s.ID()))
	if err != nil {
		key = gridmanager.PublicKey{}
	}
	check, errs := gridmanager.NewCheck(managers, key, s.ann().Certificates)
	for _, err := range errs {
		if len(managers) > 0 {
			log.Warn("a server's certificate is of no use", "server", s, "error", err)
		}
	}
	s.managed = managed{limited: len(managers) > 0, check: check, clock: clock}
}

// managed is what grid managers say of a server. The zero value is that there are none.
type managed struct {
	limited bool
	check   gridmanager.Check
	clock   reactor.Clock
}

// Certified says whether new shares may be put on the server now: a grid manager that this client trusts certifies it, or the client
// has none, and it is not to be retired. Reading and checking is unrestricted.
func (s *Server) Certified() bool { return s.Barred() == nil }

// Barred says why no new shares may be put on the server now: ErrUncertified, ErrRetiring, or nil.
func (s *Server) Barred() error {
	switch {
	case !s.managed.valid():
		return ErrUncertified
	case s.Retiring():
		return ErrRetiring
	}
	return nil
}

// Why a server gets no shares that would be of use otherwise.
var (
	ErrUncertified = errors.New("no grid manager of [grid_managers] certifies it now")
	ErrRetiring    = errors.New("it is to be retired")
)

func (m managed) valid() bool { return !m.limited || m.check.Valid(m.clock.Now()) }

// A Certification is what the grid managers of a client say of a server.
type Certification struct {
	Limited bool      // the client has grid managers; otherwise every server is good
	Valid   bool      // shares may be put there now
	Expires time.Time // when the last certificate ends or ended; zero when there is none
}

func (s *Server) certification() Certification {
	c := Certification{Limited: s.managed.limited, Valid: s.managed.valid()}
	c.Expires, _ = s.managed.check.Expires()
	return c
}
