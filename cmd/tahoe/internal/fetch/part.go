package fetch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tahoe/frontends/web/wapi"
	"tahoe/internal/base32"
	"tahoe/internal/durable"
)

// A KeptError is about a download that ended early, whose part was kept.
type KeptError struct {
	Have int64
	Err  error
}

// Error says what the next download will do.
func (e *KeptError) Error() string {
	return fmt.Sprintf("%v; the %d bytes that have come are kept, and the same command goes on from there", e.Err, e.Have)
}

// Unwrap is why the download ended.
func (e *KeptError) Unwrap() error { return e.Err }

// ToFile makes path hold the file, and returns its length. What is no regular file, such as a device or a pipe, is written
// as it is.
func (d Download) ToFile(ctx context.Context, path string) (int64, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	old, err := os.Stat(path)
	switch {
	case err == nil && old.IsDir():
		return 0, fmt.Errorf("%s is a directory: name a file in it", path)
	case err == nil && !old.Mode().IsRegular():
		return d.into(ctx, path)
	case err != nil:
		old = nil
	}
	body, err := d.Open(ctx, wapi.Range{})
	if err != nil {
		return 0, err
	}
	p, err := openPart(path, body.Tag, old)
	if err != nil {
		_ = body.Close()
		return 0, blame(err, path)
	}
	n, err := d.fill(ctx, p, body)
	return n, blame(p.end(ctx, err, path), path)
}

func (d Download) into(ctx context.Context, path string) (int64, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := d.To(ctx, file)
	return n, errors.Join(err, file.Close())
}

// fill writes what a part does not have. It closes the body.
func (d Download) fill(ctx context.Context, p *part, body *wapi.Body) (int64, error) {
	total := body.Size
	if p.at > total {
		p.at = 0 // the part is of no use, whatever its name says
	}
	d.Size(total, p.at)
	if p.at > 0 {
		_ = body.Close()
		if p.at == total {
			return total, nil
		}
		rest, err := d.reopen(ctx, body.Tag, p.at)
		if err != nil {
			return p.at, err
		}
		body = rest
	}
	if _, err := p.file.Seek(p.at, io.SeekStart); err != nil {
		_ = body.Close()
		return p.at, err
	}
	return d.copy(ctx, body, p, p.at)
}

// sureEvery is after how many bytes a part is made sure of.
const sureEvery = 64 << 20

// A part is a file that is not whole yet. Its name is .NAME.TAG.SURE.part: the first SURE bytes were synced before it got that
// name, so that they outlive a crash. A file without a tag can change, so its part has a name of its own and is of no use later.
type part struct {
	file     *os.File
	dir      string
	prefix   string // of the name
	tagged   bool
	at, sure int64 // bytes that are written, and those that are on disk for sure
}

// openPart opens what an earlier download of the same file left, or makes a part. An old file gives it its mode.
func openPart(path, tag string, old fs.FileInfo) (*part, error) {
	p := &part{dir: filepath.Dir(path), tagged: tag != ""}
	mode := fs.FileMode(0o666)
	if old != nil {
		mode = old.Mode().Perm()
	}
	p.prefix = "." + shortName(filepath.Base(path)) + "." + shortTag(tag) + "."
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if p.tagged && p.find() {
		flags = os.O_RDWR
	}
	file, err := os.OpenFile(p.name(p.sure), flags, mode)
	if err != nil {
		return nil, err
	}
	p.file, p.at = file, p.sure
	if old != nil { // the umask does not apply to what was there before
		err = file.Chmod(mode)
	}
	return p, err
}

// longest is how long a name may be that stands whole in that of a part: with the rest of it a system takes no more than 255 bytes.
const longest = 200

// shortName is the name of a file, or the beginning of a long one and what tells it from others that begin so.
func shortName(name string) string {
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:longest-40], "") + "~" + base32.Encode(sum[:10])
}

// shortTag is what tells the parts of different files apart. It gives nothing away.
func shortTag(tag string) string {
	if tag == "" {
		return rand.Text()[:8]
	}
	sum := sha256.Sum256([]byte(tag))
	return base32.Encode(sum[:10])
}

func (p *part) name(sure int64) string {
	return filepath.Join(p.dir, p.prefix+strconv.FormatInt(sure, 10)+".part")
}

// find looks for a part that is there, the longest. What is no regular file somebody else may have put there: it is none.
func (p *part) find() (found bool) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return false // opening the part says why
	}
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), p.prefix)
		if number, is := strings.CutSuffix(rest, ".part"); ok && is {
			sure, err := strconv.ParseInt(number, 10, 64)
			info, statErr := entry.Info()
			if err == nil && statErr == nil && info.Mode().IsRegular() && sure >= 0 && sure <= info.Size() {
				p.sure, found = max(p.sure, sure), true
			}
		}
	}
	return found
}

// Write adds bytes that came.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.at += int64(n)
	if err == nil && p.tagged && p.at-p.sure >= sureEvery {
		err = p.makeSure()
	}
	return n, err
}

// makeSure syncs what is written, and says so in the name.
func (p *part) makeSure() error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.name(p.sure), p.name(p.at)); err != nil {
		return fmt.Errorf("name the part that has come, which another program may have taken: %w", err)
	}
	p.sure = p.at
	return nil
}

// end gives the part the name of the file when it is whole, keeps it when it can be of use, and else removes it.
func (p *part) end(ctx context.Context, err error, path string) error {
	if err == nil {
		err = p.file.Truncate(p.at)
	}
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil && p.tagged && p.at > 0 && worthKeeping(ctx, err) {
		if p.makeSure() == nil && p.file.Close() == nil {
			return &KeptError{Have: p.sure, Err: err}
		}
	}
	if err = errors.Join(err, p.file.Close()); err == nil {
		err = os.Rename(p.name(p.sure), path)
	}
	if err != nil {
		_ = os.Remove(p.name(p.sure))
		return err
	}
	return durable.FS{}.SyncDir(p.dir)
}

// worthKeeping says whether a download ended because somebody interrupted it, or the node went away: what has come is good then,
// and the rest can be had later.
func worthKeeping(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, wapi.ErrUnreachable) || errors.Is(err, wapi.ErrTruncated)
}

// blame makes an error about a part one about the file that the user named.
func blame(err error, path string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok && strings.HasSuffix(p.Path, ".part") {
		return &fs.PathError{Op: p.Op, Path: path, Err: p.Err}
	}
	return err
}
