package gbs

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unique"

	"tahoe/internal/nurl"
	"tahoe/storage"
)

// The kinds of secrets that a request carries beside the swissnum.
const (
	kindRenew   = "lease-renew-secret"
	kindCancel  = "lease-cancel-secret"
	kindUpload  = "upload-secret"
	kindEnabler = "write-enabler"
)

// authorization is the header that proves a client's right to use a server.
func authorization(s nurl.Swissnum) string {
	return "Tahoe-LAFS " + base64.StdEncoding.EncodeToString([]byte(s.Reveal()))
}

// checkAuthorization compares the header's hash, so that the time it takes says nothing about the swissnum's length either.
func checkAuthorization(h http.Header, want [sha256.Size]byte) error {
	got := sha256.Sum256([]byte(h.Get("Authorization")))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return fmt.Errorf("the Authorization header does not prove the right to use this server, check the swissnum: %w", storage.ErrBadSecret)
	}
	return nil
}

// An uploadSecret proves that a write belongs to an upload. It has no fixed size. It prints as "secret", and its bytes lie
// behind a handle, so that a struct that holds one leaks nothing when printed.
type uploadSecret struct{ h unique.Handle[string] }

func newUploadSecret(b []byte) uploadSecret { return uploadSecret{unique.Make(string(b))} }

func (s uploadSecret) bytes() []byte { return []byte(s.h.Value()) }

func (s uploadSecret) equal(t uploadSecret) bool {
	return subtle.ConstantTimeCompare(s.bytes(), t.bytes()) == 1
}

func (s uploadSecret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("secret")) }

// secrets are those of one request; which of them are set depends on the request.
type secrets struct {
	lease   storage.LeaseSecrets
	enabler storage.Secret
	upload  uploadSecret
}

func setSecret(h http.Header, kind string, b []byte) {
	h.Add(headerSecret, kind+" "+base64.StdEncoding.EncodeToString(b))
}

func setLease(h http.Header, l storage.LeaseSecrets) {
	renew, cancel := l.Renew.Bytes(), l.Cancel.Bytes()
	setSecret(h, kindRenew, renew[:])
	setSecret(h, kindCancel, cancel[:])
}

// parseSecrets reads the secrets of a request, which must be those of the given kinds, once each, and no others.
func parseSecrets(h http.Header, kinds ...string) (secrets, error) {
	values := h.Values(headerSecret)
	if len(values) > maxSecretHeaders {
		return secrets{}, fmt.Errorf("%d %s headers: %w", len(values), headerSecret, storage.ErrMalformed)
	}
	found := make(map[string][]byte, len(kinds))
	for _, v := range values {
		kind, text, _ := strings.Cut(strings.TrimSpace(v), " ")
		if !slices.Contains(kinds, kind) {
			return secrets{}, fmt.Errorf("%s header of a kind that this request does not take, it takes %s: %w", headerSecret, kindList(kinds), storage.ErrMalformed)
		}
		if _, twice := found[kind]; twice {
			return secrets{}, fmt.Errorf("two %s headers with a %s: %w", headerSecret, kind, storage.ErrMalformed)
		}
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return secrets{}, fmt.Errorf("%s header: the %s is not base64: %w", headerSecret, kind, storage.ErrMalformed)
		}
		found[kind] = b
	}
	return collect(found, kinds)
}

func kindList(kinds []string) string {
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Join(kinds, ", ")
}

func collect(found map[string][]byte, kinds []string) (s secrets, err error) {
	for _, kind := range kinds {
		b, ok := found[kind]
		if !ok {
			return secrets{}, fmt.Errorf("no %s header with a %s: %w", headerSecret, kind, storage.ErrMalformed)
		}
		if kind == kindUpload {
			if len(b) == 0 || len(b) > maxUploadSecret {
				return secrets{}, fmt.Errorf("%s of %d bytes, not 1 to %d: %w", kind, len(b), maxUploadSecret, storage.ErrMalformed)
			}
			s.upload = newUploadSecret(b)
			continue
		}
		secret, err := storage.ParseSecret(b)
		if err != nil {
			return secrets{}, fmt.Errorf("%s: %w", kind, err)
		}
		switch kind {
		case kindRenew:
			s.lease.Renew = secret
		case kindCancel:
			s.lease.Cancel = secret
		case kindEnabler:
			s.enabler = secret
		}
	}
	return s, nil
}

// Join serves several servers at one address: each request goes to the handler whose swissnum it knows. Whoever knows none is refused by
// the first.
func Join(handlers ...*Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chosen := handlers[0]
		for _, h := range handlers { // all of them, so that the time it takes does not tell which
			if checkAuthorization(r.Header, h.auth) == nil {
				chosen = h
			}
		}
		chosen.ServeHTTP(w, r)
	})
}
