package wapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	kindJSON = "application/json"
	kindForm = "application/x-www-form-urlencoded"
)

// Node describes what is at a place. A directory comes with its children.
func (c *Client) Node(ctx context.Context, capability string, path []string) (Node, error) {
	b, err := c.NodeJSON(ctx, capability, path)
	if err != nil {
		return Node{}, err
	}
	var n Node
	err = unmarshalInto(b, &n)
	return n, err
}

// NodeJSON is Node as the node wrote it.
func (c *Client) NodeJSON(ctx context.Context, capability string, path []string) ([]byte, error) {
	return c.all(ctx, call{method: http.MethodGet, place: place(capability, path), query: url.Values{"t": {"json"}}}, maxJSON)
}

// URI is the strongest capability of what is at a place.
func (c *Client) URI(ctx context.Context, capability string, path []string) (string, error) {
	return c.newCap(ctx, call{method: http.MethodGet, place: place(capability, path), query: url.Values{"t": {"uri"}}})
}

// ReadURI is the capability to read what is at a place.
func (c *Client) ReadURI(ctx context.Context, capability string, path []string) (string, error) {
	return c.newCap(ctx, call{method: http.MethodGet, place: place(capability, path), query: url.Values{"t": {"readonly-uri"}}})
}

// MkdirOptions choose how a directory is made. The zero value is the node's default.
type MkdirOptions struct {
	Format     string // FormatSDMF or FormatMDMF, in any case
	PrivateKey []byte // of a directory that no directory knows, PKCS #8; nil: the node makes one
}

func (o MkdirOptions) query() url.Values {
	q := url.Values{"t": {"mkdir"}}
	if o.Format != "" {
		q.Set("format", o.Format)
	}
	setKey(q, o.PrivateKey)
	return q
}

// Mkdir makes an empty directory that no directory knows, and returns its capability.
func (c *Client) Mkdir(ctx context.Context, o MkdirOptions) (string, error) {
	return c.newCap(ctx, call{method: http.MethodPost, place: "uri", query: o.query()})
}

// MkdirAt makes an empty directory at a place, with those that are missing on the way. A directory that is there already stays,
// and its capability is returned.
func (c *Client) MkdirAt(ctx context.Context, capability string, path []string, o MkdirOptions) (string, error) {
	return c.newCap(ctx, call{method: http.MethodPost, place: place(capability, path), query: o.query()})
}

// MkdirWith makes a directory with children, that no directory knows, and returns its capability.
func (c *Client) MkdirWith(ctx context.Context, children NewChildren) (string, error) {
	return c.sendChildren(ctx, "uri", url.Values{"t": {"mkdir-with-children"}}, children)
}

// MkdirImmutable makes a directory that cannot change, of children that cannot change, and returns its capability.
func (c *Client) MkdirImmutable(ctx context.Context, children NewChildren) (string, error) {
	return c.sendChildren(ctx, "uri", url.Values{"t": {"mkdir-immutable"}}, children)
}

func (c *Client) sendChildren(ctx context.Context, place string, q url.Values, children NewChildren) (string, error) {
	r, err := childrenCall(place, q, children)
	if err != nil {
		return "", err
	}
	return c.newCap(ctx, r)
}

func childrenCall(place string, q url.Values, children NewChildren) (call, error) {
	if children == nil {
		children = NewChildren{}
	}
	b, err := json.Marshal(children)
	if err != nil {
		return call{}, fmt.Errorf("write children of a directory: %w", err)
	}
	return call{method: http.MethodPost, place: place, query: q, body: bytes.NewReader(b), kind: kindJSON}, nil
}

// SetChildren puts children into the directory at a place, all with one change of the directory. It fails when an entry is
// there that may not be replaced.
func (c *Client) SetChildren(ctx context.Context, capability string, path []string, children NewChildren, r Replace) error {
	q := url.Values{"t": {"set_children"}}
	r.set(q)
	request, err := childrenCall(place(capability, path), q, children)
	if err != nil {
		return err
	}
	_, err = c.text(ctx, request)
	return err
}

// Unlink takes the last of the names out of its directory, and returns the capability that it stood for. Names are needed.
func (c *Client) Unlink(ctx context.Context, capability string, path []string) (string, error) {
	if len(path) == 0 {
		return "", fmt.Errorf("unlink: %w", errNoName)
	}
	return c.newCap(ctx, call{method: http.MethodDelete, place: place(capability, path)})
}

// PutURI makes a name stand for a capability, with directories that are missing on the way. Names are needed.
func (c *Client) PutURI(ctx context.Context, capability string, path []string, child string, r Replace) error {
	if len(path) == 0 {
		return fmt.Errorf("link: %w", errNoName)
	}
	q := url.Values{"t": {"uri"}}
	r.set(q)
	_, err := c.text(ctx, call{method: http.MethodPut, place: place(capability, path), query: q, body: strings.NewReader(child)})
	return err
}

// Rename gives an entry of the directory at a place another name.
func (c *Client) Rename(ctx context.Context, capability string, path []string, from, to string, r Replace) error {
	form := url.Values{"t": {"rename"}, "from_name": {from}, "to_name": {to}}
	r.set(form)
	return c.sendForm(ctx, place(capability, path), form)
}

// Relink moves an entry of the directory at a place into another directory, which a capability and names lead to. An empty
// name there means the same name.
func (c *Client) Relink(ctx context.Context, capability string, path []string, from, toDir string, toPath []string, to string, r Replace) error {
	form := url.Values{"t": {"relink"}, "from_name": {from}}
	if to != "" {
		form.Set("to_name", to)
	}
	var target strings.Builder
	target.WriteString(toDir)
	for _, name := range toPath {
		target.WriteString("/" + escapeName(name))
	}
	form.Set("to_dir", target.String())
	r.set(form)
	return c.sendForm(ctx, place(capability, path), form)
}

func (c *Client) sendForm(ctx context.Context, place string, form url.Values) error {
	_, err := c.text(ctx, call{method: http.MethodPost, place: place, body: strings.NewReader(form.Encode()), kind: kindForm})
	return err
}
