package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tahoe/frontends/vfs"
)

// refusal is what people and programs are told who want something else.
const refusalText = "This server has SFTP and scp, and no shell: the only commands that it knows are those of file transfers.\r\n"

// A session is a channel of a connection: one subsystem, or one command.
type session struct {
	ch   ssh.Channel
	view *vfs.View

	buffers *sync.Pool // of the server
	log     *slog.Logger
}

// serve looks at the requests of a channel, and does the first that asks for something. The context is that of the connection.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.ch.Close()
	var work sync.WaitGroup
	defer work.Wait()
	begun := false
	for r := range requests {
		run := s.runner(r)
		if run == nil || begun {
			reply(r, !begun && (r.Type == "pty-req" || r.Type == "signal"))
			continue
		}
		begun = true
		reply(r, true)
		work.Go(func() {
			code := s.guarded(ctx, run)
			_, _ = s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code})) // who has gone needs no code
			_ = s.ch.Close()
		})
	}
	cancel()
}

func reply(r *ssh.Request, ok bool) {
	if r.WantReply {
		_ = r.Reply(ok, nil) // a connection that broke is noticed elsewhere
	}
}

// runner finds what a request asks for; nil when that is nothing.
func (s *session) runner(r *ssh.Request) func(ctx context.Context) uint32 {
	var text struct{ Value string }
	if r.Type == "subsystem" || r.Type == "exec" {
		if ssh.Unmarshal(r.Payload, &text) != nil {
			return nil
		}
	}
	switch {
	case r.Type == "subsystem" && text.Value == "sftp":
		return s.sftp
	case r.Type == "exec":
		return s.command(text.Value)
	case r.Type == "shell":
		return s.refuse
	}
	return nil
}

func (s *session) guarded(ctx context.Context, run func(context.Context) uint32) (code uint32) {
	var err error
	defer func() {
		if err != nil {
			code = 1
		}
	}()
	defer guard(s.log, &err)
	return run(ctx)
}

// command finds what a command line asks for: files by scp, or how much room there is.
func (s *session) command(line string) func(context.Context) uint32 {
	if strings.TrimSpace(line) == "df -P -k /" {
		return s.df
	}
	if c, ok := parseSCP(line); ok {
		return func(ctx context.Context) uint32 { return c.run(ctx, s) }
	}
	return s.refuse
}

func (s *session) refuse(context.Context) uint32 {
	_, _ = io.WriteString(s.ch.Stderr(), refusalText)
	return 1
}

func (s *session) df(ctx context.Context) uint32 {
	room, err := s.view.Statfs(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(s.ch.Stderr(), "df: it is not known now")
		return 1
	}
	n := blocks(room)
	used := n.total - min(n.total, n.free)
	percent := 0.0
	if n.total > 0 {
		percent = 100 * float64(used) / float64(n.total)
	}
	_, _ = fmt.Fprintf(s.ch, "Filesystem         1024-blocks      Used Available Capacity Mounted on\r\ntahoe %d %d %d %.0f%% /\r\n", n.total, used, n.free, percent)
	return 0
}

// sftp serves the protocol until the client ends it.
func (s *session) sftp(ctx context.Context) uint32 {
	f, end := newFilter(ctx, s.ch, s.view, s.buffers, s.log)
	h := &handlers{ctx: f.ctx, view: s.view, log: s.log, opened: f.wasOpened, asked: f.nextOpening}
	server := sftp.NewRequestServer(end, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}, sftp.WithRSAllocator())
	var library sync.WaitGroup
	library.Go(func() {
		defer close(f.served)
		_ = server.Serve() // ends when the filter does, or with a packet that it does not know; then the filter ends
		_ = end.Close()
	})
	err := f.Run()
	library.Wait()
	if err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("sftp ended", "reason", err)
		return 1
	}
	return 0
}
