// Package nurl reads and writes NURLs, the addresses of storage servers: pb://SPKI@HOST:PORT[,HOST:PORT…]/SWISSNUM#v=1,
// with pb+tor:// for servers reached through Tor. It is for storage/gbs, which trusts a server for the hash of its public
// key alone, and for whoever announces or configures servers.
//
// The invariant: a NURL has one spelling, and only Encode and Swissnum.Reveal yield the swissnum, which is the right to use
// the server. However else a NURL is formatted or logged, it comes out without it.
package nurl

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ErrMalformed is what every refusal of Parse and New wraps. The refusals quote nothing secret.
var ErrMalformed = errors.New("malformed NURL")

const (
	schemeTCP = "pb://"
	schemeTor = "pb+tor://"
	fragment  = "#v=1"
	maxLength = 4096
	maxAddrs  = 16
)

// A NURL names a storage server: where it is, which key it must prove to have, and the swissnum that it asks for.
type NURL struct {
	tor      bool
	spki     SPKI
	addrs    string // joined by commas, so that NURLs can be compared
	swissnum Swissnum
}

// New makes a NURL of its parts. Each of addrs is host:port, as net.JoinHostPort writes it.
func New(spki SPKI, addrs []string, swissnum Swissnum, tor bool) (NURL, error) {
	if err := checkAddrs(addrs); err != nil {
		return NURL{}, err
	}
	if swissnum == (Swissnum{}) {
		return NURL{}, fmt.Errorf("%w: no swissnum", ErrMalformed)
	}
	return NURL{tor: tor, spki: spki, addrs: strings.Join(addrs, ","), swissnum: swissnum}, nil
}

// Parse reads a NURL. It accepts what Encode writes, and nothing else.
func Parse(s string) (NURL, error) {
	if len(s) > maxLength {
		return NURL{}, fmt.Errorf("%w: %d characters, more than %d", ErrMalformed, len(s), maxLength)
	}
	rest, tor := strings.CutPrefix(s, schemeTor)
	if !tor {
		var ok bool
		if rest, ok = strings.CutPrefix(s, schemeTCP); !ok {
			return NURL{}, fmt.Errorf("%w: it must begin with %s or %s", ErrMalformed, schemeTCP, schemeTor)
		}
	}
	rest, ok := strings.CutSuffix(rest, fragment)
	if !ok {
		return NURL{}, fmt.Errorf("%w: it must end with %s (without it, this is a FURL, for Foolscap)", ErrMalformed, fragment)
	}
	hash, rest, ok := strings.Cut(rest, "@")
	if !ok {
		return NURL{}, fmt.Errorf("%w: no @ behind the hash of the server's key", ErrMalformed)
	}
	addrs, swiss, ok := strings.Cut(rest, "/")
	if !ok {
		return NURL{}, fmt.Errorf("%w: no / behind the addresses", ErrMalformed)
	}
	spki, err := ParseSPKI(hash)
	if err != nil {
		return NURL{}, err
	}
	swissnum, err := ParseSwissnum(swiss)
	if err != nil {
		return NURL{}, err
	}
	return New(spki, strings.Split(addrs, ","), swissnum, tor)
}

func checkAddrs(addrs []string) error {
	if len(addrs) == 0 || len(addrs) > maxAddrs {
		return fmt.Errorf("%w: %d addresses, not 1 to %d", ErrMalformed, len(addrs), maxAddrs)
	}
	for n, a := range addrs {
		if err := checkAddr(a); err != nil {
			return fmt.Errorf("%w: address %d: %w", ErrMalformed, n+1, err)
		}
	}
	return nil
}

func checkAddr(a string) error {
	host, port, err := net.SplitHostPort(a)
	if err != nil || net.JoinHostPort(host, port) != a {
		return errors.New("not host:port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return errors.New("the port is not a number from 1 to 65535")
	}
	if strings.Contains(host, ":") {
		if ip, err := netip.ParseAddr(host); err != nil || ip.Zone() != "" {
			return errors.New("the host in brackets is not an IPv6 address")
		}
		return nil
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return !hostRune(r) }) {
		return errors.New("the host is not a host name or an IP address")
	}
	return nil
}

func hostRune(r rune) bool { return isAlphanumeric(r) || r == '-' || r == '.' || r == '_' }

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// SPKI is the hash of the key that the server must prove to have.
func (n NURL) SPKI() SPKI { return n.spki }

// Addrs are the server's addresses, host:port, to be tried in this order.
func (n NURL) Addrs() []string { return slices.Collect(strings.SplitSeq(n.addrs, ",")) }

// Swissnum is what the server asks for.
func (n NURL) Swissnum() Swissnum { return n.swissnum }

// Tor says that the addresses are reached through Tor.
func (n NURL) Tor() bool { return n.tor }

// Encode writes the NURL with its swissnum: to be handed to those who may use the server, and not to be logged.
func (n NURL) Encode() string { return n.public() + "/" + n.swissnum.Reveal() + fragment }

func (n NURL) public() string {
	scheme := schemeTCP
	if n.tor {
		scheme = schemeTor
	}
	return scheme + n.spki.String() + "@" + n.addrs
}

// String is the NURL without its swissnum.
func (n NURL) String() string { return n.public() + "/(swissnum)" + fragment }

// Format writes String, whatever the verb.
func (n NURL) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(n.String())) }

// LogValue is String.
func (n NURL) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText gives String: an encoder that comes upon a NURL does not get more.
func (n NURL) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
