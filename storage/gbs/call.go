package gbs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tahoe/storage"
)

// A call is one request of a client, and what it takes for success.
type call struct {
	op     string // for errors: "allocating shares of abcde"
	method string
	path   string
	header http.Header
	want   []int // statuses

	body    io.ReadCloser // nil when there is none
	size    int64
	getBody func() (io.ReadCloser, error) // for sending it again when nothing of it got out; nil when that cannot be
}

func newCall(method, path, op string, want ...int) *call {
	return &call{op: op, method: method, path: path, want: want, header: http.Header{}}
}

// message gives the call a CBOR body.
func (k *call) message(b []byte) *call {
	k.header.Set("Content-Type", mimeCBOR)
	k.size = int64(len(b))
	k.getBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	k.body, _ = k.getBody()
	return k
}

// do sends a call and returns the answer when it has one of the wanted statuses; the caller closes its body.
func (c *Client) do(ctx context.Context, k *call) (*http.Response, error) {
	k.header.Set("Authorization", authorization(c.nurl.Swissnum()))
	k.header.Set("Accept", mimeCBOR)
	k.header["User-Agent"] = nil
	req := &http.Request{
		Method: k.method, URL: &url.URL{Scheme: "https", Host: c.name, Path: k.path}, Host: c.name,
		Header: k.header, Body: k.body, ContentLength: k.size, GetBody: k.getBody,
	}
	if k.size == 0 {
		req.Body, req.GetBody = nil, nil // a body without length would be sent in pieces
	}
	resp, err := c.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, c.wrap(ctx, k.op, err)
	}
	if !slices.Contains(k.want, resp.StatusCode) {
		err := refusal(resp)
		_ = resp.Body.Close()
		return nil, c.wrap(ctx, k.op, err)
	}
	return resp, nil
}

// wrap says what was being done, and where. The end of the context is the error, where it is the reason.
func (c *Client) wrap(ctx context.Context, op string, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	if c.closed.Err() != nil && !errors.Is(err, errClosed) {
		err = fmt.Errorf("%w (%w)", errClosed, err)
	}
	return &callError{op, c.name, err}
}

// refusal is the error that an answer stands for.
func refusal(resp *http.Response) error {
	e := &ServerError{Status: resp.StatusCode, Err: errorOf(resp.StatusCode, resp.Header.Get(headerError))}
	b, _ := io.ReadAll(io.LimitReader(hurried(resp.Body), 512))
	if resp.Header.Get(headerError) != "" || resp.StatusCode == http.StatusBadRequest {
		text, _, _ := strings.Cut(string(b), "\n")
		e.Sentence = strings.Map(printable, strings.ToValidUTF8(text, "\ufffd"))
	}
	return e
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// exchange sends a call and returns the CBOR message of the answer, and the answer's status.
func (c *Client) exchange(ctx context.Context, k *call, limit int64) ([]byte, int, error) {
	sub, watch := c.watch(ctx)
	defer watch.stop()
	resp, err := c.do(sub, k)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != mimeCBOR {
		return nil, 0, c.wrap(ctx, k.op, fmt.Errorf("the answer's Content-Type is %.40q, not %s", t, mimeCBOR))
	}
	if resp.ContentLength > limit {
		return nil, 0, c.wrap(ctx, k.op, fmt.Errorf("answer of %d bytes, more than %d", resp.ContentLength, limit))
	}
	b, err := io.ReadAll(io.LimitReader(watched{resp.Body, watch}, limit+1))
	if err != nil {
		return nil, 0, c.wrap(ctx, k.op, watch.explain(err))
	}
	if int64(len(b)) > limit {
		return nil, 0, c.wrap(ctx, k.op, fmt.Errorf("answer of more than %d bytes", limit))
	}
	return b, resp.StatusCode, nil
}

// discard sends a call whose answer has nothing to read.
func (c *Client) discard(ctx context.Context, k *call) error {
	resp, err := c.do(ctx, k)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, hurried(resp.Body), maxErrorAnswer) // so that the connection can be used again
	return resp.Body.Close()
}

// A hurriedReader reads what follows an answer that is understood already: nobody waits long for it.
type hurriedReader struct{ body io.ReadCloser }

func hurried(body io.ReadCloser) io.Reader { return hurriedReader{body} }

func (h hurriedReader) Read(b []byte) (int, error) {
	late := time.AfterFunc(farewell, func() { _ = h.body.Close() }) // which ends a Read
	defer late.Stop()
	return h.body.Read(b)
}

// badAnswer is the error for an answer that does not follow the protocol. It must not look like one of the caller's.
func (c *Client) badAnswer(op string, err error) error {
	return &callError{op, c.name, fmt.Errorf("answer not understood: %v", err)}
}

// A watch ends its context when it is started and not stopped or restarted for the client's Silence.
type watch struct {
	timer   *time.Timer
	silence time.Duration
	cancel  context.CancelCauseFunc
	ctx     context.Context
}

var errSilent = errors.New("the server stopped sending")

func (c *Client) watch(parent context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{silence: c.cfg.Silence, cancel: cancel, ctx: ctx}
	w.timer = time.AfterFunc(time.Hour, func() { cancel(errSilent) })
	w.timer.Stop()
	return ctx, w
}

func (w *watch) start() { w.timer.Reset(w.silence) }
func (w *watch) pause() { w.timer.Stop() }

// stop ends the watch and its context.
func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain is err, or that the server was silent when that is why.
func (w *watch) explain(err error) error {
	if context.Cause(w.ctx) == errSilent {
		return fmt.Errorf("%w for %v", errSilent, w.silence)
	}
	return err
}

// watched reads an answer's body, and counts the time in which nothing comes.
type watched struct {
	r io.Reader
	w *watch
}

func (r watched) Read(b []byte) (int, error) {
	r.w.start()
	defer r.w.pause()
	return r.r.Read(b)
}

func indexPath(prefix string, i storage.Index, rest ...string) string {
	return prefix + i.String() + strings.Join(rest, "")
}

func sharePath(prefix string, i storage.Index, n storage.ShareNum, rest string) string {
	return indexPath(prefix, i, "/", strconv.Itoa(int(n)), rest)
}
