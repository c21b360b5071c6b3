package node

import (
	"net"
	"os"
	"path/filepath"
	"strconv"

	"tahoe/node/basedir"
	"tahoe/node/config"
)

func nameOf(dir basedir.Dir, s config.Settings) string {
	if s.Nickname == "" || s.Nickname == "<unspecified>" {
		return filepath.Base(string(dir))
	}
	return s.Nickname
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// webURL is an address at which this machine reaches the listener.
func webURL(l net.Listener, secure bool) string {
	if l == nil {
		return ""
	}
	addr := l.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	switch {
	case addr.IP.IsUnspecified() && addr.IP.To4() != nil:
		host = "127.0.0.1"
	case addr.IP.IsUnspecified():
		host = "::1"
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(addr.Port)) + "/"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
