package layout

import (
	"encoding/binary"

	"tahoe/caps"
	"tahoe/internal/taghash"
)

// The version bytes of shares.
const (
	versionSDMF = 0
	versionMDMF = 1
)

// A Prefix is the signed part of a share's header. It is the same in all shares of one version of a file, and comparable:
// two shares with equal prefixes belong to the same version.
type Prefix struct {
	Checkstring
	Needed, Total int
	SegmentSize   int64
	Size          int64 // of the file
}

// A Checkstring is the start of a share, which tells versions of a file apart. It is what writers test for.
type Checkstring struct {
	Format caps.Format
	Seqnum uint64
	Root   taghash.Hash   // of the share hash tree
	Salt   [SaltSize]byte // of SDMF; zero in MDMF, where each segment has its own
}

// The sizes of encoded checkstrings and prefixes.
const (
	checkstringSizeSDMF = 1 + 8 + HashSize + SaltSize
	checkstringSizeMDMF = 1 + 8 + HashSize
	encodingSize        = 1 + 1 + 8 + 8

	MaxCheckstringSize = checkstringSizeSDMF // whoever reads that much has any checkstring
)

func checkstringSize(f caps.Format) int {
	if f == caps.MDMF {
		return checkstringSizeMDMF
	}
	return checkstringSizeSDMF
}

func prefixSize(f caps.Format) int { return checkstringSize(f) + encodingSize }

// Prefix is the prefix of a version with this geometry.
func (g Geometry) Prefix(c Checkstring) Prefix {
	c.Format = g.Format
	return Prefix{Checkstring: c, Needed: g.Needed, Total: g.Total, SegmentSize: g.SegmentSize, Size: g.Size}
}

// Geometry has the sizes of the version's shares. It fails where the prefix is one that ParsePrefix would refuse.
func (p Prefix) Geometry() (Geometry, error) {
	if err := checkEncoding(p.Needed, p.Total); err != nil {
		return Geometry{}, err
	}
	return newGeometry(p.Format, p.Needed, p.Total, p.Size, p.SegmentSize)
}

// Encode is the checkstring as it lies in a share.
func (c Checkstring) Encode() []byte { return c.append(make([]byte, 0, checkstringSize(c.Format))) }

func (c Checkstring) append(b []byte) []byte {
	if c.Format == caps.MDMF {
		b = append(b, versionMDMF)
	} else {
		b = append(b, versionSDMF)
	}
	b = binary.BigEndian.AppendUint64(b, c.Seqnum)
	b = append(b, c.Root[:]...)
	if c.Format == caps.SDMF {
		b = append(b, c.Salt[:]...)
	}
	return b
}

// Encode is the prefix as it lies in a share, which is what is signed.
func (p Prefix) Encode() []byte { return p.append(make([]byte, 0, MaxHeaderSize)) }

func (p Prefix) append(b []byte) []byte {
	b = append(p.Checkstring.append(b), byte(p.Needed), byte(p.Total))
	b = binary.BigEndian.AppendUint64(b, uint64(p.SegmentSize))
	return binary.BigEndian.AppendUint64(b, uint64(p.Size))
}

// ParseCheckstring reads the checkstring at the start of b, which may be longer.
func ParseCheckstring(b []byte) (Checkstring, error) {
	f, err := formatOf(b)
	if err != nil {
		return Checkstring{}, err
	}
	if len(b) < checkstringSize(f) {
		return Checkstring{}, endsWithin(b)
	}
	c := Checkstring{Format: f, Seqnum: binary.BigEndian.Uint64(b[1:]), Root: taghash.Hash(b[9:41])}
	if f == caps.SDMF {
		c.Salt = [SaltSize]byte(b[41:57])
	}
	return c, nil
}

// ParsePrefix reads the prefix at the start of b, which may be longer. It refuses what this program could not read.
func ParsePrefix(b []byte) (Prefix, error) {
	c, err := ParseCheckstring(b)
	if err != nil {
		return Prefix{}, err
	}
	if len(b) < prefixSize(c.Format) {
		return Prefix{}, endsWithin(b)
	}
	b = b[checkstringSize(c.Format):]
	p := Prefix{
		Checkstring: c, Needed: int(b[0]), Total: int(b[1]),
		SegmentSize: int64(binary.BigEndian.Uint64(b[2:])), Size: int64(binary.BigEndian.Uint64(b[10:])),
	}
	if _, err := p.Geometry(); err != nil {
		return Prefix{}, corrupt(PartHeader, "%v", err)
	}
	return p, nil
}

func formatOf(b []byte) (caps.Format, error) {
	switch {
	case len(b) == 0:
		return 0, endsWithin(b)
	case b[0] == versionSDMF:
		return caps.SDMF, nil
	case b[0] == versionMDMF:
		return caps.MDMF, nil
	}
	return 0, corrupt(PartHeader, "it has version %d, and this program knows 0 (SDMF) and 1 (MDMF)", b[0])
}

func endsWithin(b []byte) error {
	return corrupt(PartHeader, "the share ends within it, after %d bytes", len(b))
}
