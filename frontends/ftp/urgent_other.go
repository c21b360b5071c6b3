//go:build !unix

package ftp

import "net"

// takeUrgent does nothing: whoever aborts on such a system's server does so by closing the connection.
func takeUrgent(net.Conn) {}
