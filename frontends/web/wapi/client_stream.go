package wapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// A Line is a unit of a stream, also as the node wrote it. JSON holds until the next line.
type Line struct {
	Unit
	JSON []byte
}

// StreamManifest tells all that can be reached from a place, a line each, and statistics at last. After an error nothing
// follows. A walk that is left early ends at the node too.
func (c *Client) StreamManifest(ctx context.Context, capability string, path []string) iter.Seq2[Line, error] {
	return c.stream(ctx, place(capability, path), url.Values{"t": {"stream-manifest"}})
}

// StreamDeepCheck is StreamManifest with the result of a check of each.
func (c *Client) StreamDeepCheck(ctx context.Context, capability string, path []string, o CheckOptions) iter.Seq2[Line, error] {
	q := url.Values{"t": {"stream-deep-check"}}
	o.set(q)
	return c.stream(ctx, place(capability, path), q)
}

const (
	streamBuffer = 64 << 10
	maxLine      = 64 << 20 // a check names each server of each share
)

func (c *Client) stream(ctx context.Context, place string, q url.Values) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		resp, err := c.send(ctx, call{method: http.MethodPost, place: place, query: q})
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(make([]byte, streamBuffer), maxLine)
		err = eachLine(lines, yield)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
		if err != nil {
			yield(Line{}, err)
		}
	}
}

// eachLine yields units until the last. It returns nil when the stream was whole or nobody wants more of it.
func eachLine(lines *bufio.Scanner, yield func(Line, error) bool) error {
	for lines.Scan() {
		b := bytes.TrimSpace(lines.Bytes())
		if len(b) == 0 {
			continue
		}
		if text, ok := bytes.CutPrefix(b, []byte(strings.TrimSpace(StreamError))); ok {
			return streamFailure(string(text), lines)
		}
		l := Line{JSON: b}
		if err := json.Unmarshal(b, &l.Unit); err != nil {
			return fmt.Errorf("read line of the node's answer: %w", err)
		}
		if !yield(l, nil) || l.Type == UnitStats {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the node's answer: %w: %w", ErrTruncated, withoutURL(err))
	}
	return fmt.Errorf("read the node's answer: %w: its last line is missing", ErrTruncated)
}

// streamFailure is why a stream ended early: its text, and the lines that follow in some of the original's.
func streamFailure(text string, lines *bufio.Scanner) error {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(text))
	for b.Len() < maxErrorText && lines.Scan() {
		b.WriteString("\n" + lines.Text())
	}
	first, _, _ := strings.Cut(b.String(), "\n")
	return &Error{Kind: kindOf(first), Text: plain(first)}
}

// CheckOptions choose what a check does.
type CheckOptions struct {
	Verify   bool // read all shares, and not only ask for them
	Repair   bool // make what is missing
	AddLease bool // renew the leases of all shares
}

func (o CheckOptions) set(q url.Values) {
	for name, on := range map[string]bool{"verify": o.Verify, "repair": o.Repair, "add-lease": o.AddLease} {
		if on {
			q.Set(name, "true")
		}
	}
}

// CheckJSON checks what is at a place, and returns the answer as the node wrote it: a CheckResult, or a RepairResult when
// repair was asked for.
func (c *Client) CheckJSON(ctx context.Context, capability string, path []string, o CheckOptions) ([]byte, error) {
	q := url.Values{"t": {"check"}, "output": {"JSON"}}
	o.set(q)
	return c.all(ctx, call{method: http.MethodPost, place: place(capability, path), query: q}, maxLine)
}

// Check asks the servers for the shares of what is at a place. The options are without Repair.
func (c *Client) Check(ctx context.Context, capability string, path []string, o CheckOptions) (CheckResult, error) {
	o.Repair = false
	b, err := c.CheckJSON(ctx, capability, path, o)
	if err != nil {
		return CheckResult{}, err
	}
	var r CheckResult
	err = unmarshalInto(b, &r)
	return r, err
}

// CheckAndRepair is Check, and makes what is missing.
func (c *Client) CheckAndRepair(ctx context.Context, capability string, path []string, o CheckOptions) (RepairResult, error) {
	o.Repair = true
	b, err := c.CheckJSON(ctx, capability, path, o)
	if err != nil {
		return RepairResult{}, err
	}
	var r RepairResult
	err = unmarshalInto(b, &r)
	return r, err
}
