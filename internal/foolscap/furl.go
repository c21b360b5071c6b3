package foolscap

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"tahoe/internal/base32"
)

const (
	scheme     = "pb://"
	tubIDChars = 32
	maxFURL    = 4096
	maxHints   = 32
)

// A TubID is the SHA-1 of a Tub's certificate.
type TubID [20]byte

// String spells the Tub id as a FURL does.
func (i TubID) String() string { return base32.Encode(i[:]) }

// A FURL names an object of a Tub: pb://TUBID@HINT,HINT…/SWISSNUM. Only Swissnum and Encode yield the swissnum, which is the
// right to use the object; however else a FURL is formatted or logged, it comes out without it.
type FURL struct {
	tub      TubID
	hints    string
	swissnum *string // fmt follows no pointer to a string
}

// ParseFURL reads a FURL. What stands behind the first 32 characters of its Tub id is for future versions, and left out.
func ParseFURL(s string) (FURL, error) {
	if len(s) > maxFURL {
		return FURL{}, fmt.Errorf("%w: %d characters, more than %d", ErrMalformed, len(s), maxFURL)
	}
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return FURL{}, fmt.Errorf("%w: it must begin with %s", ErrMalformed, scheme)
	}
	id, rest, ok := strings.Cut(rest, "@")
	if !ok {
		return FURL{}, fmt.Errorf("%w: no @ behind the Tub id", ErrMalformed)
	}
	hints, swissnum, ok := strings.Cut(rest, "/")
	if !ok || swissnum == "" {
		return FURL{}, fmt.Errorf("%w: no / and swissnum behind the addresses", ErrMalformed)
	}
	if strings.ContainsFunc(hints+swissnum, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return FURL{}, fmt.Errorf("%w: it holds a character that is not plain printable ASCII", ErrMalformed)
	}
	if err := checkHints(hints); err != nil {
		return FURL{}, err
	}
	b, err := base32.Decode(strings.ToLower(id[:min(len(id), tubIDChars)]))
	if err != nil || len(b) != len(TubID{}) {
		return FURL{}, fmt.Errorf("%w: the Tub id is not %d characters of a-z and 2-7", ErrMalformed, tubIDChars)
	}
	return FURL{tub: TubID(b), hints: hints, swissnum: &swissnum}, nil
}

func checkHints(hints string) error {
	if hints == "" {
		return nil
	}
	if n := strings.Count(hints, ",") + 1; n > maxHints {
		return fmt.Errorf("%w: %d addresses, more than %d", ErrMalformed, n, maxHints)
	}
	for h := range strings.SplitSeq(hints, ",") {
		if h == "" {
			return fmt.Errorf("%w: an empty address", ErrMalformed)
		}
	}
	return nil
}

// Tub is whose object it is.
func (f FURL) Tub() TubID { return f.tub }

// Hints are the places where the Tub may be found, such as tcp:example.com:3457.
func (f FURL) Hints() []string {
	if f.hints == "" {
		return nil
	}
	return strings.Split(f.hints, ",")
}

// Swissnum is the secret that names the object.
func (f FURL) Swissnum() string {
	if f.swissnum == nil {
		return ""
	}
	return *f.swissnum
}

// Encode writes the FURL with its swissnum: to be handed to those who may use the object, and not to be logged.
func (f FURL) Encode() string { return f.public() + "/" + f.Swissnum() }

func (f FURL) public() string { return scheme + f.tub.String() + "@" + f.hints }

// String is the FURL without its swissnum.
func (f FURL) String() string { return f.public() + "/(swissnum)" }

// Format writes String, whatever the verb.
func (f FURL) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }

// LogValue is String.
func (f FURL) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalText gives String: an encoder that comes upon a FURL does not get more.
func (f FURL) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// addresses are the hints that we can follow: host:port.
func (f FURL) addresses() []string {
	var out []string
	for _, h := range f.Hints() {
		if a, ok := address(h); ok {
			out = append(out, a)
		}
	}
	return out
}

// address reads a hint tcp:host:port, or host:port, as it was written formerly.
func address(hint string) (string, bool) {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(hint, "tcp:"))
	if err != nil || host == "" {
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}
