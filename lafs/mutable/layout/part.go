package layout

import "fmt"

// A Part is a part of a share.
type Part uint8

// The parts of a share.
const (
	PartHeader Part = iota // all that comes before the other parts
	PartPublicKey
	PartSignature
	PartShareHashes
	PartBlockHashes
	PartData
	PartPrivateKey
	partEnd // nothing: where the share ends
)

var partNames = [...]string{"header", "public key", "signature", "share hash chain", "block hash tree", "data", "private key", "end"}

// String is the part in words.
func (p Part) String() string { return partNames[p] }

// A CorruptError says what is wrong with a share. Whoever knows them adds server, index and share number.
type CorruptError struct {
	Part   Part
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v of the share is corrupt: %s", e.Part, e.Reason)
}

func corrupt(p Part, format string, args ...any) error {
	return &CorruptError{Part: p, Reason: fmt.Sprintf(format, args...)}
}
