package uploads

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"tahoe/frontends/vfs/staging"
)

// Append takes the bytes of src, up to the size of the upload. The turn is held. It returns how many it took for good; an error of
// src or of the disk leaves those that came before it. With a check nothing is taken for good before it says that
// all is well.
func (u *Upload) Append(src io.Reader, check func() error) (int64, error) {
	defer u.arrived(0)
	left := u.left()
	if check != nil {
		return u.appendChecked(src, left, check)
	}
	var taken int64
	for left > 0 {
		most := min(left, u.s.part)
		f, n, err := u.receive(src, most)
		if f == nil {
			return taken, err
		}
		if kerr := u.settle(f, n); kerr != nil {
			return taken, errors.Join(kerr, err)
		}
		taken, left = taken+n, left-n
		if err != nil {
			return taken, err
		}
		if n < most {
			break
		}
	}
	return taken, u.join()
}

func (u *Upload) appendChecked(src io.Reader, left int64, check func() error) (int64, error) {
	f, n, err := u.receive(src, left)
	if f == nil {
		return 0, err
	}
	if err == nil {
		err = check()
	}
	if err != nil {
		return 0, errors.Join(err, f.Release())
	}
	if err := u.settle(f, n); err != nil {
		return 0, err
	}
	return n, u.join()
}

// left is how many bytes are still to come, at most.
func (u *Upload) left() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.record.Size < 0 {
		return math.MaxInt64
	}
	return u.record.Size - u.received
}

// receive copies at most so many bytes of src to a new staged file; fewer without an error mean that src has no more.
func (u *Upload) receive(src io.Reader, most int64) (*staging.File, int64, error) {
	f, err := u.s.store.New()
	if err != nil {
		return nil, 0, err
	}
	buf := make([]byte, staging.ChunkSize)
	var n int64
	for n < most {
		got, rerr := fill(src, buf[:min(most-n, int64(len(buf)))])
		if got > 0 {
			if _, err := f.WriteAt(buf[:got], n); err != nil {
				return f, n, err
			}
			n += int64(got)
			u.arrived(n)
		}
		if rerr == io.EOF {
			return f, n, nil
		}
		if rerr != nil {
			return f, n, rerr
		}
	}
	return f, n, nil
}

// fill reads until p is full. Unlike io.ReadFull it does not mistake a source that ends for one that breaks.
func fill(src io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = src.Read(p[n:])
		n += got
	}
	return n, err
}

// settle makes a staged file with n bytes the next part.
func (u *Upload) settle(f *staging.File, n int64) error {
	if n == 0 {
		return f.Release()
	}
	p, err := u.keepPart(f, u.end(), n)
	if err != nil {
		return errors.Join(err, f.Release())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, p)
	u.received, u.arriving, u.record.Used = u.received+n, 0, p.used
	return nil
}

func (u *Upload) keepPart(f *staging.File, off, size int64) (part, error) {
	p := part{file: f, off: off, size: size, used: u.s.c.Clock.Now()}
	b, err := json.Marshal(note{Part: &partNote{Head: u.head.ID(), Offset: off, Used: p.used}})
	if err != nil {
		return p, err
	}
	if err := f.Keep(b); err != nil {
		return p, fmt.Errorf("keep a part of an upload: %w", err)
	}
	return p, nil
}

// end is where the next part begins.
func (u *Upload) end() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.received
}

// arrived says how many bytes of the next part have come.
func (u *Upload) arrived(n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.arriving = n
}
