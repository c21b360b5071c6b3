// Package sftp serves account trees by SFTP, protocol version 3, over SSH. It is for nodes with a [sftpd] section, and for
// everybody's ssh, sftp, scp, sshfs, rclone, WinSCP and FileZilla.
//
// The protocol is that of github.com/pkg/sftp, with a filter between it and the connection: the filter knows which file a handle is
// of, answers reads and what asks about handles, runs closes beside everything else, and speaks the extensions of OpenSSH that the library
// does not know. See filter.go.
//
// The invariant: what one request does, be it slow, wrong or a fault in this program, ends that request, and holds up no other
// session; and no file is published whose handle was not closed by the client.
package sftp

import (
	"log/slog"
	"time"

	"golang.org/x/crypto/ssh"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/reactor"
)

// A Config is what a Server is made of. Portal and HostKeys are required.
type Config struct {
	Portal      *auth.Portal[*vfs.View]
	HostKeys    []ssh.Signer
	Version     string // in the first line that clients see, as "Tahoe_1.0"
	Connections int    // at the same time; 0: 1000
	FromOne     int    // at the same time from one address; 0: a fifth of Connections
	AllowChaCha bool   // also where the processor is faster with AES
	Clock       reactor.Clock
	Log         *slog.Logger
}

const (
	defaultConnections = 1000
	loginTime          = 2 * time.Minute // with the delays of refusals in it
	handshakeTime      = 30 * time.Second
	maxAuthTries       = 6
	maxChannels        = 16 // of one connection
	keepAlive          = time.Minute
)
