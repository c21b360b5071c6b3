package crawler

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tahoe/internal/durable"
	"tahoe/storage"
)

// maxTouches bounds the memory of Touches: above it, all indices with a prefix count as touched.
const maxTouches = 1 << 16

// Touches remembers which indices have changed since the lease checker looked at them. Noting one takes no more than a short lock, so
// that no write waits for the lease index.
type Touches struct {
	mu    sync.Mutex
	set   map[storage.Index]bool
	whole map[string]bool // prefixes
}

// OpenTouches takes over what an earlier process noted. If that did not end well, everything may have changed.
func OpenTouches(dir string, log *slog.Logger) *Touches {
	path := touchesPath(dir)
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path) // a process that dies from now on leaves none
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("the lease index cannot be used, and is made anew", "error", err)
		}
		return everything()
	}
	t, complete := &Touches{set: map[storage.Index]bool{}, whole: map[string]bool{}}, false
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if i, err := storage.ParseIndex(line); err == nil {
			t.set[i] = true
		} else if len(line) == 2 {
			t.whole[line] = true
		}
		complete = line == touchesEnd
	}
	if !complete {
		return everything()
	}
	return t
}

// everything is that everything may have changed.
func everything() *Touches {
	t := &Touches{set: map[storage.Index]bool{}, whole: map[string]bool{}}
	for _, p := range prefixes {
		t.whole[p] = true
	}
	return t
}

func touchesPath(dir string) string { return filepath.Join(indexDir(dir), "touched") }

// touchesEnd is the last line of the file: all of it is there.
const touchesEnd = "end"

// Complete says whether the process before this one ended well, and noted all that had changed.
func (t *Touches) Complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.whole) < len(prefixes)
}

// Touch notes that the shares of i, or their leases, have changed.
func (t *Touches) Touch(i storage.Index) {
	t.mu.Lock()
	defer t.mu.Unlock()
	prefix := i.String()[:2]
	switch {
	case t.whole[prefix] || t.set[i]:
	case len(t.set) < maxTouches:
		t.set[i] = true
	default:
		t.whole[prefix] = true
	}
}

// enter says whether all indices with a prefix count as touched, and forgets it: they are looked at now.
func (t *Touches) enter(prefix string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	whole := t.whole[prefix]
	delete(t.whole, prefix)
	return whole
}

// leave takes enter back: the walk was broken off among the indices of the prefix, and what it learnt of them is lost.
func (t *Touches) leave(prefix string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.whole[prefix] = true
}

// take says whether i was touched, and forgets it.
func (t *Touches) take(i storage.Index) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.set[i]
	delete(t.set, i)
	return was
}

// save hands the notes to the next process.
func (t *Touches) save(dir string) error {
	t.mu.Lock()
	var b strings.Builder
	for i := range t.set {
		b.WriteString(i.String() + "\n")
	}
	for prefix := range t.whole {
		b.WriteString(prefix + "\n")
	}
	t.mu.Unlock()
	b.WriteString(touchesEnd + "\n")
	if err := os.MkdirAll(indexDir(dir), 0o755); err != nil {
		return err
	}
	return durable.FS{}.WriteFile(touchesPath(dir), []byte(b.String()), 0o644)
}
