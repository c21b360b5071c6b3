package gbs

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"tahoe/storage"
)

// uploadKey names a share that is being uploaded.
type uploadKey struct {
	index storage.Index
	share storage.ShareNum
}

// An upload is a share that is being uploaded. Its writer belongs to whoever holds the turn; Abort needs no turn.
type upload struct {
	key    uploadKey
	secret uploadSecret
	size   int64
	writer storage.Writer
	turn   chan struct{} // one slot: full while somebody writes

	used time.Time     // guarded by uploads.mu
	elem *list.Element // guarded by uploads.mu; nil when not in the table
}

// begin waits for the turn to write.
func (u *upload) begin(ctx context.Context) error {
	select {
	case u.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// abandonedAfter is how long an upload must have been left alone before another client may take its share. A client that
// lives goes on, or comes back after a broken connection, much sooner; the one that comes after a client that was killed is
// not to wait for as long as writers are kept.
const abandonedAfter = 2 * time.Minute

// uploads is the table of shares that are being uploaded. An entry vanishes when its share is complete or aborted, when
// its writer says that it is no longer open, and, when nobody touched it for longer than any server keeps a writer, at
// the next allocation; at one that wants this share for another upload, it need not have been left alone for that long. The table has a bounded number of entries: no room in it is no room on the server.
type uploads struct {
	limit int
	idle  time.Duration
	now   func() time.Time

	mu    sync.Mutex
	byKey map[uploadKey]*upload
	order *list.List // of *upload, the one that was touched longest ago first
}

func newUploads(limit int, idle time.Duration, now func() time.Time) *uploads {
	return &uploads{limit: limit, idle: idle, now: now, byKey: map[uploadKey]*upload{}, order: list.New()}
}

// add puts an upload into the table, replacing one whose writer must have ended, since the server gave out another. It
// says whether there was room.
func (t *uploads) add(key uploadKey, secret uploadSecret, size int64, w storage.Writer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byKey[key]; old != nil {
		t.drop(old)
	}
	if len(t.byKey) >= t.limit {
		return false
	}
	u := &upload{key: key, secret: secret, size: size, writer: w, turn: make(chan struct{}, 1), used: t.now()}
	u.elem = t.order.PushBack(u)
	t.byKey[key] = u
	return true
}

// find returns the upload of a share: ErrNotFound when there is none, ErrBadSecret when it is somebody else's.
func (t *uploads) find(key uploadKey, secret uploadSecret) (*upload, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byKey[key]
	if u == nil {
		return nil, fmt.Errorf("share %d of %s is not being uploaded: %w", key.share, key.index.Abbrev(), storage.ErrNotFound)
	}
	if !u.secret.equal(secret) {
		return nil, fmt.Errorf("share %d of %s is being uploaded with another upload secret: %w", key.share, key.index.Abbrev(), storage.ErrBadSecret)
	}
	t.touch(u)
	return u, nil
}

// touch notes that u is in use. Its caller holds t.mu.
func (t *uploads) touch(u *upload) {
	if u.elem != nil {
		u.used = t.now()
		t.order.MoveToBack(u.elem)
	}
}

// end gives the turn back that begin took. A write may have taken long, and its client have the next one ready.
func (t *uploads) end(u *upload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.touch(u)
	<-u.turn
}

// own returns which of shares are being uploaded with this secret and size.
func (t *uploads) own(i storage.Index, shares []storage.ShareNum, secret uploadSecret, size int64) []storage.ShareNum {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []storage.ShareNum
	for _, n := range shares {
		if u := t.byKey[uploadKey{i, n}]; u != nil && u.size == size && u.secret.equal(secret) {
			out = append(out, n)
		}
	}
	return out
}

// remove takes u out of the table, unless another has taken its place.
func (t *uploads) remove(u *upload) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(u)
}

// drop is remove for a caller that holds t.mu.
func (t *uploads) drop(u *upload) {
	if u.elem == nil {
		return
	}
	t.order.Remove(u.elem)
	u.elem = nil
	delete(t.byKey, u.key)
}

// expire takes out and returns the uploads that nobody touched for too long and nobody is writing.
func (t *uploads) expire() []*upload {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*upload
	before := t.now().Add(-t.idle)
	for e := t.order.Front(); e != nil; {
		u := e.Value.(*upload)
		e = e.Next()
		if u.used.After(before) {
			break
		}
		if len(u.turn) == 0 {
			t.drop(u)
			out = append(out, u)
		}
	}
	return out
}

// abandoned takes out and returns the uploads of these shares that have another secret, that nobody is writing, and that
// nobody touched for abandonedAfter.
func (t *uploads) abandoned(i storage.Index, shares []storage.ShareNum, secret uploadSecret) []*upload {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*upload
	before := t.now().Add(-abandonedAfter)
	for _, n := range shares {
		u := t.byKey[uploadKey{i, n}]
		if u != nil && !u.secret.equal(secret) && len(u.turn) == 0 && !u.used.After(before) {
			t.drop(u)
			out = append(out, u)
		}
	}
	return out
}
