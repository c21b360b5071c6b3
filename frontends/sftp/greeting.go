package sftp

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// In SSH the first cipher of the client's list counts that the server knows too. OpenSSH before 10.0 names AES-GCM last, behind slower ones that
// others need. So its list is read before the library gets it, and when AES-GCM is in it nothing else is offered.

// A greeted connection has had its versions exchanged. The library exchanges them again: what it reads is remembered, what it writes
// is not sent twice.
type greeted struct {
	net.Conn
	said   []byte // that the library has not read yet
	spared int    // how much of what it writes has been sent
}

func (g *greeted) Read(p []byte) (int, error) {
	if len(g.said) > 0 {
		n := copy(p, g.said)
		g.said = g.said[n:]
		return n, nil
	}
	return g.Conn.Read(p)
}

func (g *greeted) Write(p []byte) (int, error) {
	n := min(g.spared, len(p))
	g.spared -= n
	if n == len(p) {
		return n, nil
	}
	m, err := g.Conn.Write(p[n:])
	return n + m, err
}

const (
	maxVersion = 255
	maxOffer   = 16 << 10 // OpenSSH's has 1,500 bytes
	kexInit    = 20
)

// greet exchanges versions, and finds whether the client would take AES-GCM. The connection has a deadline.
func greet(c net.Conn, version string) (g *greeted, gcm bool, err error) {
	g = &greeted{Conn: c, spared: len(version) + 2}
	if _, err = io.WriteString(c, version+"\r\n"); err != nil {
		return nil, false, err
	}
	var heard []byte
	for b := make([]byte, 1); len(heard) < maxVersion && (len(heard) == 0 || b[0] != '\n'); heard = append(heard, b[0]) {
		if _, err = io.ReadFull(c, b); err != nil {
			return nil, false, err
		}
	}
	g.said = heard
	if !strings.HasPrefix(string(heard), "SSH-2.0-OpenSSH_") || heard[len(heard)-1] != '\n' {
		return g, false, nil // it may wait for the server's offer
	}
	head := make([]byte, 4)
	if _, err = io.ReadFull(c, head); err != nil {
		return nil, false, err
	}
	g.said = append(g.said, head...)
	size := binary.BigEndian.Uint32(head)
	if size > maxOffer {
		return g, false, nil
	}
	offer := make([]byte, size)
	if _, err = io.ReadFull(c, offer); err != nil {
		return nil, false, err
	}
	g.said = append(g.said, offer...)
	return g, takesGCM(offer), nil
}

var gcmCiphers = []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM}

// takesGCM looks at the ciphers of an offer, for both directions.
func takesGCM(offer []byte) bool {
	const before = 1 + 1 + 16 // length of the padding, kind, cookie
	if len(offer) < before || offer[1] != kexInit {
		return false
	}
	rest := offer[before:]
	for k := range 4 { // key exchanges, host keys, ciphers there, ciphers back
		if len(rest) < 4 {
			return false
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return false
		}
		names := strings.Split(string(rest[4:4+n]), ",")
		if k >= 2 && !slices.ContainsFunc(gcmCiphers, func(c string) bool { return slices.Contains(names, c) }) {
			return false
		}
		rest = rest[4+n:]
	}
	return true
}
