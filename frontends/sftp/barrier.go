package sftp

import (
	"io/fs"

	"tahoe/frontends/vfs"
)

// about answers a request about the file of a handle. That of a directory is the library's.
func (f *filter) about(id uint32, name string, p []byte, answer func(uint32, *file) []byte) error {
	h := f.handle(name)
	if h == nil {
		return f.send(status(id, errHandle))
	}
	if h.f == nil {
		return f.toLibrary(p)
	}
	return f.barrier(id, h, false, func() []byte { return answer(id, h.f) })
}

// barrier runs do when what was sent before it has been answered, and lets nothing about the handle pass meanwhile. What do returns goes to
// the client; nil when it has seen to that itself.
func (f *filter) barrier(id uint32, h *handle, closes bool, do func() []byte) error {
	if err := f.wait(func() bool { return !h.barrier || h.closing }); err != nil {
		return err
	}
	f.mu.Lock()
	if h.closing {
		f.mu.Unlock()
		return f.send(status(id, fs.ErrClosed))
	}
	h.barrier, h.closing = true, closes
	if closes {
		h.f.claim()
	}
	f.mu.Unlock()
	f.spawn(id, func() []byte {
		defer f.lift(h)
		if !f.settled(h) {
			if closes {
				h.f.f.Abandon() // what was written before the close has not arrived
			}
			return nil
		}
		return do()
	})
	return nil
}

// settled waits until all reads and writes of a handle have been answered: false when some never will be.
func (f *filter) settled(h *handle) bool {
	for {
		f.mu.Lock()
		is, changed := h.under == 0, f.changed
		f.mu.Unlock()
		if is {
			return true
		}
		select {
		case <-changed:
		case <-f.served:
			f.mu.Lock()
			defer f.mu.Unlock()
			return h.under == 0
		}
	}
}

func (f *filter) lift(h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.barrier = false
	f.tell()
}

// spawn answers a request beside everything else. A fault in it is its answer.
func (f *filter) spawn(id uint32, answer func() []byte) {
	f.work.Go(func() {
		p := f.guarded(id, answer)
		if p != nil {
			_ = f.send(p) // a connection that broke is noticed by who reads from it
		}
	})
}

func (f *filter) guarded(id uint32, answer func() []byte) (p []byte) {
	var err error
	defer func() {
		if err != nil {
			p = status(id, err)
		}
	}()
	defer guard(f.log, &err)
	return answer()
}

// close closes the file, and lets the library answer when that is done.
func (f *filter) close(id uint32, name string, p []byte) error {
	h := f.handle(name)
	switch {
	case h == nil:
		return f.send(status(id, errHandle))
	case h.f == nil:
		f.forget(name)
		return f.toLibrary(p)
	}
	kept := append([]byte(nil), p...)
	return f.barrier(id, h, true, func() []byte {
		_ = h.f.finish() // the library asks for what it was
		f.forget(name)
		_ = f.toLibrary(kept)
		return nil
	})
}

func (f *filter) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.handles, name)
}

func (f *filter) fstat(id uint32, o *file) []byte {
	i, err := o.f.Stat(f.ctx)
	if err != nil {
		return status(id, err)
	}
	return newPacket(fxAttrs, id).attrs(i)
}

func (f *filter) fsetstat(id uint32, o *file, a vfs.Attr) []byte {
	if a == (vfs.Attr{}) {
		return status(id, nil)
	}
	return status(id, o.f.SetAttr(f.ctx, a))
}
