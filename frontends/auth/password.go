package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What HashPassword spends on one password: 19 MiB and two passes, as OWASP advises; about 30 ms.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
	saltSize    = 16
)

// The most that a hash in an accounts file may demand of the node for one sign-in.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
	maxArgonLanes  = 64
	maxBcryptCost  = 16
	maxPassword    = 1024
	maxBcryptInput = 72 // bcrypt looks at no more
)

// A HashedPassword is a password hash of the accounts file. It prints as its kind.
type hashedPassword interface {
	matches(password string) bool
}

// HashPassword makes the text by which an accounts file knows a password: argon2id, with a salt of its own.
func HashPassword(p Password) (string, error) {
	if text := p.Reveal(); text == "" || len(text) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes, and this one has %d", maxPassword, len(text))
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // cannot fail
	key := argon2.IDKey([]byte(p.Reveal()), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64(salt), b64(key)), nil
}

// parseHash reads a hash. Errors say nothing of it.
func parseHash(text string) (hashedPassword, error) {
	switch {
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon(text)
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		return parseBcrypt(text)
	}
	return nil, errors.New("the password hash is of no known kind; argon2id and bcrypt are known")
}

type argonHash struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

func parseArgon(text string) (hashedPassword, error) {
	bad := errors.New("the argon2id hash is not of the form $argon2id$v=19$m=…,t=…,p=…$SALT$HASH")
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, bad
	}
	var numbers [3]uint64
	fields := strings.Split(parts[3], ",")
	if len(fields) != 3 {
		return nil, bad
	}
	for k, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(fields[k], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || n == 0 {
			return nil, bad
		}
		numbers[k] = n
	}
	if numbers[0] > maxArgonMemory || numbers[1] > maxArgonTime || numbers[2] > maxArgonLanes {
		return nil, fmt.Errorf("the argon2id hash demands too much: at most m=%d, t=%d, p=%d", maxArgonMemory, maxArgonTime, maxArgonLanes)
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, err1 := b64.DecodeString(parts[4])
	key, err2 := b64.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return nil, bad
	}
	return argonHash{uint32(numbers[0]), uint32(numbers[1]), uint8(numbers[2]), salt, key}, nil
}

func (h argonHash) matches(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

type bcryptHash []byte

func parseBcrypt(text string) (hashedPassword, error) {
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || len(text) != 60 {
		return nil, errors.New("the bcrypt hash is damaged")
	}
	if cost > maxBcryptCost {
		return nil, fmt.Errorf("the bcrypt hash demands too much: its cost is %d, and at most %d is allowed", cost, maxBcryptCost)
	}
	return bcryptHash(text), nil
}

// matches looks at the whole of a password: bcrypt itself would take one that only begins with the right 72 bytes.
func (h bcryptHash) matches(password string) bool {
	whole := len(password) <= maxBcryptInput
	return bcrypt.CompareHashAndPassword(h, []byte(password[:min(len(password), maxBcryptInput)])) == nil && whole
}
