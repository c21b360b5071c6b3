package gbs

import (
	"errors"
	"fmt"
	"net/http"

	"tahoe/storage"
)

// errorTable is the one table of errors for both ends: a server answers an error with its status and word, a client turns
// the word, or the status when there is no word, back into the error. Where a status stands for several errors, the first
// row is what it means without a word.
var errorTable = []struct {
	err    error
	status int
	word   string
}{
	{storage.ErrMalformed, http.StatusBadRequest, "malformed"},
	{storage.ErrBadSecret, http.StatusUnauthorized, "bad-secret"},
	{storage.ErrReadOnly, http.StatusForbidden, "read-only"},
	{storage.ErrNotFound, http.StatusNotFound, "not-found"},
	{storage.ErrConflict, http.StatusConflict, "conflict"},
	{storage.ErrIncomplete, http.StatusConflict, "incomplete"},
	{storage.ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large"},
	{storage.ErrRange, http.StatusRequestedRangeNotSatisfiable, "range"},
	{storage.ErrNoSpace, http.StatusInsufficientStorage, "no-space"},

	{errNotAcceptable, http.StatusNotAcceptable, "not-acceptable"},
	{errMediaType, http.StatusUnsupportedMediaType, "media-type"},
	{errLengthRequired, http.StatusLengthRequired, "length-required"},
	{errComplete, http.StatusMethodNotAllowed, "complete"},
}

// Refusals that HTTP knows and the storage contract does not. A client never causes the first three.
var (
	errNotAcceptable  = fmt.Errorf("answer would not be accepted: %w", storage.ErrMalformed)
	errMediaType      = fmt.Errorf("wrong type of body: %w", storage.ErrMalformed)
	errLengthRequired = fmt.Errorf("no Content-Length: %w", storage.ErrMalformed)
	errComplete       = errors.New("share is complete")
)

// statusOf is the status and the word for err, which is not nil. The rows behind the storage errors are more exact, so they
// are looked at first.
func statusOf(err error) (status int, word string) {
	for n := len(errorTable) - 1; n >= 0; n-- {
		if errors.Is(err, errorTable[n].err) {
			return errorTable[n].status, errorTable[n].word
		}
	}
	return http.StatusInternalServerError, ""
}

// errorOf is the error for an answer's status and word, nil when the table has none.
func errorOf(status int, word string) error {
	var first error
	for _, row := range errorTable {
		if row.status != status {
			continue
		}
		if row.word == word {
			return row.err
		}
		if first == nil {
			first = row.err
		}
	}
	return first
}
