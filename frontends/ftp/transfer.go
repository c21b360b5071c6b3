package ftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"time"

	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

const (
	pieceSize = 128 << 10
	// maxWaiting is how many commands may wait for the end of a transfer.
	maxWaiting = 64
	// farewell is how long a client is looked after when its file has ended: who was killed has gone by then, and who wants to abort has said so.
	// Without TLS nothing else tells a file that broke off from one that is whole.
	farewell      = 10 * time.Millisecond
	plainFarewell = 50 * time.Millisecond
)

var (
	errAborted = errors.New("the client aborted it")
	errCut     = errors.New("the upload broke off")
	errBroke   = errors.New("the data connection broke")
	errPanic   = errors.New("that went wrong here")
	errFlooded = errors.New("too many commands wait")
)

// A move is what a transfer does with its data connection.
type move func(ctx context.Context, d *dataConn) error

// transfer makes a data connection and moves something over it, while commands are still heard.
func (in *session) transfer(what string, m move) {
	w, err := in.takeWay()
	if err != nil {
		in.fail(err)
		return
	}
	defer w.close()
	in.reply(150, what)
	ctx, cancel := context.WithCancelCause(in.ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- in.move(ctx, w, m) }() // received by attend
	aborted, err := in.attend(cancel, done)
	if err == nil {
		in.reply(226, "All of it has been moved.")
	} else {
		in.fail(err)
	}
	if aborted {
		in.reply(226, "Aborted.")
	}
}

// move runs in a goroutine of its own.
func (in *session) move(ctx context.Context, w *dataWay, m move) error {
	d, err := w.connect(ctx, in)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errors.Join(errNoWay, err)
	}
	d.ctx = ctx
	d.unhook = context.AfterFunc(ctx, func() { _ = d.SetDeadline(past()) })
	if err = in.caught(func() error { return m(ctx, d) }); err == nil {
		d.end()
		return nil
	}
	d.cut()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// caught turns a panic into an error.
func (in *session) caught(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			in.s.log.Error("a transfer of FTP panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return f()
}

// attend hears commands during a transfer: ABOR and STAT are done at once, others when it is over.
func (in *session) attend(cancel context.CancelCauseFunc, done chan error) (aborted bool, err error) {
	gone, quits := in.gone, false
	for {
		select {
		case err := <-done:
			return aborted, err
		case <-gone:
			gone = nil
			if !quits {
				cancel(errGone)
			}
		case c := <-in.lines:
			switch {
			case c.verb == "ABOR":
				aborted = true
				cancel(errAborted)
			case c.verb == "STAT" && c.arg == "":
				in.reply(211, "A transfer is under way.")
			case len(in.waiting) >= maxWaiting || c.verb == "AUTH": // behind AUTH nothing is heard
				cancel(errFlooded)
				in.over = true
			default:
				quits = quits || c.verb == "QUIT"
				in.waiting = append(in.waiting, c)
			}
		}
	}
}

// takeRest is the position that REST set, which holds for one transfer.
func (in *session) takeRest() int64 {
	n := in.rest
	in.rest = 0
	return n
}

func (in *session) restart(arg string) {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || n < 0 {
		in.reply(501, "That is no position.")
		return
	}
	in.rest = n
	in.reply(350, "The next transfer begins there.")
}

func (in *session) retr(arg string) {
	at := in.takeRest()
	f, err := in.view.Open(in.ctx, in.path(arg), vfs.FlagRead)
	if err != nil {
		in.data.close()
		in.fail(err)
		return
	}
	defer f.Abandon()
	i, err := f.Stat(in.ctx)
	if err == nil && at > i.Size() {
		in.reply(554, "The file ends before that position.")
		in.data.close()
		return
	}
	if err != nil {
		in.data.close()
		in.fail(err)
		return
	}
	in.transfer(fmt.Sprintf("Here it comes (%d bytes).", i.Size()-at), func(ctx context.Context, d *dataConn) error { return in.download(ctx, d, f, at) })
}

func (in *session) download(ctx context.Context, d *dataConn, f *vfs.File, at int64) error {
	buf := in.s.buffers.Get().(*[pieceSize]byte)
	defer in.s.buffers.Put(buf)
	for {
		n, err := f.ReadAt(ctx, buf[:], at)
		at += int64(n)
		if n > 0 {
			if _, err := d.Write(buf[:n]); err != nil {
				return errors.Join(errBroke, err)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (in *session) stor(arg string) { in.upload(arg, false) }

func (in *session) appe(arg string) { in.upload(arg, true) }

// upload takes a file. From a position on that REST set it replaces the rest of what is there.
func (in *session) upload(arg string, appends bool) {
	at := in.takeRest()
	f, at, err := in.target(in.path(arg), at, appends)
	if err != nil {
		in.data.close()
		in.fail(err)
		return
	}
	defer f.Abandon()
	in.transfer("Send it.", func(ctx context.Context, d *dataConn) error { return in.receive(ctx, d, f, at) })
}

var errBeyond = errors.New("the file ends before that position")

// target opens the file of an upload, and finds where it begins.
func (in *session) target(p string, at int64, appends bool) (*vfs.File, int64, error) {
	flags := vfs.FlagWrite | vfs.FlagCreate
	if at == 0 && !appends {
		flags |= vfs.FlagTruncate
	}
	f, err := in.view.Open(in.ctx, p, flags)
	if err != nil || at == 0 && !appends {
		return f, at, err
	}
	i, err := f.Stat(in.ctx)
	switch {
	case err != nil:
	case appends && at == 0:
		return f, i.Size(), nil
	case at > i.Size():
		err = errBeyond
	default:
		err = f.SetAttr(in.ctx, vfs.Attr{Size: &at})
	}
	if err != nil {
		f.Abandon()
	}
	return f, at, err
}

// receive takes all of a file, and publishes it when it was all.
func (in *session) receive(ctx context.Context, d *dataConn, f *vfs.File, at int64) error {
	buf := in.s.buffers.Get().(*[pieceSize]byte)
	defer in.s.buffers.Put(buf)
	for end := false; !end; {
		n, err := fill(d, buf[:])
		if n > 0 {
			if _, err := f.WriteAt(ctx, buf[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		end = errors.Is(err, io.EOF)
		if err != nil && (!end || d.below != nil && d.below.ended) {
			return errors.Join(errCut, err)
		}
	}
	patience := plainFarewell
	if in.protected {
		patience = farewell
	}
	if err := reactor.Sleep(ctx, reactor.System(), patience); err != nil {
		return err
	}
	return f.Close(in.ctx)
}

// fill reads until p is full or reading ends, and says how it ended.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}
