package wapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// ErrUnreachable is wrapped by errors about a node that does not answer at all.
var ErrUnreachable = errors.New("node is not reachable")

// ErrTruncated is wrapped by errors about an answer that ended before its announced length.
var ErrTruncated = errors.New("download was cut off")

// What the node may report, for errors.Is on an Error.
var (
	ErrNotEnoughServers = errors.New("not enough servers")
	ErrNotEnoughShares  = errors.New("not enough shares")
)

// An Error is an answer of the node that is not success.
type Error struct {
	Status int
	Kind   string // a value of KindHeader, or empty
	Text   string // the node's sentence
}

// Error is the node's sentence with its status.
func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("node answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (status %d)", e.Text, e.Status)
}

// Is finds ErrNotEnoughServers and ErrNotEnoughShares. The original tells the second by its status alone.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotEnoughServers:
		return e.Kind == KindNotEnoughServers
	case ErrNotEnoughShares:
		return e.Kind == KindNotEnoughShares || e.Status == http.StatusGone
	}
	return false
}

// maxErrorText bounds what is read of an error answer, which may come from something that is no node at all.
const maxErrorText = 4 << 10

func errorOf(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorText))
	text := ""
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		text = strings.TrimSpace(strings.Map(printable, string(b)))
	}
	return &Error{Status: resp.StatusCode, Kind: resp.Header.Get(KindHeader), Text: text}
}

// printable drops control characters, so that an answer cannot drive the terminal that it is printed on.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return -1
	}
	return r
}

// withoutURL takes the URL, and the capability in it, out of an error of net/http.
func withoutURL(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}
