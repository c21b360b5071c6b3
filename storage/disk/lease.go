package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tahoe/storage"
	"tahoe/storage/share"
)

// Owners of leases, as the original numbers them. Nothing looks at them, except that 0 is an empty place in a mutable
// share.
const (
	ownerUploader = 0 // of the lease that comes with an immutable share
	ownerAdded    = 1 // of every other
)

// AddLease adds a lease to every share of i, or renews it.
func (s *Server) AddLease(ctx context.Context, i storage.Index, l storage.LeaseSecrets) error {
	unlock, err := s.locks.lock(ctx, i)
	if err != nil {
		return err
	}
	defer unlock()
	handles, err := s.openAll(i, os.O_RDWR)
	if err != nil {
		return err
	}
	defer closeAll(handles)
	if len(handles) == 0 {
		return fmt.Errorf("add lease to %s: %w", i.Abbrev(), storage.ErrNotFound)
	}
	for _, h := range handles {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.lease(h, l, ownerAdded); err != nil {
			return fmt.Errorf("add lease to %s: %w", h.key, full(err))
		}
	}
	return nil
}

// lease adds or renews a lease of the open share h. The caller holds the lock of its index.
func (s *Server) lease(h *handle, l storage.LeaseSecrets, owner uint32) error {
	expires := s.cfg.Now().Add(share.LeaseDuration)
	if h.kind == storage.KindMutable {
		lease := share.NewLease(h.mutable.Version, ownerAdded, l, expires, s.cfg.NodeID)
		patches, err := h.mutable.PlanLease(h.file, lease, l)
		if err != nil {
			return err
		}
		return s.leased(h, s.patch(h, patches))
	}
	lease := share.NewLease(h.immutable.Version, owner, l, expires, [20]byte{})
	patches, err := h.immutable.PlanLease(h.file, lease, l)
	if err != nil || len(patches) < 2 {
		return s.leased(h, errors.Join(err, s.patch(h, patches)))
	}
	return s.leased(h, s.withNote(h, func() error { return s.patch(h, patches) }))
}

// leased tells of a lease that was added or renewed, unless there was an error.
func (s *Server) leased(h *handle, err error) error {
	if err != nil {
		return err
	}
	s.changed(share.Change{Index: h.key.index, Share: h.key.share, Kind: h.kind, Bytes: h.size() - h.before})
	return nil
}

// patch changes the leases of h in place. Each patch but the last is synced before the next, as share.Patch demands.
// The last is not, here: what a power failure can take back is a lease or a renewal of the last seconds, which the client
// renews long before it ends, and never a byte of data. A killed process takes nothing back.
func (s *Server) patch(h *handle, patches []share.Patch) error {
	for k, p := range patches {
		if k == 0 && len(patches) > 1 && uint64(len(p.Data)) > s.unreserved() {
			return storage.ErrNoSpace
		}
		if k > 0 {
			if err := h.file.Sync(); err != nil {
				return err
			}
		}
		if _, err := h.file.WriteAt(p.Data, p.Offset); err != nil {
			return err
		}
	}
	return nil
}

const notePrefix = "lease-"

// withNote adds a lease behind an immutable share, with a durable note of how long the file was. Until the count is
// written, the new lease lies where no lease counts, and the original would take it for the end of the data: the next
// start finds the note and cuts it off. The name of the note is that of the share, so that it needs no index of its
// own; it lies directly in incoming, where no share lies.
func (s *Server) withNote(h *handle, add func() error) error {
	note := filepath.Join(s.incoming, fmt.Sprintf("%s%s-%d", notePrefix, h.key.index, h.key.share))
	text := fmt.Sprintf("%d %d\n", h.immutable.Leases, h.immutable.FileSize())
	if err := s.fs.WriteFile(note, []byte(text), filePerm); err != nil {
		return err
	}
	if err := add(); err != nil {
		return errors.Join(err, s.heal(note, h.key))
	}
	// The note goes when the count is durable, and not before: a power failure must not take back the count alone.
	if err := h.file.Sync(); err != nil {
		return err
	}
	return s.fs.Remove(note)
}

// healLeases does what notes in incoming say.
func (s *Server) healLeases() error {
	entries, err := os.ReadDir(s.incoming) // 1024 directories, and the files that a crash left
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name, found := strings.CutPrefix(e.Name(), notePrefix)
		text, number, ok := strings.Cut(name, "-")
		if !found || !ok {
			continue
		}
		i, err := storage.ParseIndex(text)
		n, valid := shareNumber(number)
		if err != nil || !valid {
			continue // the temporary name of a note that was never made
		}
		if err := s.heal(filepath.Join(s.incoming, e.Name()), key{i, n}); err != nil {
			return fmt.Errorf("mend leases of %s/%d: %w", i.Abbrev(), n, err)
		}
	}
	return nil
}

// heal cuts a lease off that was not added completely, and removes the note. When the count has been written, the
// lease is complete, and stays.
func (s *Server) heal(note string, k key) error {
	text, err := os.ReadFile(note)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var leases uint32
	var size int64
	if _, err := fmt.Sscanf(string(text), "%d %d\n", &leases, &size); err != nil || size < share.ImmutableHeaderSize {
		return s.fs.Remove(note) // the note itself was not complete, so nothing came after it
	}
	if err := s.cutLease(k, leases, size); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.fs.Remove(note)
}

// cutLease makes the file size bytes long, if it has that many leases and is longer by less than two.
func (s *Server) cutLease(k key, leases uint32, size int64) error {
	file, err := s.fs.Open(s.path(k), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [share.ImmutableHeaderSize]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil // no share
	}
	c, err := share.ParseImmutable(head[:], size)
	now, sizeErr := file.Size()
	if err != nil || sizeErr != nil || c.Leases != leases || now <= size || now > size+share.ImmutableLeaseSize {
		return sizeErr
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	return file.Sync()
}
