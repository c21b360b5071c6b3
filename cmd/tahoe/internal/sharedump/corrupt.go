package sharedump

import (
	"fmt"
	"math/rand/v2"
	"os"

	"tahoe/lafs/mutable/layout"
	"tahoe/storage/share"
)

// A Flip is a bit that was flipped, in bytes from the start of the file. Its JSON form is only ever extended.
type Flip struct {
	Start  int64 `json:"start"` // of the blocks, among which Offset was chosen
	End    int64 `json:"end"`
	Offset int64 `json:"offset"`
	Bit    uint  `json:"bit"`
}

// String is the flip as the original tells it.
func (f Flip) String() string {
	return fmt.Sprintf("[%d..%d):  %d.b%d", f.Start, f.End, f.Offset, f.Bit)
}

// Corrupt flips one bit of the blocks of a share, chosen by chance, and nothing else. There is no way back but flipping the
// same bit.
func Corrupt(path string, random *rand.Rand) (Flip, error) {
	f, err := open(path, os.O_RDWR)
	if err != nil {
		return Flip{}, err
	}
	flip, err := f.flip(random)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return Flip{}, fmt.Errorf("%s: %w", path, err)
	}
	return flip, nil
}

func (f *file) flip(random *rand.Rand) (Flip, error) {
	start, end, err := f.blocks()
	if err != nil {
		return Flip{}, err
	}
	if start >= end {
		return Flip{}, fmt.Errorf("it holds an empty file, so there is no block data to flip a bit of")
	}
	flip := Flip{Start: start, End: end, Offset: start + random.Int64N(end-start), Bit: random.UintN(8)}
	var b [1]byte
	if _, err := f.ReadAt(b[:], flip.Offset); err != nil {
		return Flip{}, err
	}
	b[0] ^= 1 << flip.Bit
	if _, err := f.WriteAt(b[:], flip.Offset); err != nil {
		return Flip{}, err
	}
	return flip, f.Sync()
}

// blocks is where the blocks of the share lie in the file.
func (f *file) blocks() (start, end int64, err error) {
	if f.mutable == nil {
		c, err := f.readCHK()
		if err != nil {
			return 0, 0, err
		}
		return share.ImmutableHeaderSize + c.layout.Data, share.ImmutableHeaderSize + c.layout.PlaintextHashes, nil
	}
	if f.kind() == KindUnknown {
		return 0, 0, fmt.Errorf("it is a mutable share of a kind that this program does not know, so it cannot find the block data")
	}
	v, err := f.readVersion()
	if err != nil {
		return 0, 0, err
	}
	s := v.header.Span(layout.PartData)
	return share.MutableDataAt + s.Offset, share.MutableDataAt + s.End(), nil
}
