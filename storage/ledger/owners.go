package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tahoe/internal/durable"
	"tahoe/storage"
	"tahoe/storage/share"
)

// nobody stands in a line for whoever comes by the announced address.
const nobody = "-"

type shareKey struct {
	index storage.Index
	share storage.ShareNum
}

// owners is the table of who brought which share. It holds the part of one prefix in memory, while that is being counted, and what is not
// yet written.
type owners struct {
	dir string
	io  chan struct{} // one slot, for who reads or writes a file

	mu      sync.Mutex
	known   map[string]bool // prefixes that have a file, or will have
	pending map[string][]string
	prefix  string // that is being counted
	held    map[shareKey]string
	found   map[shareKey]string // of them, those that were seen
	lines   int                 // of its file
}

func openOwners(dir string) (*owners, error) {
	o := &owners{dir: dir, io: make(chan struct{}, 1), known: map[string]bool{}, pending: map[string][]string{}}
	entries, err := os.ReadDir(dir) // at most 1024
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		o.known[e.Name()] = true
	}
	return o, nil
}

// note notes who brought a share, and returns whom a change is charged to.
func (o *owners) note(c share.Change) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := c.Index.String()
	prefix, k := text[:2], shareKey{c.Index, c.Share}
	owner, held := o.held[k]
	if c.Shares == 0 || c.Client == "" && !o.known[prefix] {
		if prefix == o.prefix && held {
			return owner
		}
		return c.Client
	}
	name := c.Client
	if c.Shares < 0 || name == "" {
		name = nobody
	}
	o.known[prefix] = true
	o.pending[prefix] = append(o.pending[prefix], text+" "+strconv.Itoa(int(c.Share))+" "+name+"\n")
	if prefix != o.prefix {
		return c.Client
	}
	if name == nobody {
		delete(o.held, k)
		delete(o.found, k)
	} else {
		o.held[k], o.found[k] = name, name
	}
	if c.Shares < 0 && held {
		return owner
	}
	return c.Client
}

// seen is who brought a share of the prefix that is being counted.
func (o *owners) seen(i storage.Index, n storage.ShareNum) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := shareKey{i, n}
	owner, ok := o.held[k]
	if ok {
		o.found[k] = owner
	}
	return owner
}

// flush writes what is pending.
func (o *owners) flush() error {
	o.io <- struct{}{}
	defer func() { <-o.io }()
	return o.flushAll()
}

func (o *owners) flushAll() error {
	o.mu.Lock()
	pending := o.pending
	o.pending = map[string][]string{}
	o.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for prefix, lines := range pending {
		errs = append(errs, o.append(prefix, lines))
	}
	return errors.Join(errs...)
}

// append adds lines to a file. The line that a process left half written is ended first.
func (o *owners) append(prefix string, lines []string) (err error) {
	f, err := os.OpenFile(filepath.Join(o.dir, prefix), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(lines, ""))
	return errors.Join(err, f.Close())
}

// enter begins with another prefix.
func (o *owners) enter(prefix string) error {
	o.io <- struct{}{}
	defer func() { <-o.io }()
	if err := o.flushAll(); err != nil {
		return fmt.Errorf("owners of shares: %w", err)
	}
	o.mu.Lock()
	known := o.known[prefix]
	o.mu.Unlock()
	var held map[shareKey]string
	var lines int
	if known {
		var err error
		if held, lines, err = o.read(prefix); err != nil {
			return fmt.Errorf("owners of shares: %w", err)
		}
	}
	if held == nil {
		held = map[shareKey]string{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.prefix, o.held, o.found, o.lines = prefix, held, map[shareKey]string{}, lines
	o.applyPending(prefix)
	return nil
}

// applyPending adds what was noted while the file was being read. o.mu is held.
func (o *owners) applyPending(prefix string) {
	for _, line := range o.pending[prefix] {
		if k, name, ok := parseLine(line); ok {
			setOwner(o.held, k, name)
			o.found[k] = name
		}
	}
}

func setOwner(held map[shareKey]string, k shareKey, name string) {
	if name == nobody {
		delete(held, k)
	} else {
		held[k] = name
	}
}

func (o *owners) read(prefix string) (held map[shareKey]string, lines int, err error) {
	b, err := os.ReadFile(filepath.Join(o.dir, prefix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	held = map[shareKey]string{}
	for line := range strings.Lines(string(b)) {
		if k, name, ok := parseLine(line); ok {
			setOwner(held, k, name)
			lines++
		}
	}
	return held, lines, nil
}

func parseLine(line string) (k shareKey, name string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || !strings.HasSuffix(line, "\n") {
		return k, "", false
	}
	i, err := storage.ParseIndex(fields[0])
	n, numErr := strconv.Atoi(fields[1])
	if err != nil || numErr != nil || !storage.ShareNum(n).Valid() {
		return k, "", false
	}
	return shareKey{i, storage.ShareNum(n)}, fields[2], true
}

// slack is how many lines about what has gone are not worth writing a file anew.
const slack = 64

// leave ends a prefix of which all was seen. Its file is written anew, with what was seen, when most of it is about what has gone. What is
// pending comes behind it.
func (o *owners) leave() error {
	o.io <- struct{}{}
	defer func() { <-o.io }()
	o.mu.Lock()
	prefix, found := o.prefix, maps.Clone(o.found)
	worth := prefix != "" && o.lines > 2*len(found)+slack
	o.prefix, o.held, o.found = "", nil, nil
	o.mu.Unlock()
	if !worth {
		return nil
	}
	var b strings.Builder
	for _, k := range slices.SortedFunc(maps.Keys(found), compareKeys) {
		b.WriteString(k.index.String() + " " + strconv.Itoa(int(k.share)) + " " + found[k] + "\n")
	}
	return durable.FS{}.WriteFile(filepath.Join(o.dir, prefix), []byte(b.String()), 0o600)
}

func compareKeys(a, b shareKey) int {
	if c := strings.Compare(a.index.String(), b.index.String()); c != 0 {
		return c
	}
	return int(a.share - b.share)
}
