package auth

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"tahoe/caps"
)

// A LineError says what is wrong with a line of an accounts file. It never quotes the line, which holds secrets.
type LineError struct {
	Line int // counted from 1
	Why  string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// ErrPlainPassword is in the chain of the error about a line that has a password where its hash should stand.
var ErrPlainPassword = errors.New("a password in plain text")

type plainError struct{ LineError }

func (e *plainError) Unwrap() error { return ErrPlainPassword }

const (
	maxAccountsFile = 16 << 20
	maxLine         = 64 << 10
	maxKeys         = 64 // of one account
)

// A Line is one line of an accounts file.
//
//	NAME HASH CAP [OPTION…]
//	NAME ssh-KIND BASE64 [COMMENT…] CAP [OPTION…]
//
// The fields are separated by blanks. CAP is the last field that begins with URI:, so that the lines of the original, which have
// no options, are read as the original does. Options are read-only, no-uri and quota=SIZE.
type Line struct {
	Account
	hash hashedPassword
	key  []byte // in its wire format
}

// ParseLine reads a line that is neither empty nor a comment. Errors say nothing of it.
func ParseLine(text string) (Line, error) {
	fields := strings.Fields(text)
	at := lastCap(fields)
	switch {
	case !utf8.ValidString(text):
		return Line{}, errors.New("the line is not UTF-8")
	case at < 0:
		return Line{}, errors.New("there is no capability in it; an account needs that of its directory, which begins with URI:DIR2")
	case at < 2:
		return Line{}, errors.New("an account has a name, a password hash or a public key, and a capability, in this order")
	case len(fields[0]) > maxName:
		return Line{}, fmt.Errorf("the name is longer than %d bytes", maxName)
	}
	l := Line{Account: Account{Name: fields[0]}}
	root, err := parseRoot(fields[at])
	if err != nil {
		return Line{}, err
	}
	l.Root = root
	if err := l.parseProof(fields[1:at]); err != nil {
		return Line{}, err
	}
	for _, option := range fields[at+1:] {
		if err := l.parseOption(option); err != nil {
			return Line{}, err
		}
	}
	return l, nil
}

func lastCap(fields []string) int {
	for k := len(fields) - 1; k >= 0; k-- {
		if strings.HasPrefix(fields[k], "URI:") {
			return k
		}
	}
	return -1
}

func parseRoot(text string) (caps.Read, error) {
	c, err := caps.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the capability cannot be read: %w", err)
	}
	root, ok := c.(caps.Read)
	if !ok || !caps.IsDirectory(c) {
		return nil, fmt.Errorf("%s is not the capability of a directory that can be read", caps.Abbrev(c))
	}
	return root, nil
}

// parseProof reads what stands between the name and the capability.
func (l *Line) parseProof(fields []string) (err error) {
	switch {
	case isKeyKind(fields[0]):
		if len(fields) < 2 {
			return errors.New("the public key is missing")
		}
		l.key, err = parseKey(fields[0], fields[1])
		return err
	case strings.HasPrefix(fields[0], "$"):
		if len(fields) > 1 {
			return errors.New("there is something between the password hash and the capability")
		}
		l.hash, err = parseHash(fields[0])
		return err
	}
	return ErrPlainPassword
}

func isKeyKind(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-sha2-") || strings.HasPrefix(word, "sk-ssh-") ||
		strings.HasPrefix(word, "sk-ecdsa-")
}

func parseKey(kind, text string) ([]byte, error) {
	wire, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the public key is not base64")
	}
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		return nil, errors.New("the public key is damaged, or of a kind that is no longer safe")
	}
	if key.Type() != kind {
		return nil, errors.New("the public key is of another kind than is said before it")
	}
	return key.Marshal(), nil
}

func (l *Line) parseOption(word string) error {
	name, value, has := strings.Cut(word, "=")
	switch {
	case name == "read-only" && !has:
		l.ReadOnly = true
	case name == "no-uri" && !has:
		l.NoPaths = true
	case name == "quota" && has:
		n, err := ParseSize(value)
		if err != nil {
			return fmt.Errorf("the option quota: %w", err)
		}
		l.Quota = n
	default:
		return errors.New("there is something behind the capability that is no option; read-only, no-uri and quota=SIZE are")
	}
	return nil
}

// ParseSize reads a number of bytes, as 1000, 20k, 3MB or 10GiB. It is at least 1.
func ParseSize(text string) (int64, error) {
	bad := errors.New("a size is a number with or without a unit, as 500MB or 10GiB")
	digits := strings.TrimRight(text, "kKMGTiBb")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		return 0, bad
	}
	unit := strings.ToLower(text[len(digits):])
	unit = strings.TrimSuffix(unit, "b")
	base := int64(1000)
	if u, ok := strings.CutSuffix(unit, "i"); ok && u != "" {
		unit, base = u, 1024
	}
	power := strings.Index("kmgt", unit) + 1
	if unit == "" {
		power = 0
	} else if power == 0 || len(unit) != 1 {
		return 0, bad
	}
	for range power {
		if n > (1<<62)/base {
			return 0, bad
		}
		n *= base
	}
	return n, nil
}

// A person is an account with all that proves it.
type person struct {
	Account
	hashes []hashedPassword
	keys   [][]byte
	lines  Standing // of all that the file says of the account
}

// add takes another line of the same account.
func (p *person) add(l Line) error {
	if p.Account != l.Account {
		return errors.New("the account stands in a line above already, with another capability or other options; several keys of one account have these in common")
	}
	if l.hash != nil {
		if len(p.hashes) > 0 {
			return errors.New("the account has a password already")
		}
		p.hashes = append(p.hashes, l.hash)
	}
	if l.key != nil {
		if len(p.keys) == maxKeys {
			return fmt.Errorf("the account has more than %d keys", maxKeys)
		}
		p.keys = append(p.keys, l.key)
	}
	return nil
}

// people are the accounts of a file.
type people struct {
	byName map[string]*person
	hashes []hashedPassword // of all, for those who are not there: see decoy
}

// parsePeople reads an accounts file. The error is a *LineError, or of reading.
func parsePeople(r io.Reader) (*people, error) {
	all := &people{byName: make(map[string]*person)}
	err := eachLine(r, func(number int, text string) error {
		l, err := ParseLine(text)
		if err == nil {
			err = all.add(l, text)
		}
		if errors.Is(err, ErrPlainPassword) {
			return &plainError{LineError{number, `the password stands there in plain text; the command "tahoe account hash --convert" replaces such passwords by their hashes`}}
		}
		if err != nil {
			return &LineError{number, err.Error()}
		}
		return nil
	})
	return all, err
}

func (all *people) add(l Line, text string) error {
	p := all.byName[l.Name]
	if p == nil {
		p = &person{Account: l.Account}
		all.byName[l.Name] = p
	}
	p.lines = p.lines.and(text)
	if l.hash != nil {
		all.hashes = append(all.hashes, l.hash)
	}
	return p.add(l)
}

// eachLine visits the lines that are neither empty nor comments.
func eachLine(r io.Reader, visit func(number int, text string) error) error {
	s := bufio.NewScanner(io.LimitReader(r, maxAccountsFile+1))
	s.Buffer(make([]byte, 0, 4096), maxLine)
	number, size := 0, 0
	for s.Scan() {
		number++
		size += len(s.Bytes()) + 1
		text := strings.TrimSpace(string(bytes.TrimPrefix(s.Bytes(), []byte("\ufeff"))))
		if size > maxAccountsFile {
			return &LineError{number, fmt.Sprintf("the file is larger than %d MiB", maxAccountsFile>>20)}
		}
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := visit(number, text); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return &LineError{number + 1, fmt.Sprintf("it is longer than %d KiB", maxLine>>10)}
	}
	return s.Err()
}

// Names are the names in the file, sorted.
func (all *people) names() []string {
	names := make([]string, 0, len(all.byName))
	for name := range all.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
