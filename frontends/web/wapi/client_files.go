package wapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Replace says what may be in the way of a new entry. The zero value is ReplaceAny.
type Replace string

// What may be replaced.
const (
	ReplaceAny       Replace = ""
	ReplaceOnlyFiles Replace = "only-files"
	ReplaceNever     Replace = "false"
)

func (r Replace) set(q url.Values) {
	if r != ReplaceAny {
		q.Set("replace", string(r))
	}
}

// PutOptions choose how a file is stored. The zero value is the node's default.
type PutOptions struct {
	Format     string // FormatCHK, FormatSDMF or FormatMDMF, in any case
	Mutable    bool   // without a format: of the kind that mutable files have
	PrivateKey []byte // of a new mutable file, PKCS #8; nil: the node makes one
	Replace    Replace
}

func (o PutOptions) query() url.Values {
	q := url.Values{}
	if o.Format != "" {
		q.Set("format", o.Format)
	}
	if o.Mutable {
		q.Set("mutable", "true")
	}
	setKey(q, o.PrivateKey)
	o.Replace.set(q)
	return q
}

func setKey(q url.Values, key []byte) {
	if key != nil {
		q.Set("private-key", base64.URLEncoding.EncodeToString(key))
	}
}

// Put uploads size bytes of src, or all of it when size is -1, as a new file that no directory knows. It returns the
// file's capability, and whether the node says that it made something new rather than replaced something.
func (c *Client) Put(ctx context.Context, src io.Reader, size int64, o PutOptions) (capability string, created bool, err error) {
	return c.put(ctx, "uri", src, size, o)
}

// PutAt is Put of the file at a place: what is there is replaced, or overwritten when it is a mutable file, and directories
// that are missing on the way are made.
func (c *Client) PutAt(ctx context.Context, capability string, path []string, src io.Reader, size int64, o PutOptions) (file string, created bool, err error) {
	return c.put(ctx, place(capability, path), src, size, o)
}

func (c *Client) put(ctx context.Context, place string, src io.Reader, size int64, o PutOptions) (string, bool, error) {
	body := newSource(src, size)
	resp, err := c.send(ctx, call{method: http.MethodPut, place: place, query: o.query(), body: body})
	if err != nil {
		if body.err != nil {
			return "", false, body.err
		}
		return "", false, err
	}
	defer drain(resp)
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxCap))
	if err != nil {
		return "", false, fmt.Errorf("read the new capability: %w", withoutURL(err))
	}
	s := strings.TrimSpace(string(b))
	if err := checkCap(s); err != nil {
		return "", false, err
	}
	return s, resp.StatusCode == http.StatusCreated, nil
}

// source is what is uploaded. It remembers why reading failed, so that a file that cannot be read, or that changes while it
// is read, is not reported as a node out of reach.
type source struct {
	r    io.Reader
	size int64 // -1: unknown
	n    int64
	err  error
}

func newSource(r io.Reader, size int64) *source {
	if size >= 0 {
		r = io.LimitReader(r, size)
	}
	return &source{r: r, size: size}
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	switch {
	case err == io.EOF && s.n < s.size:
		s.err = fmt.Errorf("read source: it ended after %d of %d bytes: %w", s.n, s.size, io.ErrUnexpectedEOF)
		return n, s.err
	case err != nil && err != io.EOF:
		s.err = fmt.Errorf("read source: %w", err)
	}
	return n, err
}

// A Body is a file on its way from the node. Reading it fails with ErrTruncated when the node cuts it off.
type Body struct {
	Size   int64  // bytes that will come, -1 when the node did not say
	Offset int64  // of the first of them in the file
	Tag    string // the same for the same bytes; empty for what can change, and for literals
	resp   *http.Response
	read   int64
}

// Get asks for the bytes of the file that a capability names. The caller closes the body.
func (c *Client) Get(ctx context.Context, capability string, r Range) (*Body, error) {
	return c.GetAt(ctx, capability, nil, r)
}

// GetAt is Get of the file at a place.
func (c *Client) GetAt(ctx context.Context, capability string, path []string, r Range) (*Body, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, place: place(capability, path), header: r.header()})
	if err != nil {
		return nil, err
	}
	b := &Body{Size: resp.ContentLength, Tag: resp.Header.Get("ETag"), resp: resp}
	if err := b.check(r); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// check sees to it that the bytes are those that were asked for.
func (b *Body) check(r Range) error {
	if b.resp.StatusCode != r.status() {
		return &Error{Status: b.resp.StatusCode, Text: "the answer of the node is not the part of the file that was asked for"}
	}
	if r == (Range{}) {
		return nil
	}
	from, _, _ := strings.Cut(strings.TrimPrefix(b.resp.Header.Get("Content-Range"), "bytes "), "-")
	at, err := strconv.ParseInt(from, 10, 64)
	if err != nil || at != r.Offset {
		return &Error{Status: b.resp.StatusCode, Text: "the answer of the node begins at another byte than was asked for"}
	}
	b.Offset = at
	return nil
}

// Read reads the file.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.resp.Body.Read(p)
	b.read += int64(n)
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.resp.Request.Context()); cause != nil {
			return n, cause
		}
		return n, fmt.Errorf("after %d bytes of %d: %w: %w", b.read, b.Size, ErrTruncated, withoutURL(err))
	}
	return n, err
}

// Close gives up the rest of the file.
func (b *Body) Close() error { return b.resp.Body.Close() }

// A Range selects bytes of a file: Size bytes from Offset on, or all the rest when Size is 0. The zero Range is the whole file.
type Range struct {
	Offset, Size int64
}

func (r Range) header() http.Header {
	switch {
	case r == Range{}:
		return nil
	case r.Size == 0:
		return http.Header{"Range": {fmt.Sprintf("bytes=%d-", r.Offset)}}
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Size-1)}}
}

func (r Range) status() int {
	if r == (Range{}) {
		return http.StatusOK
	}
	return http.StatusPartialContent
}
