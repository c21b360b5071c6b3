package caps

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tahoe/internal/base32"
	"tahoe/internal/taghash"
)

// maxText bounds the text of a capability, in bytes. The longest known one has fewer than 200.
const maxText = 1 << 16

// Parse reads a capability: exactly that, with nothing around it. The errors are ErrMalformed, and the two below.
//
// What it returns encodes to s again, with two exceptions. Capabilities of MDMF files may carry further fields, which old
// versions wrote and nobody needs: they are dropped. And a known capability may have the prefix "ro." or "imm.", which
// is dropped when the capability keeps it; otherwise the error is ErrTooPowerful or ErrNotImmutable.
//
// A text that some later version may understand is an Unknown, prefix and all.
func Parse(s string) (Cap, error) {
	if err := checkText(s); err != nil {
		return nil, err
	}
	constraint, text := cutConstraint(s)
	rest, ok := strings.CutPrefix(text, scheme)
	name, fields, colon := strings.Cut(rest, ":")
	k, directory, known := kindNamed(name)
	if !ok || !known {
		return parseUnknown(s)
	}
	if !colon {
		return nil, malformed(name, "nothing follows the kind")
	}
	p, err := parseFields(k, fields)
	if err != nil {
		return nil, malformed(name, "%w", err)
	}
	p.kind, p.directory = k, directory
	c := p.cap()
	if err := Require(c, constraint); err != nil {
		return nil, err
	}
	return c, nil
}

// checkText refuses what no capability of any version can be.
func checkText(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	case len(s) > maxText:
		return fmt.Errorf("%w: its %d bytes are far too many", ErrMalformed, len(s))
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: it is not UTF-8", ErrMalformed)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: there is white space or an unprintable character in it or around it", ErrMalformed)
	}
	return nil
}

func parseFields(k kind, fields string) (secret, error) {
	switch k {
	case kindLiteral:
		return parseLiteral(fields)
	case kindCHK, kindCHKVerify:
		return parseCHK(k, strings.Split(fields, ":"))
	}
	return parseMutable(k, strings.Split(fields, ":"))
}

func parseLiteral(data string) (secret, error) {
	if len(data) > base32.Len(MaxLiteral) {
		return secret{}, fmt.Errorf("more than the %d bytes that a literal may hold", MaxLiteral)
	}
	b, err := base32.Decode(data)
	if err != nil {
		return secret{}, fmt.Errorf("the data: %w", err)
	}
	return secret{text: string(b)}, nil
}

func parseCHK(k kind, fields []string) (s secret, err error) {
	if len(fields) != 5 {
		return s, fmt.Errorf("5 fields must follow the kind, not %d", len(fields))
	}
	if err := s.decode(k, fields[0], fields[1]); err != nil {
		return s, err
	}
	if s.needed, err = parseCount("needed", fields[2]); err != nil {
		return s, err
	}
	if s.total, err = parseCount("total", fields[3]); err != nil {
		return s, err
	}
	if s.size, err = parseNumber(fields[4]); err != nil {
		return s, fmt.Errorf("the size %w", err)
	}
	return s, checkCounts(s.needed, s.total)
}

func parseMutable(k kind, fields []string) (s secret, err error) {
	extended := k == kindMDMF || k == kindMDMFRead || k == kindMDMFVerify
	if len(fields) < 2 || len(fields) > 2 && !extended {
		return s, fmt.Errorf("2 fields must follow the kind, not %d", len(fields))
	}
	return s, s.decode(k, fields[0], fields[1])
}

// decode reads the two fields that follow every kind but a literal, and derives the index.
func (s *secret) decode(k kind, first, hash string) error {
	name := "key"
	if !k.readable() {
		name = "storage index"
	}
	if err := decodeInto(s.key[:], name, first); err != nil {
		return err
	}
	s.kind = k
	s.setIndex()
	name = "fingerprint"
	if !kinds[k].mutable {
		name = "hash"
	}
	return decodeInto(s.hash[:], name, hash)
}

// setIndex derives the index from the key. In what only verifies the index takes the key's place.
func (s *secret) setIndex() {
	switch {
	case !s.kind.readable():
		s.index, s.key = s.key, [keySize]byte{}
	case s.kind == kindCHK:
		s.index = taghash.StorageIndex(s.key)
	case s.kind.writable():
		s.index = taghash.MutableIndex(taghash.ReadKey(s.key))
	default:
		s.index = taghash.MutableIndex(s.key)
	}
}

func decodeInto(dst []byte, name, text string) error {
	if want := base32.Len(len(dst)); len(text) != want {
		return fmt.Errorf("the %s has %d characters instead of %d", name, len(text), want)
	}
	b, err := base32.Decode(text)
	if err != nil {
		return fmt.Errorf("the %s: %w", name, err)
	}
	copy(dst, b)
	return nil
}

func parseCount(name, text string) (int, error) {
	n, err := parseNumber(text)
	if err != nil {
		return 0, fmt.Errorf("the number of %s shares %w", name, err)
	}
	return int(min(n, maxShares+1)), nil
}

// parseNumber reads a decimal number with neither sign nor leading zeros. Its error continues the name of the number.
func parseNumber(text string) (int64, error) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, errors.New("is not a decimal number")
		}
	}
	switch {
	case text == "":
		return 0, errors.New("is missing")
	case len(text) > 1 && text[0] == '0':
		return 0, errors.New("has leading zeros")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("is too large")
	}
	return n, nil
}
