package web

import (
	"crypto/rand"
	"net/http"
)

const (
	htmlType = "text/html; charset=utf-8"
	// pagePolicy is for our own pages: no script at all, forms to this node only.
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// scriptPolicy is added on pages with scripts. Only those that bear the number of this one answer run, and what they import:
	// 'self' would let in any stored file that a page could be made to name.
	scriptPolicy = "; media-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types page; script-src 'nonce-"
)

// scripted is part of the data of a page that has scripts.
type scripted struct {
	Nonce string // one answer's; a script element without it does not run
}

func newScripted() scripted { return scripted{rand.Text()} }

func (s scripted) nonce() string { return s.Nonce }

// setPageHeaders sets the headers of a page. It may hold capabilities, so no cache keeps it.
func setPageHeaders(h http.Header, data any) {
	policy := pagePolicy
	if page, ok := data.(interface{ nonce() string }); ok {
		policy += scriptPolicy + page.nonce() + "'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
}
