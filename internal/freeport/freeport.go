// Package freeport finds ports for those who will listen on them later: in tahoe.cfg, after a restart. It looks below the ports that
// systems give to outgoing connections (from 32768 on with Linux, from 49152 elsewhere), any of which may have the port by then.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

const (
	lowest  = 20000
	highest = 32767
	tries   = 100
)

// Listen listens on a port of host that nobody has; host is empty for all interfaces.
func Listen(network, host string) (net.Listener, error) {
	host = strings.TrimSpace(host)
	for range tries {
		port := lowest + rand.IntN(highest-lowest+1)
		if l, err := net.Listen(network, net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen(network, net.JoinHostPort(host, "0")) // any is better than none
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	return l, nil
}

// Find finds a port that nobody has now.
func Find(network, host string) (int, error) {
	l, err := Listen(network, host)
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
