package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tahoe/internal/durable"
	"tahoe/internal/spans"
	"tahoe/storage"
	"tahoe/storage/share"
)

// maxSpans bounds the memory of a share that is written in many small pieces with gaps between them.
const maxSpans = 1 << 16

// flushEvery is how many bytes of a share are written before the system is asked to begin writing them to the disk, so
// that the disk works while the rest of the share arrives, and Close has little to wait for.
const flushEvery = 4 << 20

// writer writes one immutable share. It is open as long as it is registered with its server. What is not said to be
// guarded otherwise belongs to the holder of busy: the call of Write or Close that runs, or the abort that found none
// running.
type writer struct {
	s        *Server
	key      key
	grant    Grant
	size     int64
	incoming string
	lease    []byte
	busy     chan struct{} // one slot
	used     atomic.Int64  // time of the last use, in nanoseconds since 1970

	file      *durable.File
	have      spans.Set
	unflushed int64 // bytes written since the last Flush
	renamed   bool

	mu     sync.Mutex
	ended  error // why the writer is not open any more; guarded by mu
	closed bool  // it ended well; guarded by mu
}

func (w *writer) touch() { w.used.Store(w.s.cfg.Now().UnixNano()) }

func (w *writer) lastUse() time.Time { return time.Unix(0, w.used.Load()) }

// create makes the file, with its header. The caller holds the lock of the index, so that nobody removes the directory
// meanwhile. The lease, which the header counts already, is written by Close: an incoming file is nothing until then.
func (w *writer) create(c share.Immutable) error {
	if err := w.s.fs.MkdirAll(w.s.incoming, filepath.Dir(w.incoming), dirPerm); err != nil {
		return err
	}
	file, err := w.s.fs.Open(w.incoming, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	w.file = file
	c.Leases = 1
	_, err = file.WriteAt(c.Header(), 0)
	return err
}

// begin waits for the writer to be idle and checks that it is open. The caller calls end.
func (w *writer) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := w.state(); err != nil {
		<-w.busy
		return err
	}
	return nil
}

// end makes the writer idle. If it was aborted meanwhile, the file is closed here.
func (w *writer) end() {
	if w.state() != nil {
		if unlock, err := w.s.locks.lock(context.Background(), w.key.index); err == nil {
			w.dispose()
			unlock()
		}
	}
	<-w.busy
}

// state is nil while the writer is open.
func (w *writer) state() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// finish ends the writer for a reason, and says whether it was open until then.
func (w *writer) finish(why error, closed bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		return false
	}
	w.ended, w.closed = why, closed
	return true
}

// Write stores what it reads from r at s.
func (w *writer) Write(ctx context.Context, s storage.Span, r io.Reader) ([]storage.Span, error) {
	if err := w.begin(ctx); err != nil {
		return nil, err
	}
	defer w.end()
	if s.Offset < 0 || s.Size < 0 || s.Offset > w.size || s.Size > w.size-s.Offset {
		return nil, fmt.Errorf("write of %d bytes at %d to share %s of %d: %w", s.Size, s.Offset, w.key, w.size, storage.ErrRange)
	}
	if w.file == nil {
		return nil, fmt.Errorf("share %s has been closed: %w", w.key, storage.ErrNotFound)
	}
	if w.have.Count() >= maxSpans {
		return nil, fmt.Errorf("share %s is written in too many pieces: %w", w.key, storage.ErrTooLarge)
	}
	buf, release := w.s.buffer(s.Size)
	defer release()
	for at := s.Offset; at < s.End(); at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), s.End()-at)]
		if err := w.writeChunk(ctx, at, b, r); err != nil {
			return nil, fmt.Errorf("write share %s: %w", w.key, full(err))
		}
	}
	return w.missing(), nil
}

// writeChunk fills b from r and stores it. What was written before is compared, the rest is written.
func (w *writer) writeChunk(ctx context.Context, at int64, b []byte, r io.Reader) error {
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading share data: %w", err)
	}
	if err := errors.Join(ctx.Err(), w.state()); err != nil {
		return err
	}
	w.touch()
	end := at + int64(len(b))
	old := w.have.Overlap(at, end)
	if len(old) == 0 {
		return w.store(at, b)
	}
	if err := w.compare(old, at, b); err != nil {
		return err
	}
	for _, gap := range w.have.Missing(at, end) {
		if err := w.store(gap.Start, b[gap.Start-at:gap.End-at]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) store(at int64, b []byte) error {
	if !w.s.cfg.Discard {
		if _, err := w.file.WriteAt(b, share.ImmutableHeaderSize+at); err != nil {
			return err
		}
	}
	w.have.Add(at, at+int64(len(b)))
	w.unflushed += int64(len(b))
	if w.unflushed >= flushEvery {
		start := max(0, share.ImmutableHeaderSize+at+int64(len(b))-w.unflushed)
		w.file.Flush(start, w.unflushed)
		w.unflushed = 0
	}
	return nil
}

// compare checks that b, which is meant for at, agrees with the parts that were written before.
func (w *writer) compare(old []spans.Span, at int64, b []byte) error {
	if w.s.cfg.Discard {
		return nil // there is nothing to compare with
	}
	buf := smallPool.Get().(*[smallBuffer]byte)
	defer smallPool.Put(buf)
	for _, o := range old {
		for from := o.Start; from < o.End; from += smallBuffer {
			to := min(from+smallBuffer, o.End)
			if _, err := w.file.ReadAt(buf[:to-from], share.ImmutableHeaderSize+from); err != nil {
				return err
			}
			if !bytes.Equal(buf[:to-from], b[from-at:to-at]) {
				return fmt.Errorf("bytes %d to %d: %w", from, to, storage.ErrConflict)
			}
		}
	}
	return nil
}

func (w *writer) missing() []storage.Span {
	var out []storage.Span
	for _, m := range w.have.Missing(0, w.size) {
		out = append(out, storage.Span{Offset: m.Start, Size: m.End - m.Start})
	}
	return out
}

// Close makes the share visible and durable.
func (w *writer) Close(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.closed {
			return nil
		}
		return err
	}
	defer w.end()
	if !w.have.Covers(0, w.size) {
		return fmt.Errorf("close share %s: %w", w.key, storage.ErrIncomplete)
	}
	if err := w.publish(ctx); err != nil {
		return fmt.Errorf("close share %s: %w", w.key, full(err))
	}
	if w.finish(fmt.Errorf("share %s is closed: %w", w.key, storage.ErrNotFound), true) {
		w.s.release(w)
	}
	return nil
}

// publish syncs the file, then renames it into place, then syncs the directories. A crash before the rename leaves
// nothing, for incoming is wiped; one after it leaves the whole share, for it was synced before. Uploads of different
// shares sync at the same time: the lock is held for the rename alone. A file that could not be synced is given up: the
// system may have dropped what it could not write, and would call the next sync of the file a success.
func (w *writer) publish(ctx context.Context) error {
	if !w.renamed {
		if _, err := w.file.WriteAt(w.lease, share.ImmutableHeaderSize+w.size); err != nil {
			return err
		}
		if err := w.file.Sync(); err != nil {
			w.finish(w.givenUp(), false)
			return err
		}
		if err := w.rename(ctx); err != nil {
			return err
		}
	}
	return w.s.syncDir(w.key.index)
}

// rename moves the file into place, unless a share has appeared there meanwhile, which can only be a mutable one: then
// the upload has lost.
func (w *writer) rename(ctx context.Context) error {
	unlock, err := w.s.locks.lock(ctx, w.key.index)
	if err != nil {
		return err
	}
	defer unlock()
	if err := w.state(); err != nil {
		return err
	}
	h, err := w.s.openShare(w.key, os.O_RDONLY)
	if err == nil {
		h.close()
		return fmt.Errorf("a %s share is there: %w", h.kind, storage.ErrConflict)
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err := w.s.fs.MkdirAll(w.s.shares, w.s.dir(w.key.index), dirPerm); err != nil {
		return err
	}
	err = w.file.Close() // some systems do not rename open files
	w.file = nil
	if err == nil {
		err = w.s.fs.Rename(w.incoming, w.s.path(w.key))
	}
	if err != nil {
		w.finish(w.givenUp(), false)
		return err
	}
	w.renamed = true
	w.s.changed(share.Change{
		Index: w.key.index, Share: w.key.share, Kind: storage.KindImmutable, Client: w.grant.Client,
		Shares: 1, Bytes: share.ImmutableHeaderSize + w.size + int64(len(w.lease)),
	})
	_ = w.s.fs.Remove(filepath.Dir(w.incoming)) // fails while other shares of the index are written
	return nil
}

// givenUp is what calls get after one of them has met an error that nothing can mend.
func (w *writer) givenUp() error {
	return fmt.Errorf("share %s was given up: %w", w.key, storage.ErrNotFound)
}

// Abort forgets the share.
func (w *writer) Abort(ctx context.Context) error {
	w.abort(ctx, true)
	return nil
}

// abort ends the writer, and removes its file when no Write runs, which would do it otherwise. lock says whether it
// must take the lock of the index, to remove the directory.
func (w *writer) abort(ctx context.Context, lock bool) {
	if !w.finish(fmt.Errorf("share %s was aborted: %w", w.key, storage.ErrNotFound), false) {
		return
	}
	if lock {
		// However the caller's context stands, the room must be given back.
		if unlock, err := w.s.locks.lock(context.WithoutCancel(ctx), w.key.index); err == nil {
			defer unlock()
		}
	}
	select {
	case w.busy <- struct{}{}:
		w.dispose()
		<-w.busy
	default:
		// A Write waits for its reader. The file goes now, where the system lets go of open files; where it does not,
		// the share stays taken until Write ends.
		if w.s.fs.Remove(w.incoming) == nil {
			_ = w.s.fs.Remove(filepath.Dir(w.incoming))
			w.s.release(w)
		}
	}
}

// dispose closes the file, and removes it if it is still this writer's. The caller has busy and the lock of the index.
func (w *writer) dispose() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed || w.renamed {
		w.s.release(w)
		return
	}
	if !w.s.registered(w) {
		return // the file has been removed, and another upload may have taken the name
	}
	if err := w.s.fs.Remove(w.incoming); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.s.log.Warn("removing an aborted upload", "share", w.key.String(), "error", err)
	}
	_ = w.s.fs.Remove(filepath.Dir(w.incoming)) // fails while other shares of the index are written
	w.s.release(w)
}
