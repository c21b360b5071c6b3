package uploads

import (
	"errors"
	"io"

	"tahoe/frontends/vfs/staging"
)

// join makes one part of the last two while the last is not smaller than the one before it, as long as they fit into one. A byte is
// thereby copied no more often than the number of pieces has binary digits, and few parts are left. The turn is held.
func (u *Upload) join() error {
	for {
		u.mu.Lock()
		n := len(u.parts)
		var a, b part
		fit := n >= 2
		if fit {
			a, b = u.parts[n-2], u.parts[n-1]
			fit = a.size <= b.size && a.size+b.size <= u.s.part
		}
		u.mu.Unlock()
		if !fit {
			return nil
		}
		joined, err := u.joined(a, b)
		if errors.Is(err, ErrNoSpace) || errors.Is(err, staging.ErrTooMany) {
			return nil // they stay as they are
		}
		if err != nil {
			return err
		}
		u.mu.Lock()
		u.parts = append(u.parts[:n-2:n-2], joined)
		u.mu.Unlock()
		if err := errors.Join(a.file.Release(), b.file.Release()); err != nil {
			return err
		}
	}
}

// joined is a part with the bytes of two. When the node is killed before they are removed, adopt takes the longest.
func (u *Upload) joined(a, b part) (part, error) {
	f, err := u.s.store.New()
	if err != nil {
		return part{}, err
	}
	p, err := part{}, copyParts(f, a, b)
	if err == nil {
		p, err = u.keepPart(f, a.off, a.size+b.size)
	}
	if err != nil {
		return part{}, errors.Join(err, f.Release())
	}
	return p, nil
}

func copyParts(to *staging.File, parts ...part) error {
	buf := make([]byte, staging.ChunkSize)
	var at int64
	for _, p := range parts {
		for off := int64(0); off < p.size; {
			n, err := p.file.ReadAt(buf[:min(p.size-off, int64(len(buf)))], off)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if _, err := to.WriteAt(buf[:n], at); err != nil {
				return err
			}
			off, at = off+int64(n), at+int64(n)
		}
	}
	return nil
}
