package web

import (
	"net/http"

	"tahoe/lafs"
)

type renameData struct {
	Title, Name string
}

// serveRenameForm shows the form by which people rename a child.
func (s *Server) serveRenameForm(w *recorder, r *http.Request, d *lafs.Directory, name string) error {
	if !d.Writeable() {
		return lafs.ErrReadOnly
	}
	return s.servePage(w, r, "rename.html", renameData{Title: "Rename " + name, Name: name})
}
