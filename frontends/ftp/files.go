package ftp

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"tahoe/frontends/vfs"
)

// path makes an absolute path of what a client wrote.
func (in *session) path(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return path.Clean(arg)
	}
	return path.Join(in.cwd, arg)
}

// done answers a command that has made a change.
func (in *session) done(err error, code int, text string) {
	if err != nil {
		in.fail(err)
		return
	}
	in.reply(code, text)
}

func quoted(p string) string { return `"` + strings.ReplaceAll(printable(p), `"`, `""`) + `"` }

func (in *session) pwd(string) { in.reply(257, quoted(in.cwd)+" is where you are.") }

func (in *session) chdir(arg string) {
	p := in.path(arg)
	if arg == "~" {
		p = "/"
	}
	i, err := in.view.Stat(in.ctx, p)
	switch {
	case err != nil:
		in.fail(err)
	case !i.IsDir():
		in.fail(vfs.ErrNotDirectory)
	default:
		in.cwd = p
		in.reply(250, "There you are.")
	}
}

func (in *session) cdup(string) { in.chdir("..") }

func (in *session) mkd(arg string) {
	p := in.path(arg)
	err := in.view.Mkdir(in.ctx, p)
	if errors.Is(err, fs.ErrNotExist) { // the ones above are made too, as they always were here
		err = in.view.MkdirAll(in.ctx, p)
	}
	in.done(err, 257, quoted(p)+" has been made.")
}

func (in *session) rmd(arg string) {
	in.done(in.view.Rmdir(in.ctx, in.path(arg)), 250, "It has been removed.")
}

func (in *session) dele(arg string) {
	in.done(in.view.Remove(in.ctx, in.path(arg)), 250, "It has been removed.")
}

func (in *session) rnfr(arg string) {
	p := in.path(arg)
	if _, err := in.view.Stat(in.ctx, p); err != nil {
		in.fail(err)
		return
	}
	in.renaming = p
	in.reply(350, "And its new name?")
}

// rnto replaces a file that is there, as FTP servers do and clients rely on.
func (in *session) rnto(arg string) {
	from, to := in.renaming, in.path(arg)
	in.renaming = ""
	switch {
	case from == "":
		in.reply(503, "RNFR comes first.")
	case strings.HasPrefix(to, strings.TrimSuffix(from, "/")+"/"):
		in.fail(fs.ErrInvalid)
	default:
		in.done(in.view.Rename(in.ctx, from, to, true), 250, "It has been renamed.")
	}
}

// file describes a file, which is no directory.
func (in *session) file(arg string) (vfs.Info, bool) {
	i, err := in.view.Stat(in.ctx, in.path(arg))
	if err == nil && i.IsDir() {
		err = vfs.ErrIsDirectory
	}
	if err != nil {
		in.fail(err)
	}
	return i, err == nil
}

func (in *session) size(arg string) {
	if i, ok := in.file(arg); ok {
		in.reply(213, strconv.FormatInt(i.Size(), 10))
	}
}

// mdtm tells the time of a file. With a time before the name it sets it, as clients did before there was MFMT.
func (in *session) mdtm(arg string) {
	if when, name, ok := timeAndName(arg); ok {
		if _, err := in.view.Stat(in.ctx, in.path(arg)); err != nil {
			in.setTime(when, name)
			return
		}
	}
	if i, ok := in.file(arg); ok {
		in.reply(213, stamp(timeOf(i)))
	}
}

func (in *session) mfmt(arg string) {
	when, name, ok := timeAndName(arg)
	if !ok {
		in.reply(501, "The command is MFMT YYYYMMDDhhmmss NAME.")
		return
	}
	in.setTime(when, name)
}

func (in *session) setTime(when time.Time, name string) {
	err := in.view.SetAttr(in.ctx, in.path(name), vfs.Attr{ModTime: &when})
	in.done(err, 213, "Modify="+stamp(when)+"; "+printable(name))
}

func timeAndName(arg string) (time.Time, string, bool) {
	text, name, ok := strings.Cut(arg, " ")
	if !ok || name == "" || len(text) < len(stampLayout) {
		return time.Time{}, "", false
	}
	t, err := time.Parse(stampLayout, text)
	return t, name, err == nil
}

// vast is the space that is told when it is not known: clients refuse to write where there is none.
const vast = 1 << 50

func (in *session) avbl(string) {
	s, err := in.view.Statfs(in.ctx)
	if err != nil {
		in.fail(err)
		return
	}
	if s.Total == 0 {
		s.Free = vast
	}
	in.reply(213, strconv.FormatInt(s.Free, 10))
}

func (in *session) mlst(arg string) {
	p := in.path(arg)
	i, err := in.view.Stat(in.ctx, p)
	if err != nil {
		in.fail(err)
		return
	}
	in.replyLines(250, "Here it is:", []string{factLine(in, i, printable(p))}, "That is all.")
}

const maxStat = 1000

// stat tells the state, or lists over the control connection.
func (in *session) stat(arg string) {
	if arg == "" || in.view == nil {
		in.replyLines(211, "State:", []string{"TLS: " + strconv.FormatBool(in.secure), "Signed in: " + strconv.FormatBool(in.view != nil)}, "That is all.")
		return
	}
	found, err := in.find(arg)
	if err != nil {
		in.fail(err)
		return
	}
	var lines strings.Builder
	if err := in.writeList(in.ctx, &lines, found, longLine); err != nil {
		in.fail(err)
		return
	}
	all := strings.Split(strings.TrimSuffix(lines.String(), "\r\n"), "\r\n")
	if len(all) > maxStat {
		in.reply(450, "It is too long for this connection: use LIST.")
		return
	}
	in.replyLines(213, "Here it is:", all, "That is all.")
}

// site has CHMOD, which clients send behind an upload.
func (in *session) site(arg string) {
	what, rest, _ := strings.Cut(arg, " ")
	mode, name, ok := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(mode, 8, 12)
	switch {
	case !strings.EqualFold(what, "CHMOD"):
		in.reply(504, "SITE knows CHMOD only.")
	case err != nil || !ok:
		in.reply(501, "The command is SITE CHMOD MODE NAME, the mode in octal digits.")
	default:
		perm := fs.FileMode(n) & fs.ModePerm
		in.done(in.view.SetAttr(in.ctx, in.path(name), vfs.Attr{Mode: &perm}), 200, "So be it.")
	}
}
