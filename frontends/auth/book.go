package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"tahoe/caps"
)

// ErrNoAccount means that there is no account of a name.
var ErrNoAccount = errors.New("there is no such account")

// ErrAccountExists means that there is an account of a name already.
var ErrAccountExists = errors.New("there is such an account already")

// A Book is an accounts file that is being edited. What it does not change stays as it was, comments included.
type Book struct{ lines []string }

// ReadBook reads an accounts file: a *LineError when a line is wrong. A password in plain text is let pass, so that Convert
// can see to it.
func ReadBook(r io.Reader) (*Book, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxAccountsFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAccountsFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxAccountsFile>>20)
	}
	book := &Book{}
	if len(b) > 0 {
		book.lines = strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	}
	if err := book.check(); err != nil && !errors.Is(err, ErrPlainPassword) {
		return nil, err
	}
	return book, nil
}

// Bytes is the file.
func (b *Book) Bytes() []byte {
	var out bytes.Buffer
	for _, l := range b.lines {
		out.WriteString(l)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func (b *Book) check() error {
	_, err := parsePeople(bytes.NewReader(b.Bytes()))
	return err
}

// nameOf is the account of a line, "" when it is of none.
func nameOf(line string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	name, _, _ = strings.Cut(name, "\t")
	if strings.HasPrefix(name, "#") {
		return ""
	}
	return name
}

// A Summary is an account without its secrets.
type Summary struct {
	Account
	Password bool     // it has one
	Keys     []string // fingerprints
}

// List has all accounts, in the order of the file.
func (b *Book) List() ([]Summary, error) {
	var all []Summary
	err := eachLine(bytes.NewReader(b.Bytes()), func(number int, text string) error {
		l, err := ParseLine(text)
		if err != nil {
			return &LineError{number, err.Error()}
		}
		at := slices.IndexFunc(all, func(s Summary) bool { return s.Name == l.Name })
		if at < 0 {
			at = len(all)
			all = append(all, Summary{Account: l.Account})
		}
		if l.key != nil {
			all[at].Keys = append(all[at].Keys, PublicKey(l.key).Fingerprint())
		} else {
			all[at].Password = true
		}
		return nil
	})
	return all, err
}

// Add makes an account, whose proofs are the texts that HashPassword and ReadKey give.
func (b *Book) Add(a Account, proofs ...string) error {
	if b.has(a.Name) {
		return ErrAccountExists
	}
	if len(strings.Fields(a.Name)) != 1 || strings.Fields(a.Name)[0] != a.Name || strings.HasPrefix(a.Name, "#") {
		return errors.New("a name has no blanks, and does not begin with #")
	}
	if len(proofs) == 0 {
		return errors.New("an account needs a password or a key")
	}
	next := &Book{slices.Clone(b.lines)}
	for _, p := range proofs {
		next.lines = append(next.lines, a.Name+" "+p+" "+tail(a))
	}
	return b.become(next)
}

// tail is the capability and the options of a line.
func tail(a Account) string {
	words := []string{a.Root.Encode()}
	if a.ReadOnly {
		words = append(words, "read-only")
	}
	if a.NoPaths {
		words = append(words, "no-uri")
	}
	if a.Quota > 0 {
		words = append(words, "quota="+strconv.FormatInt(a.Quota, 10))
	}
	return strings.Join(words, " ")
}

func (b *Book) become(next *Book) error {
	if err := next.check(); err != nil {
		return err
	}
	*b = *next
	return nil
}

func (b *Book) has(name string) bool {
	return slices.ContainsFunc(b.lines, func(l string) bool { return nameOf(l) == name && name != "" })
}

// Remove removes an account.
func (b *Book) Remove(name string) error {
	if !b.has(name) {
		return ErrNoAccount
	}
	b.lines = slices.DeleteFunc(b.lines, func(l string) bool { return nameOf(l) == name })
	return nil
}

// SetPassword gives an account another password, as HashPassword has hashed it, or its first.
func (b *Book) SetPassword(name, hash string) error {
	next, last := &Book{slices.Clone(b.lines)}, -1
	for k, text := range next.lines {
		if nameOf(text) != name || name == "" {
			continue
		}
		l, err := ParseLine(text)
		if err != nil {
			return &LineError{k + 1, err.Error()}
		}
		if last = k; l.hash != nil {
			next.lines[k] = name + " " + hash + " " + tail(l.Account)
			return b.become(next)
		}
	}
	if last < 0 {
		return ErrNoAccount
	}
	l, err := ParseLine(next.lines[last])
	if err != nil {
		return &LineError{last + 1, err.Error()}
	}
	next.lines = slices.Insert(next.lines, last+1, name+" "+hash+" "+tail(l.Account))
	return b.become(next)
}

// Convert replaces passwords in plain text by hashes, and says how many there were.
func (b *Book) Convert() (int, error) {
	next, n := &Book{slices.Clone(b.lines)}, 0
	for k, text := range next.lines {
		trimmed := strings.TrimSpace(text)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if _, err := ParseLine(trimmed); !errors.Is(err, ErrPlainPassword) {
			continue
		}
		line, err := convert(strings.Fields(trimmed))
		if err != nil {
			return 0, &LineError{k + 1, err.Error()}
		}
		next.lines[k] = line
		n++
	}
	return n, b.become(next)
}

// convert makes a line of the fields of one with a password in plain text.
func convert(fields []string) (string, error) {
	at := lastCap(fields)
	if at != 2 {
		return "", errors.New("there is something between the password and the capability; if the password has blanks in it, nobody can tell where it ends")
	}
	hash, err := HashPassword(NewPassword(fields[1]))
	if err != nil {
		return "", err
	}
	fields[1] = hash
	return strings.Join(fields, " "), nil
}

// ReadKey reads the first key of a public key file, as ssh-keygen writes it, and gives the text that an accounts file has of it.
func ReadKey(b []byte) (string, error) {
	if bytes.Contains(b, []byte("PRIVATE KEY")) {
		return "", errors.New("it holds a private key, which nobody should be given; the public one is in the file beside it that ends in .pub")
	}
	key, comment, _, _, err := ssh.ParseAuthorizedKey(b)
	if err != nil {
		return "", errors.New("it holds no public key as ssh-keygen writes it")
	}
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if comment = strings.Join(strings.Fields(comment), " "); comment != "" && !strings.Contains(comment, "URI:") {
		text += " " + comment
	}
	return text, nil
}

// ParseRoot reads the capability of an account's directory. Errors say nothing of it.
func ParseRoot(text string) (caps.Read, error) { return parseRoot(text) }
