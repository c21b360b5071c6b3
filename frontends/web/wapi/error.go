package wapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// ErrUnreachable is wrapped by errors about a node that does not answer at all.
var ErrUnreachable = errors.New("node is not reachable")

// ErrTruncated is wrapped by errors about an answer that ended before its announced length.
var ErrTruncated = errors.New("download was cut off")

// errNoName is about a request that needs a name.
var errNoName = errors.New("a name in a directory is needed")

// What the node may report, for errors.Is on an Error.
var (
	ErrNotEnoughServers = errors.New("not enough servers")
	ErrNotEnoughShares  = errors.New("not enough shares")
	ErrNotFound         = errors.New("there is nothing of that name")
	ErrConflict         = errors.New("something of that name is in the way")
)

// An Error is an answer of the node that is not success.
type Error struct {
	Status int
	Kind   string // a value of KindHeader, or empty
	Text   string // the node's sentence
}

// Error is the node's sentence with its status, if it has one: a stream that fails had begun as a success.
func (e *Error) Error() string {
	if e.Status == 0 {
		return e.Text
	}
	if e.Text == "" {
		return fmt.Sprintf("node answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s (status %d)", e.Text, e.Status)
}

// Is finds the sentinels above. The original tells ErrNotEnoughShares by the status alone.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotEnoughServers:
		return e.Kind == KindNotEnoughServers
	case ErrNotEnoughShares:
		return e.Kind == KindNotEnoughShares || e.Status == http.StatusGone
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrConflict:
		return e.Status == http.StatusConflict
	}
	return false
}

// maxErrorText bounds what is read of an error answer, which may come from something that is no node at all.
const maxErrorText = 4 << 10

func errorOf(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorText))
	text := ""
	switch kind := resp.Header.Get("Content-Type"); {
	case err != nil:
	case bytes.HasPrefix(b, []byte(`{"error"`)):
		text = plain(jsonError(b))
	case strings.HasPrefix(kind, "text/plain"):
		text = plain(lastCause(string(b)))
	case strings.HasPrefix(kind, "text/html"):
		text = plain(paragraph(string(b)))
	}
	kind := resp.Header.Get(KindHeader)
	if kind == "" {
		kind = kindOf(text)
	}
	return &Error{Status: resp.StatusCode, Kind: kind, Text: text}
}

// jsonError is the sentence of a failure that is told in JSON, because JSON was asked for.
func jsonError(b []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(b, &e) != nil {
		return ""
	}
	return e.Error
}

// The error pages of the original have a title, with the status, and a paragraph, which may say that it says nothing.
var (
	pageTitle = regexp.MustCompile(`<title>[0-9]+ - ([^<]*)</title>`)
	pageText  = regexp.MustCompile(`<p>([^<]*)</p>`)
)

// paragraph is what such a page says.
func paragraph(page string) string {
	for _, part := range []*regexp.Regexp{pageText, pageTitle} {
		if m := part.FindStringSubmatch(page); m != nil && m[1] != "no details" {
			return html.UnescapeString(m[1])
		}
	}
	return ""
}

// lastCause is the last line of what the original writes when something unforeseen happened, which says what; other text is
// as it is.
func lastCause(text string) string {
	if !strings.HasPrefix(text, "Traceback ") {
		return text
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// kindOf tells the kind of a failure by the name that the original gives it.
func kindOf(text string) string {
	switch {
	case hasAny(text, "UploadUnhappinessError", "NotEnoughServersError", "NoServersError"):
		return KindNotEnoughServers
	case hasAny(text, "NotEnoughSharesError", "NoSharesError", "UnrecoverableFileError"):
		return KindNotEnoughShares
	}
	return ""
}

func hasAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// capText finds capabilities, which a node should not put into its sentences; some do.
var capText = regexp.MustCompile(`URI:[A-Za-z0-9-]+:[A-Za-z0-9:]*`)

// plain is text that may be printed anywhere.
func plain(text string) string {
	return capText.ReplaceAllString(strings.TrimSpace(strings.Map(printable, text)), "URI:…")
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
