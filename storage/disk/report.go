package disk

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"tahoe/internal/durable"
)

// A Space is what there is on the disk, in bytes.
type Space struct {
	Known     bool // false: the system cannot say, and the next four are 0
	Total     uint64
	Used      uint64
	Free      uint64 // for the superuser
	FreeToUse uint64 // for others, such as this process
	Reserved  uint64 // that is left free, by configuration
	Available uint64 // for new shares: what is left of all this, and of limits
	Allocated uint64 // promised to shares that are being uploaded
	ReadOnly  bool
	Frozen    bool
}

// Space says what there is on the disk.
func (s *Server) Space() Space {
	out := Space{Reserved: s.cfg.ReservedSpace, Available: s.available(s.own()), ReadOnly: s.cfg.ReadOnly, Frozen: s.cfg.Frozen}
	s.mu.Lock()
	out.Allocated = s.allocated
	s.mu.Unlock()
	total, free, err := diskSize(s.shares)
	if err != nil {
		return out
	}
	out.Known, out.Total, out.Free, out.FreeToUse = true, total, free, s.Free()
	out.Used = less(total, free)
	return out
}

// Advisories are the names of the newest advisories, at most so many, the newest first, and how many there are in all.
func (s *Server) Advisories(most int) (names []string, all int, err error) {
	d, err := os.Open(s.advice)
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	for {
		entries, err := d.Readdirnames(256)
		for _, name := range entries {
			if strings.HasSuffix(name, durable.TempSuffix) {
				continue
			}
			all++
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
		names = names[:min(len(names), most)]
		if errors.Is(err, io.EOF) {
			return names, all, nil
		}
		if err != nil {
			return names, all, err
		}
	}
}
