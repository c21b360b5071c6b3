package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A Way is a door by which an account is reached with a program.
type Way struct {
	Protocol string // SFTP, FTP, FTPS or WebDAV
	Address  string // HOST:PORT; "" for WebDAV at the web port
	URL      string // of WebDAV; "" until somebody looks at it from somewhere
	Note     string // what a client shows at the first time, as the fingerprint of a host key
}

// seenFrom puts the host by which a visitor knows the node in place of one that means all addresses of the machine.
func (w Way) seenFrom(r *http.Request) Way {
	if w.Address == "" {
		w.URL = baseOf(r) + "/dav/"
		return w
	}
	host, port, err := net.SplitHostPort(w.Address)
	if err != nil {
		return w
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		host = hostOnly(r.Host)
	}
	w.Address = net.JoinHostPort(host, port)
	w.URL = "https://" + w.Address + "/"
	return w
}

// Commands are what somebody can type who has an account of this name. There are none for one that programs would take for an option.
func (w Way) Commands(name string) []string {
	if strings.HasPrefix(name, "-") {
		return nil
	}
	name = shellWord(name)
	host, port, _ := net.SplitHostPort(w.Address)
	switch w.Protocol {
	case "SFTP":
		return []string{
			"sftp -P " + port + " " + name + "@" + host,
			"sshfs -p " + port + " " + name + "@" + bracketed(host) + ": MOUNTPOINT",
			`rclone copy FOLDER ":sftp,host=` + host + ",port=" + port + `,ask_password=true:FOLDER" --sftp-user ` + name,
			"lftp -p " + port + " sftp://" + name + "@" + bracketed(host),
		}
	case "FTP":
		return []string{
			"lftp -e 'set ftp:ssl-force yes' -u " + name + " ftp://" + w.Address,
			"curl --ssl-reqd -u " + name + " -T FILE ftp://" + w.Address + "/",
		}
	case "FTPS":
		return []string{"lftp -u " + name + " ftps://" + w.Address, "curl -u " + name + " -T FILE ftps://" + w.Address + "/"}
	case "WebDAV":
		return []string{"curl -u " + name + " -T FILE " + w.URL + "    # file managers open dav" + strings.TrimPrefix(w.URL, "http")}
	}
	return nil
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// shellWord quotes what a shell would not take for one plain word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r == '.' || r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
