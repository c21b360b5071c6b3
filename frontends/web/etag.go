package web

import (
	"net/http"
	"strings"

	"tahoe/caps"
)

// etagOf is the tag of an answer about an immutable file or directory: its storage index and the kind of answer. It is sent
// bare, as the original does and as scripts compare it, and accepted bare or in quotes. A literal has no tag: its answer is as
// short as the question.
func etagOf(c caps.Cap, operation string) string {
	switch c := c.(type) {
	case caps.CHK:
		return c.Index().String() + "-" + operation
	case caps.DirectoryRead:
		if file, ok := c.Inner().(caps.CHK); ok {
			return "DIR:" + file.Index().String() + "-" + operation
		}
	}
	return ""
}

// notModified answers 304 when the client says that it has what tag names already.
func notModified(w http.ResponseWriter, r *http.Request, tag string) bool {
	if tag == "" {
		return false
	}
	w.Header().Set("Etag", tag)
	for _, line := range r.Header.Values("If-None-Match") {
		for field := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			if field == "*" || sameTag(field, tag) {
				w.WriteHeader(http.StatusNotModified)
				return true
			}
		}
	}
	return false
}

func sameTag(sent, tag string) bool {
	return strings.Trim(strings.TrimPrefix(sent, "W/"), `"`) == strings.Trim(tag, `"`)
}

// rangeHeader is the Range header, unless If-Range makes it depend on a version of the file that this is not.
func rangeHeader(r *http.Request, tag string) string {
	if cond := r.Header.Get("If-Range"); cond != "" && (tag == "" || !sameTag(strings.TrimSpace(cond), tag)) {
		return ""
	}
	return r.Header.Get("Range")
}
