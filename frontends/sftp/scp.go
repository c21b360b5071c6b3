package sftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/vfs"
)

// A talk is the two ways of a run.
type talk struct {
	ctx  context.Context
	view *vfs.View
	in   *bufio.Reader
	out  io.Writer
	bad  bool // something went wrong, and the client has been told
}

func (c scp) run(ctx context.Context, s *session) uint32 {
	t := &talk{ctx: ctx, view: s.view, in: bufio.NewReaderSize(s.ch, 64<<10), out: s.ch}
	var err error
	if c.sink {
		err = c.receive(t)
	} else {
		err = c.sendAll(t)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.warn(2, err)
	}
	if t.bad || err != nil && !errors.Is(err, io.EOF) {
		return 1
	}
	return 0
}

// warn tells the client of an error: 1 lets it go on, 2 does not.
func (t *talk) warn(code byte, err error) {
	t.bad = true
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	_, _ = fmt.Fprintf(t.out, "%cscp: %s\n", code, text)
}

func (t *talk) ok() error {
	_, err := t.out.Write([]byte{0})
	return err
}

// answer waits for what the other side says to what it was sent.
func (t *talk) answer() error {
	b, err := t.in.ReadByte()
	if err != nil {
		return err
	}
	if b == 0 {
		return nil
	}
	text, err := t.line()
	if err != nil {
		return err
	}
	t.bad = true
	if b == 1 {
		return nil
	}
	return errors.New(text)
}

const maxSCPLine = 64 << 10

func (t *talk) line() (string, error) {
	var b []byte
	for {
		part, err := t.in.ReadSlice('\n')
		b = append(b, part...)
		if len(b) > maxSCPLine {
			return "", errPacket
		}
		if err == nil {
			return string(b[:len(b)-1]), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}

// receive takes what the client sends.
func (c scp) receive(t *talk) error {
	if err := t.ok(); err != nil {
		return err
	}
	to := path.Clean("/" + expandSCP(c.paths[0]))
	i, err := t.view.Stat(t.ctx, to)
	into := err == nil && i.IsDir()
	if c.dir && !into {
		return vfs.ErrNotDirectory
	}
	return c.receiveInto(t, to, into)
}

// expandSCP gives ~ its meaning.
func expandSCP(p string) string {
	if p == "~" || strings.HasPrefix(p, "~/") {
		return p[1:]
	}
	return p
}

// receiveInto takes files and directories, until the end of the directory that is being sent. When into is false, the first takes the name
// to itself.
func (c scp) receiveInto(t *talk, to string, into bool) error {
	var mtime *time.Time
	for {
		line, err := t.line()
		if err != nil {
			return err
		}
		if line == "" {
			return errPacket
		}
		switch line[0] {
		case 'E':
			return t.ok()
		case 1, 2: // the client tells of a file that it cannot read
			t.bad = true
			continue
		case 'T':
			if mtime, err = parseTimes(line[1:]); err == nil {
				err = t.ok()
			}
		case 'C', 'D':
			err = c.receiveOne(t, line, to, into, mtime)
			mtime = nil
		default:
			err = errPacket
		}
		if err != nil {
			return err
		}
	}
}

func parseTimes(text string) (*time.Time, error) {
	var mtime, mfrac, atime, afrac int64
	if n, err := fmt.Sscanf(text, "%d %d %d %d", &mtime, &mfrac, &atime, &afrac); n != 4 || err != nil {
		return nil, errPacket
	}
	t := time.Unix(mtime, 0)
	return &t, nil
}

// receiveOne takes a file or a directory, which line announces.
func (c scp) receiveOne(t *talk, line, to string, into bool, mtime *time.Time) error {
	fields := strings.SplitN(line[1:], " ", 3)
	if len(fields) != 3 {
		return errPacket
	}
	mode, err1 := strconv.ParseUint(fields[0], 8, 16)
	size, err2 := strconv.ParseInt(fields[1], 10, 64)
	name := fields[2]
	if err1 != nil || err2 != nil || size < 0 || name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return errPacket
	}
	if into {
		to = path.Join(to, name)
	}
	perm := fs.FileMode(mode).Perm()
	if line[0] == 'C' {
		a := vfs.Attr{ModTime: mtime}
		if c.times {
			a.Mode = &perm
		}
		return t.file(to, size, a)
	}
	if !c.recursive {
		return errPacket
	}
	if err := t.view.Mkdir(t.ctx, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := t.ok(); err != nil {
		return err
	}
	return c.receiveInto(t, to, true)
}

// file takes the bytes of one file. When it cannot be stored they are taken all the same, and the next one may be.
func (t *talk) file(to string, size int64, a vfs.Attr) error {
	f, err := t.view.Open(t.ctx, to, vfs.FlagWrite|vfs.FlagCreate|vfs.FlagTruncate)
	if err != nil {
		t.warn(1, fmt.Errorf("%s: %w", path.Base(to), err))
		return nil // the client sends nothing of it
	}
	defer f.Abandon()
	if err := t.ok(); err != nil {
		return err
	}
	w := &fileWriter{t.ctx, f, 0, nil}
	if _, err := io.CopyN(w, t.in, size); err != nil {
		return err
	}
	if err := t.answer(); err != nil {
		return err
	}
	err = w.err
	if err == nil {
		err = errors.Join(f.SetAttr(t.ctx, a), f.Close(t.ctx))
	}
	if err != nil {
		t.warn(1, fmt.Errorf("%s: %w", path.Base(to), err))
		return nil
	}
	return t.ok()
}

// A fileWriter writes to a file, and after an error to nothing.
type fileWriter struct {
	ctx context.Context
	f   *vfs.File
	at  int64
	err error
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.f.WriteAt(w.ctx, p, w.at)
	}
	w.at += int64(len(p))
	return len(p), nil
}

// sendAll sends what the client asks for.
func (c scp) sendAll(t *talk) error {
	if err := t.answer(); err != nil {
		return err
	}
	for _, p := range c.paths {
		if err := c.send(t, path.Clean("/"+expandSCP(p))); err != nil {
			return err
		}
	}
	return nil
}

func (c scp) send(t *talk, p string) error {
	i, err := t.view.Stat(t.ctx, p)
	if err == nil && i.IsDir() && !c.recursive {
		err = vfs.ErrIsDirectory
	}
	if err != nil {
		t.warn(1, fmt.Errorf("%s: %w", path.Base(p), err))
		return nil
	}
	if i.IsDir() {
		return c.sendDir(t, p, i)
	}
	f, err := t.view.Open(t.ctx, p, vfs.FlagRead)
	if err != nil {
		t.warn(1, fmt.Errorf("%s: %w", path.Base(p), err))
		return nil
	}
	defer f.Abandon()
	if i, err = f.Stat(t.ctx); err != nil {
		return err
	}
	if err := c.announce(t, 'C', path.Base(p), i); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(t.out, io.NewSectionReader(fileReader{t.ctx, f}, 0, i.Size()), make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := t.ok(); err != nil {
		return err
	}
	return t.answer()
}

type fileReader struct {
	ctx context.Context
	f   *vfs.File
}

func (r fileReader) ReadAt(p []byte, off int64) (int, error) { return r.f.ReadAt(r.ctx, p, off) }

func (c scp) announce(t *talk, kind byte, name string, i vfs.Info) error {
	if c.times {
		if _, err := fmt.Fprintf(t.out, "T%d 0 %d 0\n", unixTime(i.ModTime()), unixTime(i.ModTime())); err != nil {
			return err
		}
		if err := t.answer(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(t.out, "%c%04o %d %s\n", kind, i.Mode().Perm(), i.Size(), strings.ReplaceAll(name, "\n", "?")); err != nil {
		return err
	}
	return t.answer()
}

func (c scp) sendDir(t *talk, p string, i vfs.Info) error {
	all, err := t.view.List(t.ctx, p)
	if err != nil {
		t.warn(1, fmt.Errorf("%s: %w", path.Base(p), err))
		return nil
	}
	if err := c.announce(t, 'D', path.Base(p), i); err != nil {
		return err
	}
	for child := range all {
		if err := c.send(t, path.Join(p, child.Name())); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(t.out, "E\n"); err != nil {
		return err
	}
	return t.answer()
}
