package config

import (
	"fmt"
	"strconv"
	"strings"
)

// TLSFiles are the files that a port for HTTPS needs, as they are written in tahoe.cfg or absolute.
type TLSFiles struct {
	Key   string // PEM: the private key
	Cert  string // PEM: the certificate, and those that it hangs on
	Chain string // PEM: more of those; empty for none
}

const sslExample = "ssl:3456:privateKey=private/web.key:certKey=private/web.crt"

// ParseWebEndpoint reads the endpoint of a web port: one of TCP, or "ssl:3456:privateKey=FILE:certKey=FILE" for HTTPS, in which
// case it returns the files too. Without certKey, the certificate is in the file of the key, as it is for Twisted.
func ParseWebEndpoint(s string) (Endpoint, *TLSFiles, error) {
	s = strings.TrimSpace(s)
	words := splitEscaped(s)
	if words[0] != "ssl" {
		e, err := ParseEndpoint(s)
		return e, nil, err
	}
	values := map[string]string{}
	for i, w := range words[1:] {
		name, value, named := strings.Cut(w, "=")
		if !named && i == 0 {
			name, value = "port", w
		}
		switch name {
		case "port", "privateKey", "certKey", "extraCertChain", "interface", "backlog":
			values[name] = value
		default:
			return Endpoint{}, nil, fmt.Errorf("is %q, in which %q means nothing; write one such as %s", shorten(s), shorten(w), sslExample)
		}
	}
	if values["privateKey"] == "" {
		return Endpoint{}, nil, fmt.Errorf("is %q, which names no privateKey; write one such as %s", shorten(s), sslExample)
	}
	port, err := strconv.ParseUint(values["port"], 10, 16)
	if err != nil {
		return Endpoint{}, nil, fmt.Errorf("is %q, whose port is not a number from 0 to 65535; write one such as %s", shorten(s), sslExample)
	}
	files := &TLSFiles{Key: values["privateKey"], Cert: values["certKey"], Chain: values["extraCertChain"]}
	if files.Cert == "" {
		files.Cert = files.Key
	}
	e, err := endpoint("tcp", values["interface"], int(port))
	return e, files, err
}

// tlsFiles makes the paths absolute.
func (v values) tlsFiles(f *TLSFiles) *TLSFiles {
	if f == nil {
		return nil
	}
	out := &TLSFiles{Key: v.expand(f.Key), Cert: v.expand(f.Cert)}
	if f.Chain != "" {
		out.Chain = v.expand(f.Chain)
	}
	return out
}
