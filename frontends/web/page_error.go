package web

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

type errorData struct {
	Title  string
	Status int
	Text   string
	Hint   string
}

// errorTitles say what statuses mean to people.
var errorTitles = map[int]string{
	http.StatusBadRequest:            "That does not work",
	http.StatusUnauthorized:          "That needs a token",
	http.StatusForbidden:             "That is not allowed",
	http.StatusNotFound:              "There is nothing here",
	http.StatusMethodNotAllowed:      "That is not possible here",
	http.StatusRequestTimeout:        "That took too long",
	http.StatusConflict:              "Something is in the way",
	http.StatusGone:                  "Too little of it can be found",
	http.StatusRequestEntityTooLarge: "That is too large",
	http.StatusServiceUnavailable:    "Not now",
	http.StatusInsufficientStorage:   "The disk is full",
}

// errorHints say what to do about statuses.
var errorHints = map[int]string{
	http.StatusGone:               "Servers may come back: the page of this node says which are connected. A check of the file says where its shares are.",
	http.StatusServiceUnavailable: "Try again in a while.",
}

// wantsPage says whether a request comes from a browser that would show a page. What a program sends, as */*, does not ask for one.
func wantsPage(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err == nil && kind == "text/html" && params["q"] != "0" {
				return true
			}
		}
	}
	return false
}

// writeProblem tells of an error: in a browser by a page, to all else in a sentence.
func (s *Server) writeProblem(w *recorder, r *http.Request, p problem) {
	if p.json || p.plain || !wantsPage(r) {
		writeProblem(w, r, p)
		return
	}
	title := errorTitles[p.status]
	if title == "" {
		title = "Something went wrong"
	}
	var b bytes.Buffer
	d := errorData{title, p.status, p.text, errorHints[p.status]}
	if err := s.pages.templates.ExecuteTemplate(&b, "error.html", d); err != nil {
		writeProblem(w, r, p)
		return
	}
	setProblemHeaders(w.Header(), p)
	setPageHeaders(w.Header(), d)
	writeBody(w, r, htmlType, p.status, b.Bytes())
}
