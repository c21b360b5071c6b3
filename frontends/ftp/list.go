package ftp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"tahoe/frontends/vfs"
)

// facts are those of MLST and MLSD.
const facts = "type*;size*;modify*;create*;perm*;unix.mode*;"

// A format writes the line of a file.
type format func(in *session, i vfs.Info, name string) string

func (in *session) list(arg string) { in.listing(arg, longLine) }

func (in *session) nlst(arg string) {
	in.listing(arg, func(_ *session, _ vfs.Info, name string) string { return name })
}

func (in *session) mlsd(arg string) {
	i, err := in.view.Stat(in.ctx, in.path(arg))
	if err == nil && !i.IsDir() {
		in.data.close()
		in.reply(501, "It is not a directory: use MLST.")
		return
	}
	in.listing(" "+arg, factLine) // no options: a name may begin with a dash
}

// listing sends a line for each file.
func (in *session) listing(arg string, f format) {
	in.takeRest()
	found, err := in.find(arg)
	if err != nil {
		in.data.close()
		in.fail(err)
		return
	}
	in.transfer("Here is the list.", func(ctx context.Context, d *dataConn) error { return in.writeList(ctx, d, found, f) })
}

// A selection is what is to be listed: one file, or those in a directory whose names match.
type selection struct {
	one     *vfs.Info
	dir     string
	pattern string
	prefix  string // of names, as they were asked for
}

// find finds what a listing names. Options of ls are passed over, unless there is a file of that name.
func (in *session) find(arg string) (selection, error) {
	if exact, ok := strings.CutPrefix(arg, " "); ok {
		arg = exact
	} else if strings.HasPrefix(arg, "-") {
		if _, err := in.view.Stat(in.ctx, in.path(arg)); err != nil {
			arg = withoutOptions(arg)
		}
	}
	i, err := in.view.Stat(in.ctx, in.path(arg))
	switch {
	case err == nil && i.IsDir():
		return selection{dir: in.path(arg), prefix: prefixOf(arg, true)}, nil
	case err == nil:
		return selection{one: &i, prefix: prefixOf(arg, false)}, nil
	case strings.ContainsAny(path.Base(arg), "*?["):
		dir, pattern := path.Split(arg)
		if _, bad := path.Match(pattern, ""); bad != nil {
			return selection{}, fs.ErrNotExist
		}
		return selection{dir: in.path(dir), pattern: pattern, prefix: dir}, nil
	}
	return selection{}, err
}

// prefixOf is what stands before names in an NLST: the directory, as the client wrote it.
func prefixOf(arg string, dir bool) string {
	if !dir {
		p, _ := path.Split(arg)
		return p
	}
	if arg == "" || arg == "." || arg == "./" {
		return ""
	}
	return strings.TrimSuffix(arg, "/") + "/"
}

func withoutOptions(arg string) string {
	for strings.HasPrefix(arg, "-") {
		_, rest, _ := strings.Cut(arg, " ")
		arg = strings.TrimLeft(rest, " ")
	}
	return arg
}

func (in *session) writeList(ctx context.Context, d io.Writer, s selection, f format) error {
	w := bufio.NewWriterSize(d, 16<<10)
	if s.one != nil {
		fmt.Fprintf(w, "%s\r\n", f(in, *s.one, printable(s.prefix+s.one.Name())))
		return w.Flush()
	}
	all, err := in.view.List(ctx, s.dir)
	if err != nil {
		return err
	}
	for i := range all {
		if ok, _ := path.Match(s.pattern, i.Name()); s.pattern != "" && !ok {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\r\n", f(in, i, printable(i.Name()))); err != nil {
			return fmt.Errorf("%w: %w", errBroke, err)
		}
	}
	return w.Flush()
}

// printable is a name on one line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return '?'
		}
		return r
	}, name)
}

const halfYear = 182 * 24 * time.Hour

// longLine is a line as ls -l writes it.
func longLine(in *session, i vfs.Info, name string) string {
	t, now := timeOf(i), in.s.clock.Now()
	stamp := t.Format("Jan _2 15:04")
	if t.Before(now.Add(-halfYear)) || t.After(now.Add(time.Hour)) {
		stamp = t.Format("Jan _2  2006")
	}
	mode := i.Mode().Perm().String()
	if i.IsDir() {
		mode = "d" + mode[1:]
	}
	owner := strings.Join(strings.Fields(printable(in.view.Account().Name)), "_")
	return fmt.Sprintf("%s 1 %-8s %-8s %12d %s %s", mode, owner, owner, i.Size(), stamp, name)
}

// timeOf of what nobody told of is the beginning of time.
func timeOf(i vfs.Info) time.Time {
	if i.ModTime().IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return i.ModTime().UTC()
}

const stampLayout = "20060102150405"

func stamp(t time.Time) string {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.UTC().Format(stampLayout)
	}
	return t.UTC().Format(stampLayout + ".000")
}

// factLine is a line of MLSD.
func factLine(in *session, i vfs.Info, name string) string {
	var b strings.Builder
	if i.IsDir() {
		b.WriteString("type=dir;")
	} else {
		fmt.Fprintf(&b, "type=file;size=%d;", i.Size())
	}
	fmt.Fprintf(&b, "modify=%s;", stamp(timeOf(i)))
	if !i.Created().IsZero() {
		fmt.Fprintf(&b, "create=%s;", stamp(i.Created()))
	}
	fmt.Fprintf(&b, "perm=%s;unix.mode=0%03o; %s", permOf(i, !in.view.Account().ReadOnly), i.Mode().Perm(), name)
	return b.String()
}

func permOf(i vfs.Info, named bool) string {
	writable := i.Mode()&0o222 != 0
	p := "r"
	if i.IsDir() {
		p = "el"
	}
	if i.IsDir() && writable {
		p += "cmp"
	} else if writable {
		p += "aw"
	}
	if named {
		p += "df"
	}
	return p
}
