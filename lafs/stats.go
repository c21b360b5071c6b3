package lafs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"tahoe/caps"
)

// DeepStats count what a Walk comes to. Its JSON has the names that the web API gives them.
type DeepStats struct {
	APIVersion               int   `json:"api-version"`
	ImmutableFiles           int64 `json:"count-immutable-files"`
	MutableFiles             int64 `json:"count-mutable-files"`
	LiteralFiles             int64 `json:"count-literal-files"`
	Files                    int64 `json:"count-files"`
	Directories              int64 `json:"count-directories"`
	Unknown                  int64 `json:"count-unknown"`
	ImmutableFilesSize       int64 `json:"size-immutable-files"`
	LiteralFilesSize         int64 `json:"size-literal-files"`
	DirectoriesSize          int64 `json:"size-directories"`
	LargestDirectory         int64 `json:"largest-directory"`
	LargestDirectoryChildren int64 `json:"largest-directory-children"`
	LargestImmutableFile     int64 `json:"largest-immutable-file"`

	// Histogram is of the sizes of immutable and literal files.
	Histogram Histogram `json:"size-files-histogram"`
}

// A Histogram counts by size, in ascending order. Classes that nothing belongs to are left out.
type Histogram []SizeClass

// A SizeClass is what has Least to Most bytes. Its JSON is an array of the three.
type SizeClass struct{ Least, Most, Count int64 }

// MarshalJSON writes the array.
func (c SizeClass) MarshalJSON() ([]byte, error) {
	return json.Marshal([]int64{c.Least, c.Most, c.Count})
}

// UnmarshalJSON reads the array.
func (c *SizeClass) UnmarshalJSON(b []byte) error {
	var a [3]int64
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	c.Least, c.Most, c.Count = a[0], a[1], a[2]
	return nil
}

// NewDeepStats are the statistics of nothing.
func NewDeepStats() *DeepStats { return &DeepStats{APIVersion: 1, Histogram: Histogram{}} }

// Add counts what a walk came to. What access to is prohibited is not counted.
func (s *DeepStats) Add(v Visit) {
	if errors.Is(v.Err, ErrProhibited) {
		return
	}
	switch v.Kind() {
	case KindUnknown:
		s.Unknown++
	case KindDirectory:
		s.addDirectory(v.Listing)
	default:
		s.addFile(v.Cap())
	}
}

func (s *DeepStats) addDirectory(l *Listing) {
	s.Directories++
	if l == nil {
		return
	}
	s.DirectoriesSize += l.Size()
	s.LargestDirectory = max(s.LargestDirectory, l.Size())
	s.LargestDirectoryChildren = max(s.LargestDirectoryChildren, int64(l.Len()))
}

func (s *DeepStats) addFile(c caps.Cap) {
	s.Files++
	switch c := c.(type) {
	case caps.Literal:
		s.LiteralFiles++
		s.LiteralFilesSize += c.Size()
		s.Histogram.add(c.Size())
	case caps.CHK:
		s.ImmutableFiles++
		s.ImmutableFilesSize += c.Size()
		s.LargestImmutableFile = max(s.LargestImmutableFile, c.Size())
		s.Histogram.add(c.Size())
	default:
		s.MutableFiles++
	}
}

func (h *Histogram) add(size int64) {
	c := classOf(size)
	i, found := slices.BinarySearchFunc(*h, c, func(a, b SizeClass) int { return int(min(max(a.Least-b.Least, -1), 1)) })
	if !found {
		*h = slices.Insert(*h, i, c)
	}
	(*h)[i].Count++
}

// classOf is the class of a size. After 0, and 1 to 3, each class ends at a power of the square root of ten: two for a factor of
// ten. The powers are as inexact as the original's.
func classOf(size int64) SizeClass {
	if size == 0 {
		return SizeClass{}
	}
	c, power := SizeClass{Least: 1, Most: 3}, 1.0
	for size > c.Most {
		c.Least = c.Most + 1
		for power < float64(c.Least) {
			power *= math.Sqrt(10)
		}
		c.Most = toInt64(power)
	}
	return c
}

func toInt64(f float64) int64 {
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(f)
}

// DeepSize is the size of immutable files and directories together.
func (s *DeepStats) DeepSize() int64 { return s.ImmutableFilesSize + s.DirectoriesSize }

// DeepStats walks from root and counts. A directory that cannot be read ends it, unless access is prohibited.
func (c *Client) DeepStats(ctx context.Context, root caps.Cap) (*DeepStats, error) {
	s := NewDeepStats()
	err := c.Walk(ctx, root, func(v Visit) error {
		if v.Err != nil && !errors.Is(v.Err, ErrProhibited) {
			return fmt.Errorf("directory %q: %w", strings.Join(v.Path, "/"), v.Err)
		}
		s.Add(v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}
