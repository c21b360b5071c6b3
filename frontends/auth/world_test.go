package auth_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"

	"tahoe/caps"
	"tahoe/frontends/auth"
)

func testRoot(t testing.TB, seed string) caps.Read {
	t.Helper()
	h := sha256.Sum256([]byte(seed))
	d, err := caps.NewDirectory(caps.NewMutableWrite(caps.SDMF, [16]byte(h[:16]), h))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// testKey is an ed25519 key, and the two words that stand for it in a file.
func testKey(t testing.TB, seed string) (auth.PublicKey, string) {
	t.Helper()
	h := sha256.Sum256([]byte(seed))
	k, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(h[:]).Public())
	if err != nil {
		t.Fatal(err)
	}
	return k.Marshal(), k.Type() + " " + base64.StdEncoding.EncodeToString(k.Marshal())
}

func hash(t testing.TB, password string) string {
	t.Helper()
	h, err := auth.HashPassword(auth.NewPassword(password))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func cheapBcrypt(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func writeAccounts(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "accounts")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
