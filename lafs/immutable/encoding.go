package immutable

import (
	"fmt"

	"tahoe/lafs/immutable/layout"
)

// An Encoding says how a file is cut into shares: Total of them, of which any Needed rebuild it, spread so that any
// Needed of at least Happy servers can. MaxSegment is the largest segment, in bytes.
type Encoding struct {
	Needed, Happy, Total int
	MaxSegment           int64
}

// DefaultMaxSegment is the segment size of files that are larger than it.
const DefaultMaxSegment = 1 << 20

// DefaultEncoding is 3 of 10 shares on at least 7 servers.
func DefaultEncoding() Encoding {
	return Encoding{Needed: 3, Happy: 7, Total: 10, MaxSegment: DefaultMaxSegment}
}

// Validate says what is wrong with e, in words for whoever configured it.
func (e Encoding) Validate() error {
	switch {
	case e.Needed < 1:
		return fmt.Errorf("encoding needs %d shares to rebuild a file; it has to be at least 1", e.Needed)
	case e.Total > layout.MaxShares:
		return fmt.Errorf("encoding makes %d shares in total; there can be at most %d", e.Total, layout.MaxShares)
	case e.Needed > e.Total:
		return fmt.Errorf("encoding needs %d shares to rebuild a file, but makes only %d in total", e.Needed, e.Total)
	case e.Happy < 1:
		return fmt.Errorf("encoding is happy with %d servers; it has to be at least 1", e.Happy)
	case e.Happy > e.Total:
		return fmt.Errorf("encoding wants shares on at least %d servers, but makes only %d in total", e.Happy, e.Total)
	case e.MaxSegment < 1 || e.MaxSegment > layout.MaxSegmentSize-layout.MaxShares:
		return fmt.Errorf("segment size of %d bytes is not between 1 and %d", e.MaxSegment, layout.MaxSegmentSize-layout.MaxShares)
	}
	return nil
}
