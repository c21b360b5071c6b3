package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// An Endpoint is a TCP port to listen on, as Twisted's endpoint strings describe one: "tcp:3456:interface=127.0.0.1".
type Endpoint struct {
	Network string // "tcp4" or "tcp6"
	Host    string // an address of this machine; empty for all of that network
	Port    int    // 0: any free one
}

// Address is the endpoint's address as package net writes it.
func (e Endpoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) }

// String is the endpoint as ParseEndpoint reads it.
func (e Endpoint) String() string {
	kind := "tcp"
	if e.Network == "tcp6" {
		kind = "tcp6"
	}
	s := fmt.Sprintf("%s:%d", kind, e.Port)
	if e.Host != "" {
		s += ":interface=" + strings.NewReplacer(":", `\:`, `\`, `\\`).Replace(e.Host)
	}
	return s
}

// ParseEndpoint reads a Twisted endpoint string of TCP, or a bare port number. Colons within an address are escaped:
// "tcp6:3456:interface=\:\:1".
func ParseEndpoint(s string) (Endpoint, error) {
	s = strings.TrimSpace(s)
	if isDigits(s) {
		s = "tcp:" + s
	}
	words := splitEscaped(s)
	if words[0] != "tcp" && words[0] != "tcp6" {
		return Endpoint{}, fmt.Errorf("is %q, which is not a TCP endpoint; write one such as tcp:3456:interface=127.0.0.1", shorten(s))
	}
	values, err := endpointValues(s, words[1:])
	if err != nil {
		return Endpoint{}, err
	}
	port, err := strconv.ParseUint(values["port"], 10, 16)
	if err != nil {
		return Endpoint{}, fmt.Errorf("is %q, whose port is not a number from 0 to 65535; write one such as tcp:3456", shorten(s))
	}
	return endpoint(words[0], values["interface"], int(port))
}

func endpoint(kind, host string, port int) (Endpoint, error) {
	e := Endpoint{Network: "tcp4", Host: host, Port: port}
	addr, err := netip.ParseAddr(host)
	isIP := err == nil
	switch {
	case host != "" && !isIP && host != "localhost":
		return Endpoint{}, fmt.Errorf("listens on the interface %q, which is not an IP address; write one such as 127.0.0.1", shorten(host))
	case kind == "tcp6" && isIP && addr.Is4():
		return Endpoint{}, fmt.Errorf("listens by tcp6 on the interface %s, which is not an IPv6 address; write tcp:%d:interface=%s", host, port, host)
	case kind == "tcp6" || isIP && addr.Is6():
		e.Network = "tcp6"
	}
	return e, nil
}

// endpointValues sorts the words behind the kind: those without a name are the port and the interface, in this order.
func endpointValues(s string, words []string) (map[string]string, error) {
	values := map[string]string{}
	unnamed := []string{"port", "interface", "backlog"}
	for _, w := range words {
		name, value, named := strings.Cut(w, "=")
		if !named {
			if len(unnamed) == 0 {
				return nil, fmt.Errorf("is %q, which has too many parts; write one such as tcp:3456:interface=127.0.0.1", shorten(s))
			}
			name, value, unnamed = unnamed[0], w, unnamed[1:]
		}
		if name != "port" && name != "interface" && name != "backlog" {
			return nil, fmt.Errorf("is %q, in which %q means nothing; write one such as tcp:3456:interface=127.0.0.1", shorten(s), shorten(name))
		}
		values[name] = value
	}
	return values, nil
}

// splitEscaped splits at colons that no backslash precedes, and drops the backslashes.
func splitEscaped(s string) []string {
	words := []string{""}
	for i := 0; i < len(s); i++ {
		last := len(words) - 1
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			words[last] += s[i : i+1]
		case s[i] == ':':
			words = append(words, "")
		default:
			words[last] += s[i : i+1]
		}
	}
	return words
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// A Hint says where a node can be reached.
type Hint struct {
	Kind string // "tcp", "tor" or "i2p"
	Host string
	Port int
}

// String is the hint as a FURL holds it.
func (h Hint) String() string {
	return h.Kind + ":" + h.Address()
}

// ParseHint reads "tcp:HOST:PORT", "tor:HOST.onion:PORT", "i2p:HOST.i2p:PORT" or the old form "HOST:PORT". An IPv6 address
// stands in brackets: "tcp:[2001:db8::1]:PORT".
func ParseHint(s string) (Hint, error) {
	s = strings.TrimSpace(s)
	if text, ok := strings.CutPrefix(s, "tcp:["); ok {
		return parseHint6(s, text)
	}
	words := strings.Split(s, ":")
	if len(words) == 2 && words[0] != "tcp" && words[0] != "tor" && words[0] != "i2p" {
		words = append([]string{"tcp"}, words...)
	}
	if len(words) != 3 || words[1] == "" || words[0] != "tcp" && words[0] != "tor" && words[0] != "i2p" {
		return Hint{}, fmt.Errorf("names the location %q; write AUTO or one such as tcp:example.org:12345", shorten(s))
	}
	port, err := strconv.ParseUint(words[2], 10, 16)
	if err != nil || port == 0 || strings.ContainsAny(words[1], "/@#[] \t\n,") {
		return Hint{}, fmt.Errorf("names the location %q, which is not a host and a port; write one such as tcp:example.org:12345", shorten(s))
	}
	return Hint{Kind: words[0], Host: words[1], Port: int(port)}, nil
}

// parseHint6 reads what follows the bracket in "tcp:[2001:db8::1]:PORT".
func parseHint6(s, text string) (Hint, error) {
	host, portText, _ := strings.Cut(text, "]:")
	addr, errAddr := netip.ParseAddr(host)
	port, errPort := strconv.ParseUint(portText, 10, 16)
	if errAddr != nil || !addr.Is6() || addr.Zone() != "" || errPort != nil || port == 0 {
		return Hint{}, fmt.Errorf("names the location %q, which is not an IPv6 address in brackets and a port; write one such as tcp:[2001:db8::1]:12345", shorten(s))
	}
	return Hint{Kind: "tcp", Host: host, Port: int(port)}, nil
}

// Address is the place of the hint as package net writes it.
func (h Hint) Address() string { return net.JoinHostPort(h.Host, strconv.Itoa(h.Port)) }
