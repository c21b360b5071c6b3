package crawler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"tahoe/internal/durable"
)

// A position is how far a crawler is: the part of its state that all crawlers have in common.
type position struct {
	Version      int     `json:"version"`
	LastFinished *int    `json:"last-cycle-finished"`
	Current      *int    `json:"current-cycle"` // nil between cycles
	LastPrefix   *string `json:"last-complete-prefix"`
	LastBucket   *string `json:"last-complete-bucket"`
	Started      float64 `json:"current-cycle-start-time"`
}

const stateVersion = 1

// maxState bounds a state file: 1024 counts, a few histograms, and lists that are kept short.
const maxState = 64 << 20

// readState reads a state file into v. It is false when there is none, or none that can be read, which is logged: then all begins anew.
func readState(path string, v any, log *slog.Logger) bool {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil && info.Size() > maxState {
		err = fmt.Errorf("it has %d bytes", info.Size())
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		log.Warn("the state of a crawler cannot be read; it begins anew", "file", path, "error", err)
		return false
	}
	return true
}

// writeState replaces a state file.
func writeState(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return durable.FS{}.WriteFile(path, b, 0o644)
}

// valid says whether a walk can go on from p.
func (p position) valid() bool {
	return p.Version == stateVersion && (p.LastPrefix == nil || slices.Contains(prefixes, *p.LastPrefix))
}

// Progress is what a crawler is doing, with the names of the original. Times are in seconds; nil is not known.
type Progress struct {
	InProgress    bool     `json:"cycle-in-progress"`
	NextCrawl     *float64 `json:"next-crawl-time,omitempty"`
	RemainingWait *float64 `json:"remaining-wait-time,omitempty"`
	Percentage    *float64 `json:"cycle-complete-percentage,omitempty"`
	TimeLeft      *float64 `json:"estimated-cycle-complete-time-left,omitempty"`
	RemainingNap  *float64 `json:"remaining-sleep-time,omitempty"`
	PerCycle      *float64 `json:"estimated-time-per-cycle"`
}

// Progress says what the crawler is doing.
func (w *walker) Progress() Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.c.Clock.Now()
	var p Progress
	var wait, next *float64
	if !w.wake.IsZero() {
		wait, next = new(w.wake.Sub(now).Seconds()), new(unix(w.wake))
	}
	switch {
	case w.took > 0:
		p.PerCycle = new(w.took.Seconds())
	case w.prefixIn > 0:
		p.PerCycle = new(w.prefixIn.Seconds() * float64(len(prefixes)))
	}
	if w.pos.Current == nil {
		p.NextCrawl, p.RemainingWait = next, wait
		return p
	}
	done := 0
	if w.pos.LastPrefix != nil {
		done = slices.Index(prefixes, *w.pos.LastPrefix) + 1
	}
	p.InProgress, p.RemainingNap = true, wait
	p.Percentage = new(100 * float64(done) / float64(len(prefixes)))
	if w.prefixIn > 0 {
		p.TimeLeft = new(w.prefixIn.Seconds() * float64(len(prefixes)-done))
	}
	return p
}
