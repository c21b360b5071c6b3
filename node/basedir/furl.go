package basedir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tahoe/internal/base32"
	"tahoe/internal/nurl"
	"tahoe/node/config"
)

const (
	swissnumSize = 20
	storageFURL  = "storage.furl"
)

// A Storage is a storage server's address: where it is, and the secret that gives the right to use it.
type Storage struct {
	FURL  string      // for Foolscap
	NURLs []nurl.NURL // for GBS: one for each location
	Swiss nurl.Swissnum
}

// Format writes nothing secret, whatever the verb.
func (s Storage) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "storage at %v", s.NURLs) }

// StorageAddress returns the node's storage address at these locations. Its secret is that of private/storage.furl, which is
// written anew with the locations of now.
func (d Dir) StorageAddress(i Identity, hints []config.Hint) (Storage, error) {
	return d.storageAddress(storageFURL, i, hints)
}

// storageAddress is an address whose secret is that of a file in private.
func (d Dir) storageAddress(file string, i Identity, hints []config.Hint) (Storage, error) {
	swiss, err := d.swissnum(file, i)
	if err != nil {
		return Storage{}, err
	}
	s := Storage{Swiss: swiss}
	for _, h := range hints {
		if h.Kind == "i2p" {
			continue // GBS knows no I2P
		}
		n, err := nurl.New(nurl.HashSPKI(i.Cert.Leaf), []string{h.Address()}, swiss, h.Kind == "tor")
		if err != nil {
			return Storage{}, fmt.Errorf("tub.location %s: %w", h, err)
		}
		s.NURLs = append(s.NURLs, n)
	}
	s.FURL = furlOf(i, hints, swiss)
	return s, WriteNote(d.Private(file), []byte(s.FURL+"\n"), 0o600)
}

// furlOf is the FURL of an object of the node at these locations.
func furlOf(i Identity, hints []config.Hint, swiss nurl.Swissnum) string {
	texts := make([]string, len(hints))
	for k, h := range hints {
		texts[k] = h.String()
	}
	return "pb://" + base32.Encode(i.TubID[:]) + "@" + strings.Join(texts, ",") + "/" + swiss.Reveal()
}

// swissnum is the secret of a FURL in private, made and kept there the first time.
func (d Dir) swissnum(name string, i Identity) (nurl.Swissnum, error) {
	path := d.Private(name)
	b, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		b := make([]byte, swissnumSize)
		_, _ = rand.Read(b) // cannot fail
		furl := "pb://" + base32.Encode(i.TubID[:]) + "@/" + base32.Encode(b)
		if err := WriteFile(path, []byte(furl+"\n"), 0o600); err != nil {
			return nurl.Swissnum{}, err
		}
		return nurl.ParseSwissnum(base32.Encode(b))
	}
	if err != nil {
		return nurl.Swissnum{}, err
	}
	tub, secret, ok := SplitFURL(strings.TrimSpace(string(b)))
	if !ok {
		return nurl.Swissnum{}, fmt.Errorf("%s does not hold a FURL; restore it from a copy", path)
	}
	if tub != i.TubID {
		return nurl.Swissnum{}, fmt.Errorf("%s belongs to another private/node.pem; restore both from the same copy", path)
	}
	return nurl.ParseSwissnum(secret)
}

// SplitFURL reads the Tub id and the secret of a FURL, pb://TUBID@HINTS/SECRET.
func SplitFURL(furl string) (tub [20]byte, secret string, ok bool) {
	rest, isFURL := strings.CutPrefix(furl, "pb://")
	id, rest, hasID := strings.Cut(rest, "@")
	_, secret, hasSecret := strings.Cut(rest, "/")
	b, err := base32.Decode(strings.ToLower(id))
	if !isFURL || !hasID || !hasSecret || secret == "" || err != nil || len(b) != len(tub) {
		return tub, "", false
	}
	return [20]byte(b), secret, true
}
