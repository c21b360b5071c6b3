package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tahoe/internal/durable"
	"tahoe/storage"
)

// loggedReason is how much of a reason is logged; the advisory has all of it.
const loggedReason = 200

// AdviseCorrupt writes the advice to a file of its own, for the operator.
func (s *Server) AdviseCorrupt(ctx context.Context, c storage.Corruption) error {
	if len(c.Reason) > storage.MaxReason {
		return fmt.Errorf("reason of %d bytes: %w", len(c.Reason), storage.ErrTooLarge)
	}
	if !c.Share.Valid() {
		return fmt.Errorf("share number %d: %w", c.Share, storage.ErrNotFound)
	}
	unlock, err := s.locks.lock(ctx, c.Index)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := s.openShare(key{c.Index, c.Share}, os.O_RDONLY)
	if err != nil {
		return err
	}
	h.close()
	if h.kind != c.Kind {
		return fmt.Errorf("%s share %s: %w", c.Kind, h.key, storage.ErrNotFound)
	}
	s.log.Warn("client reports a corrupt share", "kind", c.Kind.String(), "share", h.key.String(), "reason", strconv.Quote(c.Reason[:min(len(c.Reason), loggedReason)]))
	report := fmt.Sprintf("report: Share Corruption\ntype: %s\nstorage_index: %s\nshare_number: %d\n\n%s\n\n", c.Kind, c.Index, c.Share, c.Reason)
	if uint64(len(report)) > s.unreserved() {
		return fmt.Errorf("corruption advisory: %w", storage.ErrNoSpace)
	}
	path, err := s.advisoryPath(c)
	if err != nil {
		return err
	}
	if err := s.fs.WriteFile(path, []byte(report), filePerm); err != nil {
		return fmt.Errorf("corruption advisory: %w", full(err))
	}
	return nil
}

// advisoryPath is a name that no advisory has yet: that of the original, and a number if it is taken. The caller holds
// the lock of the index, which is part of the name.
func (s *Server) advisoryPath(c storage.Corruption) (string, error) {
	const isoMicros = "2006-01-02T15:04:05.000000"
	now := strings.TrimSuffix(s.cfg.Now().UTC().Format(isoMicros), ".000000")
	name := strings.ReplaceAll(fmt.Sprintf("%s--%s-%d", now, c.Index, c.Share), ":", "")
	base := filepath.Join(s.advice, name)
	path := base
	for k := 2; ; k++ {
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", fmt.Errorf("corruption advisory: %w", err)
		}
		path = base + "-" + strconv.Itoa(k)
	}
}

// cleanAdvice removes the advisories that an earlier process did not finish. Anybody who knows the server can have had
// many written, so only a few names are in memory at once.
func (s *Server) cleanAdvice() error {
	d, err := os.Open(s.advice)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(256)
		for _, e := range entries {
			if e.Type().IsRegular() && strings.HasSuffix(e.Name(), durable.TempSuffix) {
				if err := s.fs.Remove(filepath.Join(s.advice, e.Name())); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
