package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tahoe/cmd/tahoe/internal/backupdb"
	"tahoe/cmd/tahoe/internal/localfile"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
	"tahoe/reactor"
)

// file stores one file.
func (b *running) file(ctx context.Context, dir *directory, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		b.refused(path, false, err)
		return nil
	}
	part := b.Tally.Part(info.Size())
	defer part.Done()
	capability, err := b.reuseFile(ctx, path, info)
	if err != nil {
		return err
	}
	if capability != "" {
		b.Note(Skipping, path)
		b.count(func(c *Counts) { c.FilesReused++ })
	} else if capability, info, err = b.upload(ctx, path, part); err != nil {
		return b.uploadFailed(ctx, path, err)
	}
	dir.add(filepath.Base(path), wapi.NewChild{Kind: wapi.KindFile, ReadURI: capability, Metadata: localfile.Metadata(info)})
	return nil
}

// uploadFailed leaves out a file that this machine does not let be read. Anything else ends the backup.
func (b *running) uploadFailed(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, errChanging) {
		b.refused(path, false, err)
		return nil
	}
	return err
}

func stateOf(path string, s localfile.Stamp) backupdb.File {
	const second = int64(time.Second)
	return backupdb.File{Path: path, Size: s.Size, MTime: floor(s.MTime, second), CTime: floor(s.CTime, second)}
}

// floor divides, downwards also below zero.
func floor(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

// reuseFile is the capability that an earlier backup got for a file, if the file has not changed and the grid has it.
func (b *running) reuseFile(ctx context.Context, path string, info fs.FileInfo) (string, error) {
	known, ok, err := b.DB.File(stateOf(path, localfile.StampOf(info)), b.IgnoreTimes)
	if err != nil || !ok {
		return "", err
	}
	return b.reuse(ctx, path, known, func(c *Counts) { c.FilesChecked++ }, b.DB.FileHealthy)
}

// reuse is a known capability, or none if the grid, when it is time to ask, does not have what it leads to.
func (b *running) reuse(ctx context.Context, path string, known backupdb.Known, checked func(*Counts), note func(capability string) error) (string, error) {
	if !known.Due {
		return known.Cap, nil
	}
	b.Note(Checking, path)
	healthy, asked, err := b.check(ctx, known.Cap)
	if asked {
		b.count(checked)
	}
	if err != nil || !healthy {
		return "", err
	}
	if asked {
		err = note(known.Cap)
	}
	return known.Cap, err
}

// check asks the grid whether it has something, and renews its leases. A node that cannot check is asked once.
func (b *running) check(ctx context.Context, capability string) (healthy, checked bool, err error) {
	if b.uncheckable.Load() {
		return true, false, nil
	}
	r, err := b.Gateway.Check(ctx, capability, nil, wapi.CheckOptions{AddLease: true})
	e, answered := errors.AsType[*wapi.Error](err)
	switch {
	case err == nil:
		return r.Results.Healthy, true, nil
	case !answered:
		return false, false, err
	case e.Status == http.StatusNotImplemented:
		if !b.uncheckable.Swap(true) {
			b.Warn("the node cannot check yet whether the grid still has what earlier backups stored; it is used as it is")
		}
		return true, false, nil
	}
	return false, true, nil // what cannot be checked is stored again
}

// tries is how often a file is read that changes while it is read.
const tries = 3

var errChanging = errors.New("it changed each time that it was read")

// upload stores what is in a file, and returns the state that it had before and after it was read.
func (b *running) upload(ctx context.Context, path string, part *tally.Part) (string, fs.FileInfo, error) {
	b.Note(Uploading, path)
	for range tries {
		capability, info, same, err := b.uploadOnce(ctx, path, part)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", nil, err
		}
		if !same || err != nil {
			part.Again()
			continue
		}
		b.count(func(c *Counts) {
			c.FilesUploaded++
			c.Bytes += info.Size()
		})
		return capability, info, b.remember(ctx, path, localfile.StampOf(info), capability)
	}
	return "", nil, errChanging
}

func (b *running) uploadOnce(ctx context.Context, path string, part *tally.Part) (capability string, info fs.FileInfo, same bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", nil, false, err
	}
	defer file.Close()
	info, err = file.Stat()
	if err != nil {
		return "", nil, false, err
	}
	content, size, err := localfile.Content(file, info)
	if err != nil {
		return "", nil, false, err
	}
	capability, _, err = b.Gateway.Put(ctx, part.Reader(content), size, wapi.PutOptions{})
	if err != nil {
		return "", nil, false, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return "", nil, false, err
	}
	return capability, info, localfile.StampOf(info) == localfile.StampOf(after), nil
}

// remember notes a file, unless it changes. The database counts in seconds, so it waits until the second in which the file last changed
// is over: a change within it would not show later.
func (b *running) remember(ctx context.Context, path string, s localfile.Stamp, capability string) error {
	over := time.Unix(0, max(s.CTime, s.MTime)).Truncate(time.Second).Add(time.Second)
	if wait := over.Sub(b.Now()); wait > 0 && wait <= time.Second {
		if err := reactor.Sleep(ctx, reactor.System(), wait); err != nil {
			return err
		}
		after, err := os.Stat(path)
		if err != nil || localfile.StampOf(after) != s {
			return nil // it is stored as it was, and will be looked at again next time
		}
	}
	return b.DB.Uploaded(stateOf(path, s), capability)
}

// store stores a directory whose children are stored, and gives it to the one above.
func (b *running) store(ctx context.Context, d *directory) error {
	info, err := os.Stat(d.path)
	if err != nil {
		b.refused(d.path, true, err)
		return nil
	}
	contents := make(map[string]string, len(d.children))
	for name, c := range d.children {
		contents[name] = c.ReadURI
	}
	hash := backupdb.DirHash(contents)
	leave, err := b.alone(ctx, hash)
	if err != nil {
		return err
	}
	defer leave()
	if d.cap, err = b.reuseDirectory(ctx, d.path, hash); err != nil {
		return err
	}
	if d.cap == "" {
		err = b.create(ctx, d, hash)
	} else {
		b.Note(Reusing, d.path)
		b.count(func(c *Counts) { c.DirectoriesReused++ })
	}
	if err == nil && d.up != nil {
		d.up.add(filepath.Base(d.path), wapi.NewChild{Kind: wapi.KindDirectory, ReadURI: d.cap, Metadata: localfile.Metadata(info)})
	}
	return err
}

// alone waits while another directory with the same contents is stored, which this one then is as well: two of them would
// have two capabilities, and the next backup would take the other one for a change.
func (b *running) alone(ctx context.Context, hash string) (leave func(), err error) {
	for {
		b.mu.Lock()
		other, busy := b.storing[hash]
		if !busy {
			done := make(chan struct{})
			b.storing[hash] = done
			b.mu.Unlock()
			return func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				delete(b.storing, hash)
				close(done)
			}, nil
		}
		b.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (b *running) create(ctx context.Context, d *directory, hash string) (err error) {
	b.Note(Creating, d.path)
	if d.cap, err = b.Gateway.MkdirImmutable(ctx, d.children); err != nil {
		return err
	}
	b.count(func(c *Counts) { c.DirectoriesCreated++ })
	return b.DB.Created(hash, d.cap)
}

func (b *running) reuseDirectory(ctx context.Context, path, hash string) (string, error) {
	known, ok, err := b.DB.Directory(hash)
	if err != nil || !ok {
		return "", err
	}
	return b.reuse(ctx, path, known, func(c *Counts) { c.DirectoriesChecked++ }, b.DB.DirectoryHealthy)
}
