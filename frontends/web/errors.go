package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
)

// A problem is an error that knows its status. The text is one sentence for whoever sent the request.
type problem struct {
	status int
	text   string
	kind   string // a value of wapi.KindHeader
	allow  string
	size   *int64 // of the file, for an unsatisfiable range
	json   bool   // to be told in JSON
	plain  bool   // never to be told by a page
}

func (p problem) Error() string { return p.text }

func badRequest(format string, args ...any) problem {
	return problem{status: http.StatusBadRequest, text: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) problem {
	return problem{status: http.StatusConflict, text: fmt.Sprintf(format, args...)}
}

// problemOf is the one table of errors and statuses.
//
// An upload that finds too few servers is 500, as from the original: scripts know it by that number. What tells it from
// other failures is the sentence, and wapi.KindHeader for programs. 503 is kept for a node that is stopping, and 507 for
// one whose own disk is full, where the original has no answer of its own.
func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if p, ok := gridProblem(err); ok {
		return p
	}
	if p, ok := childProblem(err); ok {
		return p
	}
	switch {
	case errors.Is(err, caps.ErrMalformed):
		return badRequest("Invalid capability: %s", malformedText(err))
	case errors.Is(err, layout.ErrTooLong):
		return badRequest("%v", err)
	case errors.Is(err, grid.ErrNoServers):
		return problem{status: http.StatusInternalServerError, kind: wapi.KindNotEnoughServers, text: err.Error()}
	case errors.Is(err, reactor.ErrStopping):
		return problem{status: http.StatusServiceUnavailable, kind: wapi.KindStopping, text: "the node is stopping: try again when it is back"}
	case errors.Is(err, syscall.ENOSPC):
		return problem{status: http.StatusInsufficientStorage, kind: wapi.KindNoSpace, text: "the disk of this node is full: an upload needs room for a temporary copy"}
	case errors.Is(err, storage.ErrTooLarge):
		return problem{status: http.StatusRequestEntityTooLarge, text: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return problem{status: http.StatusGatewayTimeout, text: "the grid did not answer in time: " + err.Error()}
	}
	return problem{status: http.StatusInternalServerError, text: publicText(err)}
}

// gridProblem is about what servers have or take.
func gridProblem(err error) (problem, bool) {
	if is[*immutable.NotEnoughSharesError](err) || is[*mutable.NotEnoughSharesError](err) {
		return problem{status: http.StatusGone, kind: wapi.KindNotEnoughShares, text: err.Error()}, true
	}
	if is[*immutable.UnhappyError](err) || is[*mutable.WriteError](err) {
		return problem{status: http.StatusInternalServerError, kind: wapi.KindNotEnoughServers, text: err.Error()}, true
	}
	switch {
	case errors.Is(err, mutable.ErrUncoordinated):
		return problem{status: http.StatusInternalServerError, kind: wapi.KindUncoordinated, text: "UncoordinatedWriteError: " + err.Error()}, true
	case errors.Is(err, lafs.ErrProhibited):
		reason := err.Error()
		if e, ok := errors.AsType[*lafs.ProhibitedError](err); ok {
			reason = e.Reason
		}
		return problem{status: http.StatusForbidden, text: "Access Prohibited: " + reason}, true
	case errors.Is(err, lafs.ErrReadOnly):
		return badRequest("NotWriteableError: the capability allows to read this, and not to change it"), true
	case errors.Is(err, lafs.ErrTooLarge):
		return problem{status: http.StatusRequestEntityTooLarge, text: "FileTooLargeError: " + err.Error()}, true
	case errors.Is(err, lafs.ErrWrongKind):
		return badRequest("%v", err), true
	}
	return problem{}, false
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// childProblem is about a name in a directory. The names of errors in front of some sentences are those of the original, by
// which scripts know them.
func childProblem(err error) (problem, bool) {
	name := ""
	if e, ok := errors.AsType[*lafs.ChildError](err); ok {
		name = short(e.Name)
	}
	switch {
	case errors.Is(err, lafs.ErrNoChild):
		return problem{status: http.StatusNotFound, text: "No such child: " + short(missingName(err))}, true
	case errors.Is(err, lafs.ErrChildExists):
		return conflict("There was already a child by that name, and you asked me to not replace it."), true
	case errors.Is(err, lafs.ErrNotDeepImmutable), errors.Is(err, caps.ErrNotImmutable):
		return badRequest("MustBeDeepImmutableError: child '%s' can change, or nobody knows that it cannot; what is in an immutable directory must be immutable itself", name), true
	case errors.Is(err, lafs.ErrUnknownPower):
		return badRequest("MustNotBeUnknownRWError: the capability of child '%s' is of a kind that this version does not know, and may allow to write: "+
			"give one that only reads beside it, as ro_uri, or use a later version", name), true
	case errors.Is(err, caps.ErrTooPowerful):
		return badRequest("MustBeReadonlyError: the capability to read child '%s' allows to write", name), true
	case errors.Is(err, caps.ErrMalformed) && name != "":
		return badRequest("Invalid capability of child '%s': %s", name, malformedText(err)), true
	case errors.Is(err, lafs.ErrNoCapability), errors.Is(err, lafs.ErrBadName), errors.Is(err, lafs.ErrBadMetadata),
		errors.Is(err, lafs.ErrNotDirectory), errors.Is(err, lafs.ErrIsDirectory):
		return badRequest("%v", err), true
	}
	return problem{}, false
}

// malformedText is what is wrong with a capability.
func malformedText(err error) string {
	_, text, ok := strings.Cut(err.Error(), caps.ErrMalformed.Error()+": ")
	if !ok {
		return err.Error()
	}
	return text
}

// publicText is what an error may say to somebody far away: not where on the node's disk something is.
func publicText(err error) string {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return "the node could not use its disk, as its log describes"
	}
	return "the node could not do this: " + err.Error()
}

// setProblemHeaders sets the headers that follow from an error, and takes away those of the answer that it takes the place of.
func setProblemHeaders(h http.Header, p problem) {
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.kind != "" {
		h.Set(wapi.KindHeader, p.kind)
	}
	if p.size != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", *p.size))
	}
	for _, name := range []string{"Etag", "Content-Disposition", "Content-Encoding", "Accept-Ranges"} {
		h.Del(name)
	}
}

func writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	setProblemHeaders(w.Header(), p)
	if p.json {
		var out printer
		out.flat = true
		out.open('{')
		out.key("error")
		out.text(p.text)
		out.close('}')
		writeBody(w, r, "application/json", p.status, out.b)
		return
	}
	writeBody(w, r, "text/plain;charset=utf-8", p.status, []byte(p.text+"\n"))
}

func writeText(w http.ResponseWriter, r *http.Request, text string) {
	writeBody(w, r, "text/plain", http.StatusOK, []byte(text))
}

func writeBody(w http.ResponseWriter, r *http.Request, kind string, status int, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone needs no answer
	}
}

// short makes something that a client sent fit to be quoted in a sentence.
func short(s string) string {
	const most = 40
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
