package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// routeKind is a family of addresses that one handler answers.
type routeKind int

const (
	kindUnknown    routeKind = iota
	kindRoot                 // /
	kindCollection           // /uri
	kindCap                  // /uri/CAP and names below it
	kindNamed                // /file/CAP/anything/NAME
	kindOperation            // /operations/HANDLE
	kindStatus               // /status
	kindStatistics           // /statistics
	kindStorage              // /storage
	kindKeeper               // /keeper
	kindHelper               // /helper_status
	kindStatic               // /static/PATH
	kindAsset                // what our own pages are made of
	kindHealth               // /healthz
	kindUploads              // /uploads
	kindUpload               // /uploads/ID
	kindReady                // /readyz
	kindMetrics              // /metrics
	kindPrivate              // /private/…
	kindReport               // /report_incident
	kindLogin                // /login
	kindLogout               // /logout
	kindAccount              // /account
	kindHome                 // /home and names below it
)

// isCommon says whether every kind of node answers such addresses.
func (k routeKind) isCommon() bool {
	switch k {
	case kindRoot, kindStatic, kindAsset, kindHealth, kindReady, kindMetrics, kindPrivate:
		return true
	}
	return false
}

// singles are addresses of a single page without anything below: for programs that watch over nodes, and for reports.
var singles = map[string]routeKind{"healthz": kindHealth, "readyz": kindReady, "metrics": kindMetrics, "report_incident": kindReport}

// A route is what the path of a request means. Its text and names hold secrets; only shape may be logged.
type route struct {
	kind  routeKind
	shape string   // the path with everything secret taken out
	cap   string   // text of the capability
	names []string // what follows it
	slash bool     // a slash ends the path
	rest  string   // path below /static, name of an asset, handle of an operation
	err   error    // the path is of a known kind, but bad
}

// parseRoute reads a path as it was sent, still escaped: http.ServeMux would clean it, and a cleaned path has lost what
// an escaped slash within a capability meant. Slashes in front and behind /uri may be doubled, because node.url ends in one.
func parseRoute(escaped string) route {
	first, rest, below := strings.Cut(strings.TrimLeft(escaped, "/"), "/")
	switch first {
	case "":
		return route{kind: kindRoot, shape: "/"}
	case "uri", "cap":
		return capRoute(first, strings.TrimLeft(rest, "/"))
	case "file", "named":
		return namedRoute(first, strings.TrimLeft(rest, "/"))
	case "static":
		return staticRoute(rest)
	case "operations":
		return operationRoute(rest)
	case "status":
		return route{kind: kindStatus, shape: "/status", rest: rest}
	case "keeper":
		return route{kind: kindKeeper, shape: "/keeper", rest: rest}
	case "private":
		return route{kind: kindPrivate, shape: "/private", rest: rest}
	case "statistics":
		return route{kind: kindStatistics, shape: "/statistics", rest: rest}
	case "helper_status":
		return route{kind: kindHelper, shape: "/helper_status", rest: rest}
	case "home":
		return homeRoute(rest, below)
	}
	if kind, ok := ofAccounts[first]; ok && !below {
		return route{kind: kind, shape: "/" + first}
	}
	if first == "storage" {
		return route{kind: kindStorage, shape: "/storage", rest: rest}
	}
	if first == "uploads" {
		return uploadRoute(rest)
	}
	if kind := assetType(first); kind != "" && !below {
		return route{kind: kindAsset, shape: "/" + first, rest: first}
	}
	if kind := singles[first]; kind != kindUnknown && !below {
		return route{kind: kind, shape: "/" + first}
	}
	return route{shape: "[unknown]"}
}

func capRoute(first, rest string) route {
	if rest == "" {
		return route{kind: kindCollection, shape: "/" + first}
	}
	rt := route{kind: kindCap, shape: "/" + first + "/[cap]"}
	rt.read(rest)
	rt.checkNames()
	return rt
}

// checkNames looks at the names below a directory.
func (rt *route) checkNames() {
	if n := len(rt.names); n > 0 && rt.names[n-1] == "" {
		rt.names, rt.slash = rt.names[:n-1], true
	}
	if len(rt.names) > 0 {
		rt.shape += "/[path]"
	}
	for i, n := range rt.names {
		switch {
		case rt.err != nil:
		case n == "":
			rt.err = badRequest("The webapi does not allow empty pathname components, i.e. a double slash")
		case !utf8.ValidString(n):
			rt.err = badRequest("a name in the path is not UTF-8")
		}
		rt.names[i] = norm.NFC.String(n)
	}
}

// ofAccounts are the single addresses for those who sign in.
var ofAccounts = map[string]routeKind{"login": kindLogin, "logout": kindLogout, "account": kindAccount}

// homeRoute is about an account's tree, which is asked for by paths: a name is no step of one.
func homeRoute(rest string, below bool) route {
	rt := route{kind: kindHome, shape: "/home"}
	if !below {
		return rt
	}
	rt.read("/" + rest) // in place of a capability, nothing
	rt.checkNames()
	if len(rt.names) > 0 {
		rt.shape += "/[path]"
	}
	if rt.err == nil && !slices.ContainsFunc(rt.names, notNameAtHome) {
		return rt
	}
	if rt.err == nil {
		rt.err = errNoNameAtHome
	}
	return rt
}

func operationRoute(rest string) route {
	rt := route{kind: kindOperation, shape: "/operations/[handle]"}
	handle, index, _ := strings.Cut(rest, "/")
	var err error
	if rt.rest, err = url.PathUnescape(handle); err != nil {
		rt.err = badEscape()
	}
	if index = strings.TrimSuffix(index, "/"); index != "" {
		rt.names, rt.shape = []string{index}, rt.shape+"/[index]"
	}
	return rt
}

// uploadRoute keeps the ID, which is a secret, out of the shape.
func uploadRoute(rest string) route {
	if id := strings.Trim(rest, "/"); id != "" {
		return route{kind: kindUpload, shape: "/uploads/[id]", rest: id}
	}
	return route{kind: kindUploads, shape: "/uploads"}
}

func staticRoute(rest string) route {
	rt := route{kind: kindStatic, shape: "/static/[path]"}
	var err error
	if rt.rest, err = url.PathUnescape(rest); err != nil {
		rt.err = badEscape()
	}
	return rt
}

func badEscape() error {
	return badRequest("path holds a %% that is not followed by two hexadecimal digits")
}

func namedRoute(first, rest string) route {
	rt := route{kind: kindNamed, shape: "/" + first + "/[cap]/[name]"}
	if rest == "" {
		rt.shape = "/" + first
		rt.err = problem{status: http.StatusNotFound, text: "/file must be followed by a file-cap and a name"}
		return rt
	}
	rt.read(rest)
	return rt
}

// read takes the capability and the names behind it out of the rest of a path.
func (rt *route) read(rest string) {
	for i, part := range strings.Split(rest, "/") {
		text, err := url.PathUnescape(part)
		if err != nil {
			rt.err = badEscape()
			return
		}
		if i == 0 {
			rt.cap = strings.TrimRight(text, " \t\r\n")
			continue
		}
		rt.names = append(rt.names, text)
	}
}

// fileName is the name that the last part of the path gives to a file, or empty.
func (rt *route) fileName() string {
	if len(rt.names) == 0 {
		return ""
	}
	return strings.TrimPrefix(rt.names[len(rt.names)-1], "@@named=")
}

// allow refuses methods that are not listed.
func allow(r *http.Request, methods ...string) error {
	if slices.Contains(methods, r.Method) {
		return nil
	}
	return problem{
		status: http.StatusMethodNotAllowed,
		text:   fmt.Sprintf("%s is not possible here, only %s", short(r.Method), strings.Join(methods, ", ")),
		allow:  strings.Join(methods, ", "),
	}
}

// methodText is the method of a request for the log: a client may send any word.
func methodText(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return r.Method
	}
	return "[unknown]"
}

// queryText is the t= of a request for the log: one of the words of the web API, or a question mark.
func queryText(r *http.Request) string {
	t := r.URL.Query().Get("t")
	if t == "" || slices.Contains(words, t) {
		return t
	}
	return "?"
}

// words are the values of t= that the web API has.
var words = strings.Fields(`json uri readonly-uri info qr rename-form status cancel openmetrics
	upload mkdir mkdir-with-children mkdir-immutable set_children set-children unlink delete rename relink
	pause resume now check start-deep-check start-manifest start-deep-size start-deep-stats stream-deep-check stream-manifest copy undelete share events`)
