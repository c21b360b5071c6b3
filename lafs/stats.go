package lafs

import (
	"context"
	"errors"

	"tahoe/caps"
)

// DeepStats count what a Walk comes to, under the names that the web API gives them.
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

	Histogram Histogram `json:"size-files-histogram"`
}

// A Histogram counts immutable and literal files by their size. It is JSON of [least, most, count] for each class that has any.
type Histogram []SizeClass

// A SizeClass is the files of Least to Most bytes.
type SizeClass struct{ Least, Most, Count int64 }

// NewDeepStats are the statistics of nothing.
func NewDeepStats() *DeepStats { return &DeepStats{APIVersion: 1} }

// Add counts what a walk came to.
func (s *DeepStats) Add(v Visit) {}

// DeepSize is the size of immutable files and directories together.
func (s *DeepStats) DeepSize() int64 { return s.ImmutableFilesSize + s.DirectoriesSize }

// DeepStats walks from root and counts. What cannot be read ends it.
func (c *Client) DeepStats(ctx context.Context, root caps.Cap) (*DeepStats, error) {
	return nil, errors.ErrUnsupported
}
