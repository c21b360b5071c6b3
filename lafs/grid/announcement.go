package grid

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"unicode"

	"tahoe/internal/base32"
	"tahoe/internal/gridmanager"
)

// A ServerID names a server: "v0-" and its public key in base32, or any text that servers.yaml gives it.
type ServerID string

// Abbrev is the first eight characters of the identifier, without "v0-": what people see.
func (id ServerID) Abbrev() string {
	r := []rune(clean(strings.TrimPrefix(string(id), "v0-")))
	return string(r[:min(8, len(r))])
}

// An Announcement is what a client is told about a server: by servers.yaml or by an introducer. Its FURL and NURLs are
// secrets, since they hold the swissnum that admits to the server. It prints as its name, but not from an unexported
// field of something that is printed: there package fmt looks at the fields and follows pointers.
type Announcement struct {
	ID       ServerID
	Nickname string
	NURLs    []string // where it speaks GBS
	FURL     string   // names its Tub, from which lease secrets derive
	Seed     []byte   // places it in the permuted order; nil: from the ID

	Certificates []gridmanager.Signed // by which grid managers say that shares should go there

	Application string            // name and version of its software, as announced
	Connections map[string]string // of servers.yaml: "tcp" to "tcp", "tor" or "disabled"
}

// tubIDSize is the size of a Tub's identifier, a SHA-1.
const tubIDSize = 20

var errNoFURL = errors.New(`"anonymous-storage-FURL" is missing`)

// TubID is the identity of the server's Tub, out of its FURL "pb://TUBID@HINTS/SWISSNUM".
func (a *Announcement) TubID() ([tubIDSize]byte, error) {
	if a.FURL == "" {
		return [tubIDSize]byte{}, errNoFURL
	}
	rest, ok := strings.CutPrefix(a.FURL, "pb://")
	tub, _, at := strings.Cut(rest, "@")
	if !ok || !at {
		return [tubIDSize]byte{}, errors.New(`"anonymous-storage-FURL" does not have the form pb://TUBID@HOST:PORT/SWISSNUM`)
	}
	b, err := base32.Decode(strings.ToLower(tub))
	if err != nil || len(b) != tubIDSize {
		return [tubIDSize]byte{}, errors.New(`"anonymous-storage-FURL" does not name a Tub: between pb:// and @ belong 32 characters of base32`)
	}
	return [tubIDSize]byte(b), nil
}

// PermutationSeed is what places the server in the permuted order: the seed that it announced, else its public key, else,
// for an ID that is no public key, the SHA-256 of the ID.
func (a *Announcement) PermutationSeed() ([]byte, error) {
	if a.Seed != nil {
		return slices.Clone(a.Seed), nil
	}
	key, ok := strings.CutPrefix(string(a.ID), "v0-")
	if !ok || !looksLikeKey(key) {
		h := sha256.Sum256([]byte(a.ID))
		return h[:], nil
	}
	b, err := base32.Decode(key)
	if err != nil {
		return nil, fmt.Errorf("identifier %q looks like a public key and is none: %w", string(a.ID), err)
	}
	return b, nil
}

// keyChars is the length of an Ed25519 public key in base32.
const keyChars = 52

func looksLikeKey(s string) bool {
	return len(s) == keyChars && !strings.ContainsFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	})
}

// Equal says whether both announce the same.
func (a *Announcement) Equal(b *Announcement) bool {
	return a.ID == b.ID && a.Nickname == b.Nickname && a.FURL == b.FURL && a.Application == b.Application &&
		slices.Equal(a.NURLs, b.NURLs) && bytes.Equal(a.Seed, b.Seed) && (a.Seed == nil) == (b.Seed == nil) &&
		maps.Equal(a.Connections, b.Connections) && slices.Equal(a.Certificates, b.Certificates)
}

// clone makes a copy that shares no memory.
func (a Announcement) clone() *Announcement {
	a.NURLs, a.Seed, a.Connections, a.Certificates = slices.Clone(a.NURLs), slices.Clone(a.Seed), maps.Clone(a.Connections), slices.Clone(a.Certificates)
	return &a
}

// sealed is an announcement that whoever holds it prints as an address.
type sealed func() *Announcement

func (a Announcement) seal() sealed {
	own := a.clone()
	return func() *Announcement { return own }
}

// String is the server's name and abbreviated identifier.
func (a Announcement) String() string {
	name, id := clean(a.Nickname), a.ID.Abbrev()
	switch {
	case name == "":
		return id
	case id == "" || name == id:
		return name
	}
	return name + " (" + id + ")"
}

// Format writes String, whatever the verb.
func (a Announcement) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue is String.
func (a Announcement) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText gives String: no encoder that finds an Announcement writes more.
func (a Announcement) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// maxName is the longest name that is shown, in characters. Names come from strangers.
const maxName = 100

// clean makes a stranger's name fit to be printed on one line.
func clean(s string) string { return cleanTo(s, maxName) }

func cleanTo(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-1]) + "…"
	}
	return strings.TrimSpace(s)
}
