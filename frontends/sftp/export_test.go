package sftp

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"golang.org/x/crypto/ssh"

	"tahoe/frontends/vfs"
)

// ServeRaw serves the protocol to whoever is at the other end of conn, without SSH.
func ServeRaw(ctx context.Context, conn io.ReadWriter, view *vfs.View, log *slog.Logger) {
	(&session{ch: rawChannel{conn}, view: view, buffers: new(sync.Pool), log: log}).sftp(ctx)
}

type rawChannel struct{ io.ReadWriter }

func (rawChannel) Close() error                                   { return nil }
func (rawChannel) CloseWrite() error                              { return nil }
func (rawChannel) SendRequest(string, bool, []byte) (bool, error) { return false, nil }
func (rawChannel) Stderr() io.ReadWriter                          { return nil }

var _ ssh.Channel = rawChannel{}

// ShellWords and ParseSCP are for fuzzing.
var ShellWords = shellWords

// ParseSCP says whether a command line is one of scp's.
func ParseSCP(line string) bool {
	_, ok := parseSCP(line)
	return ok
}

// TakesGCM looks at an offer of ciphers.
func TakesGCM(offer []byte) bool { return takesGCM(offer) }
