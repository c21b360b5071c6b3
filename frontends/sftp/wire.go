package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"time"

	"tahoe/frontends/vfs"
)

// The packets of the protocol that the filter looks at.
const (
	fxInit          = 1
	fxVersion       = 2
	fxOpen          = 3
	fxClose         = 4
	fxRead          = 5
	fxWrite         = 6
	fxLstat         = 7
	fxFstat         = 8
	fxSetstat       = 9
	fxStat          = 17
	fxFsetstat      = 10
	fxOpendir       = 11
	fxReaddir       = 12
	fxStatus        = 101
	fxHandle        = 102
	fxData          = 103
	fxName          = 104
	fxAttrs         = 105
	fxExtended      = 200
	fxExtendedReply = 201
)

// The codes of a status.
const (
	codeOK          = 0
	codeEOF         = 1
	codeNoSuchFile  = 2
	codePermission  = 3
	codeFailure     = 4
	codeBadMessage  = 5
	codeUnsupported = 8
)

// The flags of attributes.
const (
	attrSize        = 1 << 0
	attrIDs         = 1 << 1
	attrPermissions = 1 << 2
	attrTimes       = 1 << 3
)

const (
	maxPacket = 256 << 10 // what the library takes
	maxData   = 255 << 10 // what fits into it with what stands around

	dataHeader = 4 + 1 + 4 + 4 // stands before the bytes of a file in an answer: lengths, kind and number
)

var errPacket = errors.New("bad packet")

// readPacket reads one packet with its length in front, into buf when it fits.
func readPacket(r io.Reader, buf []byte) ([]byte, error) {
	buf = buf[:4]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(buf)
	if n < 1 || n > maxPacket {
		return nil, errPacket
	}
	if cap(buf) < int(n)+4 {
		buf = append(make([]byte, 0, n+4), buf...)
	}
	buf = buf[:n+4]
	_, err := io.ReadFull(r, buf[4:])
	return buf, err
}

// A cursor reads fields; after a fault everything is zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || len(c.b) < n {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) string() string {
	n := c.uint32()
	if n > maxPacket {
		c.bad = true
		return ""
	}
	return string(c.take(int(n)))
}

// attrs reads attributes. Owners are of no meaning here.
func (c *cursor) attrs() vfs.Attr {
	flags := c.uint32()
	var a vfs.Attr
	if flags&attrSize != 0 {
		n := int64(c.uint64() & (1<<63 - 1))
		a.Size = &n
	}
	if flags&attrIDs != 0 {
		c.take(8)
	}
	if flags&attrPermissions != 0 {
		m := fs.FileMode(c.uint32()).Perm()
		a.Mode = &m
	}
	if flags&attrTimes != 0 {
		c.uint32()
		t := time.Unix(int64(c.uint32()), 0)
		a.ModTime = &t
	}
	return a // what is extended is of nobody's
}

// A packet is being written. Its first four bytes are left for the length.
type packet []byte

func newPacket(kind byte, id uint32) packet {
	return binary.BigEndian.AppendUint32(packet{0, 0, 0, 0, kind}, id)
}

func (p packet) uint32(n uint32) packet { return binary.BigEndian.AppendUint32(p, n) }
func (p packet) uint64(n uint64) packet { return binary.BigEndian.AppendUint64(p, n) }
func (p packet) string(s string) packet { return append(p.uint32(uint32(len(s))), s...) }

func (p packet) attrs(i vfs.Info) packet {
	t := unixTime(i.ModTime())
	return p.uint32(attrSize | attrPermissions | attrTimes).uint64(uint64(i.Size())).uint32(unixMode(i.Mode())).uint32(t).uint32(t)
}

// done fills in the length.
func (p packet) done() []byte {
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func unixMode(m fs.FileMode) uint32 {
	if m.IsDir() {
		return 0o040000 | uint32(m.Perm())
	}
	return 0o100000 | uint32(m.Perm())
}

// unixTime is 0 for what is not known, or cannot be said in 32 bits.
func unixTime(t time.Time) uint32 {
	if n := t.Unix(); n > 0 && n < 1<<32 {
		return uint32(n)
	}
	return 0
}

// status is the answer that has nothing but an error, or none.
func status(id uint32, err error) packet {
	code := codeOf(err)
	text := "OK"
	if err != nil {
		text = err.Error()
	}
	return newPacket(fxStatus, id).uint32(code).string(text).string("en")
}
