package dirnode

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"tahoe/caps"
	"tahoe/internal/netstring"
	"tahoe/internal/taghash"
)

// decode reads an entry. It is false for one whose capabilities break the rules.
func (a access) decode(r row) (Entry, bool) {
	f, err := split(r.raw)
	if err != nil {
		return Entry{}, false
	}
	c, err := a.child(a.decrypt(f.write), string(f.read))
	if err != nil {
		return Entry{}, false
	}
	e := Entry{Name: r.name, Child: c}
	if len(f.metadata) > 0 && f.metadata[0] == '{' && json.Valid(f.metadata) {
		e.Metadata = Metadata{string(f.metadata)}
	}
	return e, true
}

// child reads the two slots of an entry. Some writer of the future may fill them up with blanks, to hide how long they are.
func (a access) child(write, read string) (Child, error) {
	var c Child
	w, err := slot(write)
	if err == nil {
		c.Write = w // else the entry is as good as one without
	}
	if c.Read, err = slot(read); err != nil && c.Write == nil {
		return Child{}, err
	}
	if c.Cap() == nil {
		return c, nil // of some kind that has no capability for whoever may only read the directory
	}
	return a.fit(c)
}

func slot(text string) (caps.Cap, error) {
	if text = strings.TrimRight(text, " "); text == "" {
		return nil, nil
	}
	c, err := caps.Parse(text)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// fit gives a child the form that it has in a directory, or says why it may not be in this one. What came for reading only
// gives no more than that.
func (a access) fit(c Child) (Child, error) {
	most := c.Cap()
	if most == nil {
		return Child{}, ErrNoCapability
	}
	if _, ok := most.(caps.Unknown); ok {
		return a.fitUnknown(c)
	}
	if a.immutable && caps.Require(most, caps.DeepImmutable) != nil {
		return Child{}, notImmutable(most)
	}
	if c.Write == nil {
		return Child{Read: withoutPower(most)}, nil
	}
	return ChildOf(most), nil
}

func withoutPower(c caps.Cap) caps.Cap {
	if r, ok := caps.ReadOnly(c); ok {
		return r
	}
	return c
}

// fitUnknown does what fit does for a child of which nobody knows what its capabilities allow: their slots, and their
// prefixes, are all that there is to go by.
func (a access) fitUnknown(c Child) (Child, error) {
	if w, ok := c.Write.(caps.Unknown); ok && c.Read == nil {
		if w.Constraint() == caps.AnyPower {
			return Child{}, ErrUnknownPower
		}
		c = Child{Read: w}
	}
	r, unknown := c.Read.(caps.Unknown)
	if c.Write != nil && (a.immutable || unknown && r.Constraint() == caps.DeepImmutable) {
		return Child{}, notImmutable(c.Write)
	}
	if !unknown {
		c.Read = withoutPower(c.Read)
		return c, nil
	}
	r, err := r.Constrained(a.place())
	if errors.Is(err, caps.ErrNotImmutable) {
		return Child{}, notImmutable(c.Read)
	}
	c.Read = r
	return c, err
}

// encode writes an entry. The name is normalised, and the child fits.
func (a access) encode(name string, c Child, m Metadata) []byte {
	write, metadata := a.encrypt(text(c.Write)), m.string()
	read := a.stripped(text(c.Read))
	raw := make([]byte, 0, netstring.Len(len(name))+netstring.Len(len(read))+netstring.Len(len(write))+netstring.Len(len(metadata)))
	raw = netstring.Append(raw, []byte(name))
	raw = netstring.Append(raw, []byte(read))
	raw = netstring.Append(raw, write)
	return netstring.Append(raw, []byte(metadata))
}

func text(c caps.Cap) string {
	if c == nil {
		return ""
	}
	return c.Encode()
}

// stripped is without the prefix that says no more of a capability than its place does.
func (a access) stripped(read string) string {
	if after, ok := strings.CutPrefix(read, "imm."); ok {
		if a.immutable {
			return after
		}
		return read
	}
	return strings.TrimPrefix(read, "ro.")
}

const (
	saltSize = 16
	macSize  = 32
)

// encrypt hides a capability from those who may only read the directory. Also "" is hidden. In an immutable directory
// there is nothing to hide.
func (a access) encrypt(text string) []byte {
	key, ok := a.key()
	if !ok {
		return nil
	}
	salt := taghash.ChildSalt([]byte(text))
	childKey := taghash.ChildKey(salt, key)
	out := append(make([]byte, 0, saltSize+len(text)+macSize), salt[:]...)
	out = append(out, text...)
	crypt(childKey, out[saltSize:])
	mac := taghash.ChildMAC(childKey[:], out) // nobody has checked it for long, but old readers do
	return append(out, mac[:]...)
}

// decrypt is "" for whoever may only read, and for what is no capability.
func (a access) decrypt(blob []byte) string {
	key, ok := a.key()
	if !ok || len(blob) < saltSize+macSize {
		return ""
	}
	out := append([]byte(nil), blob[saltSize:len(blob)-macSize]...)
	crypt(taghash.ChildKey([saltSize]byte(blob), key), out)
	return string(out)
}

// crypt encrypts or decrypts in place.
func crypt(key [16]byte, b []byte) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // no key of 16 bytes is refused
	}
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(b, b)
}

// maxName bounds a name, in bytes.
const maxName = 1 << 16

func checkName(name string) error {
	if len(name) > maxName || !utf8.ValidString(name) {
		return ErrBadName
	}
	return nil
}
