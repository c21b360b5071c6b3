package wapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Client speaks to one node. It may be used by several goroutines.
//
// Its methods take what they are about as a capability and the names that lead on from it, through directories; no names
// mean what the capability itself names.
type Client struct {
	base  *url.URL
	http  *http.Client
	token func() string // shown with each request; nil: none
}

// Show has the client show the node's token with each request, as its own user does.
func (c *Client) Show(token string) { c.token = func() string { return token } }

// NewClient makes a client of the node at base, such as http://127.0.0.1:3456/. A nil HTTP client means one that
// NewHTTP makes.
func NewClient(base string, h *http.Client) (*Client, error) {
	u, err := ParseNodeURL(base)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = NewHTTP(0)
	}
	return &Client{base: u, http: h}, nil
}

// idleConnections are kept for the next requests, of as many transfers as anybody has under way at once. They are given up before
// a node would close them, so that no upload, which cannot be sent twice, begins on one that closes.
const (
	idleConnections = 64
	idleTime        = 15 * time.Second
)

// NewHTTP makes an HTTP client fit for a Client: it asks for no compression, because net/http would unpack a file that
// is stored compressed; it uses no proxy, because the node is near and capabilities stand in the URLs; it follows no redirect.
// A request fails when the node sends and takes nothing for as long as silence; 0 waits without end, as an upload may need.
func NewHTTP(silence time.Duration) *http.Client {
	t := &http.Transport{
		DisableCompression:  true,
		WriteBufferSize:     256 << 10,
		ReadBufferSize:      64 << 10,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleTime,
	}
	if silence > 0 {
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: silence}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &impatient{Conn: conn, silence: silence}, nil
		}
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// An impatient connection fails when nothing moves for too long.
type impatient struct {
	net.Conn
	silence time.Duration
}

func (c *impatient) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.silence))
	return c.Conn.Read(p)
}

func (c *impatient) Write(p []byte) (int, error) {
	deadline := time.Now().Add(c.silence)
	_ = c.SetDeadline(deadline) // what is read now waits for what is written
	return c.Conn.Write(p)
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL is the address of the node, with a slash at its end.
func (c *Client) URL() string { return c.base.String() }

// PageURL is the address of the page about what a capability and names lead to. It holds the capability.
func (c *Client) PageURL(capability string, path []string) string {
	return c.URL() + place(capability, path)
}

// A call is one request.
type call struct {
	method string
	place  string // its address, below the node's, escaped
	query  url.Values
	header http.Header
	body   io.Reader
	kind   string
}

// send sends a request. An answer that is no success is an *Error.
func (c *Client) send(ctx context.Context, r call) (*http.Response, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer drain(resp)
		return nil, errorOf(resp)
	}
	return resp, nil
}

func (c *Client) request(ctx context.Context, r call) (*http.Request, error) {
	target := c.URL() + r.place
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, r.body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", withoutURL(err))
	}
	if s, ok := r.body.(*source); ok {
		if req.ContentLength = s.size; s.size == 0 {
			req.Body = http.NoBody
		}
	}
	maps.Copy(req.Header, r.header)
	req.Header.Set("Accept", "text/plain, application/octet-stream")
	req.Header.Set("User-Agent", "tahoe")
	if c.token != nil {
		req.Header.Set("Authorization", "tahoe-lafs "+c.token())
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
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

const (
	maxCap  = 64 << 10 // more than any capability of the original, with its path, is long
	maxJSON = 1 << 30  // more than the listing of any directory that can be had
)

// text is the answer to a request whose answer is short.
func (c *Client) text(ctx context.Context, r call) (string, error) {
	b, err := c.all(ctx, r, maxCap)
	return strings.TrimSpace(string(b)), err
}

// all is the whole answer to a request, of at most so many bytes.
func (c *Client) all(ctx context.Context, r call, most int64) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer drain(resp)
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil && context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("read the answer of the node: %w: %w", ErrTruncated, withoutURL(err))
	case int64(len(b)) > most:
		return nil, fmt.Errorf("answer of the node is longer than %d bytes; is this a tahoe node?", most)
	}
	return b, nil
}

// newCap is the answer to a request that makes something: its capability.
func (c *Client) newCap(ctx context.Context, r call) (string, error) {
	s, err := c.text(ctx, r)
	if err != nil {
		return "", err
	}
	return s, checkCap(s)
}

func checkCap(s string) error {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("answer of the node is not a capability; is this a tahoe node?")
	}
	return nil
}

// drain reads the little that may be left of an answer, so that the connection can be used again, and closes it.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxErrorText)
	_ = resp.Body.Close()
}

// place is the address of what a capability and names lead to.
func place(capability string, path []string) string {
	var b strings.Builder
	b.WriteString("uri/" + escapeCap(capability))
	for _, name := range path {
		b.WriteString("/" + escapeName(name))
	}
	return b.String()
}

// escapeCap writes a capability as one element of a path, colons included, as the original's own commands do.
func escapeCap(c string) string {
	return strings.ReplaceAll(url.PathEscape(c), ":", "%3A")
}

// escapeName writes a name as one element of a path. Two names mean something else in a path unless they are escaped.
func escapeName(name string) string {
	if name == "." || name == ".." {
		return strings.Repeat("%2E", len(name))
	}
	return url.PathEscape(name)
}
