package web

import (
	"net/http"

	"tahoe/caps"
	"tahoe/internal/qr"
)

// serveQR draws a capability as a QR code: a link through this node, or with as=cap the capability itself.
func serveQR(w *recorder, r *http.Request, c caps.Cap, name string) error {
	a := args{query: r.URL.Query()}
	if given := a.get("filename"); given != "" {
		name = given
	}
	text := c.Encode()
	switch as := a.get("as"); as {
	case "", "link":
		text = baseOf(r) + addressOf(c, name)
	case "cap":
	default:
		return badRequest("as='%s' is neither link nor cap", short(as))
	}
	code, err := qr.Encode([]byte(text))
	if err != nil {
		return badRequest("%v", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, r, "image/svg+xml", http.StatusOK, code.SVG())
	return nil
}

// addressOf is where this node serves a file or a directory.
func addressOf(c caps.Cap, name string) string {
	if caps.IsDirectory(c) {
		return "/uri/" + escapeCap(c.Encode()) + "/"
	}
	if _, unknown := c.(caps.Unknown); unknown {
		return "/uri/" + escapeCap(c.Encode())
	}
	return fileAddress(c.Encode(), name)
}
