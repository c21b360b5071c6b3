//go:build unix

package ftp

import (
	"net"
	"syscall"
)

// takeUrgent lets urgent bytes come with the others: clients send ABOR as such, and its last byte would be missing.
func takeUrgent(c net.Conn) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := s.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1) }) // without it ABOR may come late, and nothing else
	}
}
