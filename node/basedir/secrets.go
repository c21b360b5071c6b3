package basedir

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tahoe/internal/base32"
)

const secretSize = 32

func newSecret() (string, error) {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // cannot fail
	return base32.Encode(b), nil
}

// LeaseSecret returns what the node's lease secrets derive from, of private/secret.
func (d Dir) LeaseSecret() ([]byte, error) { return d.secret("secret", false) }

// Convergence returns the convergence secret, of private/convergence. An empty file means an empty secret, which is shared by
// all who use it.
func (d Dir) Convergence() ([]byte, error) { return d.secret("convergence", true) }

func (d Dir) secret(name string, mayBeEmpty bool) ([]byte, error) {
	text, err := d.readOrMake(name, newSecret)
	if err != nil {
		return nil, err
	}
	b, err := base32.Decode(text)
	if err != nil || len(b) == 0 && !mayBeEmpty {
		return nil, fmt.Errorf("%s does not hold a secret in base32; restore it from a copy", d.Private(name))
	}
	return b, nil
}

// NewAuthToken makes a token, and writes it into private/api_auth_token: who can read it may use what the web port keeps
// for this machine's user.
func (d Dir) NewAuthToken() (string, error) {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // cannot fail
	token := base64.URLEncoding.EncodeToString(b)
	return token, WriteNote(d.Private("api_auth_token"), []byte(token+"\n"), 0o600)
}

// PermutationSeed returns the text that a storage server announces as its place in the permuted order, of the file
// permutation-seed, in base32. It stays what it was first: a server with shares but without the file dates from the time
// when it was the Tub id. The seed is otherwise the letters of the public key, not its bytes.
func (d Dir) PermutationSeed(i Identity, storageDir string) (string, error) {
	path := d.Path("permutation-seed")
	b, err := readSmall(path)
	if err == nil && strings.TrimSpace(string(b)) != "" {
		seed := strings.TrimSpace(string(b))
		if _, err := base32.Decode(seed); err != nil {
			return "", fmt.Errorf("%s does not hold base32 (%w); restore it from a copy", path, err)
		}
		return seed, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	seed := base32.Encode([]byte(i.publicText()))
	if hasShares(storageDir) {
		seed = base32.Encode(i.TubID[:])
	}
	return seed, WriteFile(path, []byte(seed+"\n"), 0o644)
}

// hasShares says whether the storage directory has anything but uploads under way.
func hasShares(storageDir string) bool {
	f, err := os.Open(filepath.Join(storageDir, "shares"))
	if err != nil {
		return false
	}
	defer f.Close()
	names, _ := f.Readdirnames(2) // "incoming" is at most one of them
	return slices.ContainsFunc(names, func(name string) bool { return name != "incoming" })
}
