package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"

	"tahoe/storage"
	"tahoe/storage/share"
)

// slotChange is the writing half of one TestAndWrite.
type slotChange struct {
	s     *Server
	index storage.Index
	open  slot // the shares before
	w     storage.SlotWrite
	grant Grant
	temps map[storage.ShareNum]string // the new files that are not in place yet
	sizes map[storage.ShareNum]int64  // how long they are
	added uint64                      // by which they are longer than the old ones
}

// prepare writes the new files, and syncs them. Nothing that anybody sees changes.
func (c *slotChange) prepare(ctx context.Context) error {
	for _, n := range slices.Sorted(maps.Keys(c.w.Shares)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if deletes(c.w.Shares[n]) {
			continue
		}
		if err := c.prepareShare(n); err != nil {
			return fmt.Errorf("share %d: %w", n, err)
		}
	}
	return nil
}

func (c *slotChange) prepareShare(n storage.ShareNum) error {
	old := c.open[n]
	if old == nil {
		if err := c.checkFree(n); err != nil {
			return err
		}
	}
	if err := c.checkRoom(old, c.w.Shares[n]); err != nil {
		return err
	}
	temp := c.s.temp()
	file, err := c.s.fs.Open(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	c.temps[n] = temp
	var e *share.Editor
	if old == nil {
		e, err = share.Create(file, share.NewMutable(c.s.cfg.NodeID, c.w.WriteEnabler))
	} else {
		err = file.CopyFrom(old.file, old.mutable.FileSize())
		e = share.Edit(file, old.mutable)
	}
	if err == nil {
		err = c.edit(e, c.w.Shares[n])
	}
	if err == nil {
		err = file.Sync()
		c.sizes[n] = e.FileSize()
	}
	return errors.Join(err, file.Close())
}

// checkFree makes sure that no immutable share has the number of a new mutable one. A file that is no share is in
// nobody's way: it is replaced.
func (c *slotChange) checkFree(n storage.ShareNum) error {
	h, err := c.s.openShare(key{c.index, n}, os.O_RDONLY)
	if err == nil {
		h.close()
		return fmt.Errorf("an %s share is there: %w", h.kind, storage.ErrConflict)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// checkRoom refuses a share that would be larger than it is by more than the file system has free. Writing far behind
// the end makes a hole that takes no room until somebody copies the file, so the system does not refuse it. Reserved
// space is for immutable shares: directories must go on changing on a server that is full.
func (c *slotChange) checkRoom(old *handle, w storage.ShareWrite) error {
	var now, after int64
	if old != nil {
		now = old.mutable.Size
	}
	for _, v := range w.Writes {
		after = max(after, v.Offset+v.Data.Size())
	}
	if after <= now {
		return nil
	}
	more := uint64(after - now)
	if free := c.s.Free(); free != math.MaxUint64 && more > free {
		return storage.ErrNoSpace
	}
	if c.added += more; c.added > c.s.quota(c.grant.Client) {
		return fmt.Errorf("the client has used up what it may store: %w", storage.ErrNoSpace)
	}
	return nil
}

// edit makes the writes, and renews the lease.
func (c *slotChange) edit(e *share.Editor, w storage.ShareWrite) error {
	for _, v := range w.Writes {
		if err := e.Write(v.Offset, v.Data); err != nil {
			return err
		}
	}
	if w.NewLength != nil {
		e.Cut(*w.NewLength)
	}
	lease := share.NewLease(e.Version, ownerAdded, c.w.Lease, c.s.cfg.Now().Add(share.LeaseDuration), c.s.cfg.NodeID)
	if err := e.Lease(lease, c.w.Lease); err != nil {
		return err
	}
	return e.Finish()
}

// commit puts the new files in place and removes deleted shares, in the order of their numbers.
func (c *slotChange) commit() error {
	dir := c.s.dir(c.index)
	if len(c.temps) > 0 {
		if err := c.s.fs.MkdirAll(c.s.shares, dir, dirPerm); err != nil {
			return err
		}
	}
	c.open.close() // some systems do not rename over open files
	changed := false
	for _, n := range slices.Sorted(maps.Keys(c.w.Shares)) {
		path := c.s.path(key{c.index, n})
		if temp, ok := c.temps[n]; ok {
			if err := c.s.fs.Rename(temp, path); err != nil {
				return err
			}
			delete(c.temps, n)
			c.tell(n, c.sizes[n])
			changed = true
		} else if c.open[n] != nil {
			if err := c.s.fs.Remove(path); err != nil {
				return err
			}
			c.tell(n, 0)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	if err := c.s.syncDir(c.index); err != nil {
		return err
	}
	return c.removeEmpty(dir)
}

// tell tells the ledger of a share that has a new file of size bytes, or none.
func (c *slotChange) tell(n storage.ShareNum, size int64) {
	change := share.Change{Index: c.index, Share: n, Kind: storage.KindMutable, Client: c.grant.Client, Bytes: size}
	old := c.open[n]
	if old != nil {
		change.Bytes -= old.before
	}
	switch {
	case old == nil:
		change.Shares = 1
	case size == 0:
		change.Shares = -1
	}
	c.s.changed(change)
}

// removeEmpty removes the directory of a slot that has no share left. It need not be durable: an empty directory is no
// slot.
func (c *slotChange) removeEmpty(dir string) error {
	numbers, err := c.s.numbers(c.index)
	if err != nil || len(numbers) > 0 {
		return err
	}
	_ = c.s.fs.Remove(dir) // fails when something else lies there
	return nil
}

// discard removes new files that were not put in place.
func (c *slotChange) discard() error {
	var all error
	for _, temp := range c.temps {
		if err := c.s.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
