package wapi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// NodeURLFile is the file in a node directory that holds the address of the node's web port.
const NodeURLFile = "node.url"

const maxNodeURL = 4 << 10

// ReadNodeURL reads the address of a node's web port from its directory.
func ReadNodeURL(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, NodeURLFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no %s in %s: is it a node directory? `tahoe run` writes the file when it starts the node", NodeURLFile, dir)
	}
	if err != nil {
		return "", fmt.Errorf("read node address: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxNodeURL))
	if err != nil {
		return "", fmt.Errorf("read node address: %w", err)
	}
	u, err := ParseNodeURL(strings.TrimSpace(string(b)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	return u.String(), nil
}

// ParseNodeURL reads the address of a node: http or https, a host, perhaps a port, and nothing else.
func ParseNodeURL(s string) (*url.URL, error) {
	const want = "is not of the form http://HOST:PORT/"
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("node address " + want)
	}
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Path != "" && u.Path != "/", *u != plain:
		return nil, errors.New("node address " + want)
	}
	u.Path = "/"
	return u, nil
}
