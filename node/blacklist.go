package node

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"tahoe/internal/base32"
	"tahoe/lafs"
	"tahoe/storage"
)

// A blacklist is the file access.blacklist of a node: lines of a storage index and a reason why nobody may open, through
// this node, what it names. It is read again when it has changed. A file that cannot be understood allows nothing, so that a
// slip of the pen opens no door.
type blacklist struct {
	path string

	mu      sync.Mutex
	changed time.Time
	size    int64
	reasons map[storage.Index]string
	err     error
}

// maxBlacklist bounds the file, in bytes.
const maxBlacklist = 16 << 20

// allow is a *lafs.ProhibitedError for what the file names.
func (b *blacklist) allow(i storage.Index) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh()
	if b.err != nil {
		return b.err
	}
	if reason, ok := b.reasons[i]; ok {
		return &lafs.ProhibitedError{Reason: reason}
	}
	return nil
}

// refresh reads the file if it is not the one that was read before. b.mu is held: the file is small, and on this machine.
func (b *blacklist) refresh() {
	info, err := os.Stat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		b.changed, b.size, b.reasons, b.err = time.Time{}, 0, nil, nil
		return
	}
	if err != nil {
		b.changed, b.err = time.Time{}, fmt.Errorf("read the list of what is prohibited: %w", err)
		return
	}
	if info.ModTime().Equal(b.changed) && info.Size() == b.size {
		return
	}
	b.changed, b.size = info.ModTime(), info.Size()
	if b.reasons, b.err = readBlacklist(b.path); b.err != nil {
		b.err = fmt.Errorf("%s: %w; nothing can be opened until it is put right", b.path, b.err)
	}
}

func readBlacklist(path string) (map[storage.Index]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBlacklist+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxBlacklist {
		return nil, fmt.Errorf("it has more than %d bytes", maxBlacklist)
	}
	return parseBlacklist(b)
}

// parseBlacklist reads lines of an index, white space, and a reason. Empty lines and those that begin with # say nothing.
func parseBlacklist(b []byte) (map[storage.Index]string, error) {
	reasons := map[storage.Index]string{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxBlacklist+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		index, err := base32.Decode(fields[0])
		switch {
		case err != nil || len(index) != storage.IndexSize:
			return nil, fmt.Errorf("line %d does not begin with a storage index", n)
		case len(fields) == 1:
			return nil, fmt.Errorf("line %d gives no reason behind the storage index", n)
		}
		reasons[storage.Index(index)] = strings.TrimSpace(strings.TrimPrefix(line, fields[0]))
	}
	return reasons, lines.Err()
}
