package wapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Client speaks to one node. It may be used by several goroutines.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient makes a client of the node at base, such as http://127.0.0.1:3456/. A nil HTTP client means one that
// NewHTTP makes.
func NewClient(base string, h *http.Client) (*Client, error) {
	u, err := ParseNodeURL(base)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = NewHTTP()
	}
	return &Client{base: u, http: h}, nil
}

// NewHTTP makes an HTTP client fit for a Client: it asks for no compression, because net/http would unpack a file that
// is stored compressed; it uses no proxy, because the node is near and capabilities stand in the URLs; it follows no redirect.
func NewHTTP() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableCompression: true,
			WriteBufferSize:    256 << 10,
			ReadBufferSize:     64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// PutOptions choose how a file is stored. The zero value is the node's default.
type PutOptions struct {
	Format string // CHK, or empty
}

// Put uploads size bytes of src, or all of it when size is -1, as a new file that no directory knows. It returns the
// file's capability, and whether the node says that it made something new rather than replaced something.
func (c *Client) Put(ctx context.Context, src io.Reader, size int64, o PutOptions) (capability string, created bool, err error) {
	q := url.Values{}
	if o.Format != "" {
		q.Set("format", o.Format)
	}
	body := newSource(src, size)
	req, err := c.request(ctx, http.MethodPut, "uri", q, body)
	if err != nil {
		return "", false, err
	}
	if req.ContentLength = size; size == 0 {
		req.Body = http.NoBody
	}
	resp, err := c.do(req)
	if err != nil {
		if body.err != nil {
			return "", false, body.err
		}
		return "", false, err
	}
	defer drain(resp)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return "", false, errorOf(resp)
	}
	capability, err = readCap(resp)
	return capability, resp.StatusCode == http.StatusCreated, err
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

// maxCap is more than any capability of the original, with its path, is long.
const maxCap = 64 << 10

func readCap(resp *http.Response) (string, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxCap))
	if err != nil {
		return "", fmt.Errorf("read the new capability: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("answer to the upload is not a capability; is this a tahoe node?")
	}
	return s, nil
}

// A Body is a file on its way from the node. Reading it fails with ErrTruncated when the node cuts it off.
type Body struct {
	Size int64 // bytes that will come, -1 when the node did not say
	resp *http.Response
	read int64
}

// Get asks for the bytes of the file that a capability names. The caller closes the body.
func (c *Client) Get(ctx context.Context, capability string, r Range) (*Body, error) {
	req, err := c.request(ctx, http.MethodGet, "uri/"+escapeCap(capability), nil, nil)
	if err != nil {
		return nil, err
	}
	r.set(req.Header)
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != r.status() {
		defer drain(resp)
		return nil, errorOf(resp)
	}
	return &Body{Size: resp.ContentLength, resp: resp}, nil
}

// Read reads the file.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.resp.Body.Read(p)
	b.read += int64(n)
	if err != nil && err != io.EOF {
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

func (r Range) set(h http.Header) {
	switch {
	case r == Range{}:
	case r.Size == 0:
		h.Set("Range", fmt.Sprintf("bytes=%d-", r.Offset))
	default:
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Size-1))
	}
}

func (r Range) status() int {
	if r == (Range{}) {
		return http.StatusOK
	}
	return http.StatusPartialContent
}

func (c *Client) request(ctx context.Context, method, path string, q url.Values, body io.Reader) (*http.Request, error) {
	target := strings.TrimSuffix(c.base.String(), "/") + "/" + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "text/plain, application/octet-stream")
	req.Header.Set("User-Agent", "tahoe")
	return req, nil
}

func (c *Client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err == nil {
		return resp, nil
	}
	if cause := context.Cause(req.Context()); cause != nil {
		return nil, cause
	}
	return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base.Host, withoutURL(err))
}

// drain reads the little that may be left of an answer, so that the connection can be used again, and closes it.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxErrorText)
	_ = resp.Body.Close()
}

// escapeCap writes a capability as one element of a path, colons included, as the original's own commands do.
func escapeCap(c string) string {
	return strings.ReplaceAll(url.PathEscape(c), ":", "%3A")
}
