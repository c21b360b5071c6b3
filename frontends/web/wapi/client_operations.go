package wapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tahoe/reactor"
)

// Kinds of slow operations, for Start.
const (
	StartManifest  = "manifest"
	StartDeepSize  = "deep-size"
	StartDeepStats = "deep-stats"
	StartDeepCheck = "deep-check"
)

// Start begins a slow operation on what is at a place, and returns its handle, for Poll and Cancel. A node forgets
// operations only after days, so the caller polls until it is finished, or cancels it.
func (c *Client) Start(ctx context.Context, capability string, path []string, kind string, o CheckOptions) (handle string, err error) {
	handle = strings.ToLower(rand.Text())
	q := url.Values{"t": {"start-" + kind}, "ophandle": {handle}}
	o.set(q)
	req, err := c.request(ctx, call{method: http.MethodPost, place: place(capability, path), query: q})
	if err != nil {
		return "", err
	}
	resp, err := c.do(req)
	if err != nil {
		return "", err
	}
	defer drain(resp)
	if resp.StatusCode != http.StatusFound && resp.StatusCode != http.StatusOK {
		return "", errorOf(resp)
	}
	return handle, nil
}

// Poll asks how an operation is: JSON with at least the field "finished". The handle of one that is finished is then forgotten.
func (c *Client) Poll(ctx context.Context, handle string) (answer []byte, finished bool, err error) {
	q := url.Values{"t": {"status"}, "output": {"JSON"}, "release-after-complete": {"true"}}
	answer, err = c.all(ctx, call{method: http.MethodGet, place: "operations/" + url.PathEscape(handle), query: q}, maxJSON)
	if err != nil {
		return nil, false, err
	}
	var state struct {
		Finished bool `json:"finished"`
	}
	if err := json.Unmarshal(answer, &state); err != nil {
		return nil, false, fmt.Errorf("read the state of the operation: %w", err)
	}
	return answer, state.Finished, nil
}

// Cancel stops an operation and forgets its handle.
func (c *Client) Cancel(ctx context.Context, handle string) error {
	place := "operations/" + url.PathEscape(handle)
	_, err := c.all(ctx, call{method: http.MethodPost, place: place, query: url.Values{"t": {"cancel"}, "output": {"JSON"}}}, maxJSON)
	return err
}

const (
	firstPoll  = 20 * time.Millisecond
	lastPoll   = 5 * time.Second
	cancelTime = 2 * time.Second
)

// Await polls an operation until it is finished, less and less often, and returns its last answer. What comes before goes to
// progress, which may be nil. An operation for which nobody waits any more is cancelled.
func (c *Client) Await(ctx context.Context, handle string, progress func(answer []byte)) ([]byte, error) {
	answer, err := c.await(ctx, handle, progress)
	if err != nil && ctx.Err() != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
		defer cancel()
		_ = c.Cancel(last, handle)
	}
	return answer, err
}

func (c *Client) await(ctx context.Context, handle string, progress func(answer []byte)) ([]byte, error) {
	for wait := firstPoll; ; wait = min(wait*2, lastPoll) {
		answer, finished, err := c.Poll(ctx, handle)
		if err != nil || finished {
			return answer, err
		}
		if progress != nil {
			progress(answer)
		}
		if err := reactor.Sleep(ctx, reactor.System(), wait); err != nil {
			return nil, err
		}
	}
}

// DeepStats counts what can be reached from a place. It returns when the node has walked through all of it.
func (c *Client) DeepStats(ctx context.Context, capability string, path []string) (DeepStats, error) {
	handle, err := c.Start(ctx, capability, path, StartDeepStats, CheckOptions{})
	if err != nil {
		return DeepStats{}, err
	}
	answer, err := c.Await(ctx, handle, nil)
	if err != nil {
		return DeepStats{}, err
	}
	var s DeepStatsStatus
	err = unmarshalInto(answer, &s)
	return s.DeepStats, err
}

func unmarshalInto(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read the answer of the node: %w", err)
	}
	return nil
}

// Welcome says which servers the node knows.
func (c *Client) Welcome(ctx context.Context) (w Welcome, err error) {
	err = c.info(ctx, "", &w)
	return w, err
}

// Status says what the node does and has done lately, and to who shows its token, whose files wait.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.info(ctx, "status", &s)
	return s, err
}

// Statistics are the counters of the node.
func (c *Client) Statistics(ctx context.Context) (s Statistics, err error) {
	err = c.info(ctx, "statistics", &s)
	return s, err
}

func (c *Client) info(ctx context.Context, place string, v any) error {
	b, err := c.all(ctx, call{method: http.MethodGet, place: place, query: url.Values{"t": {"json"}}}, maxJSON)
	if err != nil {
		return err
	}
	return unmarshalInto(b, v)
}

type operationFields Operation

// UnmarshalJSON reads an operation. The original writes words where it knows no number.
func (o *Operation) UnmarshalJSON(b []byte) error {
	f := struct {
		*operationFields
		TotalSize json.RawMessage `json:"total-size"`
	}{operationFields: (*operationFields)(o)}
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("read operation: %w", err)
	}
	o.TotalSize = nil
	var size int64
	if string(f.TotalSize) != "null" && json.Unmarshal(f.TotalSize, &size) == nil {
		o.TotalSize = &size
	}
	return nil
}
