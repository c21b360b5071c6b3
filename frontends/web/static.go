package web

import (
	"errors"
	"io/fs"
	"net/http"
	"os"

	"tahoe/frontends/serve"
)

// serveStatic serves the operator's own files. They are trusted as the node's own pages are, so they keep no sandbox.
// The directory is opened for each request, so that it may appear after the node has started; os.Root keeps links and
// dots from leading out of it.
func (s *Server) serveStatic(w *recorder, r *http.Request, rt route) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	none := problem{status: http.StatusNotFound, text: "this node has no static files"}
	if s.c.StaticDir == "" {
		return none
	}
	root, err := os.OpenRoot(s.c.StaticDir)
	if err != nil {
		return none
	}
	defer root.Close()
	w.Header().Del("Content-Security-Policy")
	out := serve.NewWriter(w, s.c.Stall)
	defer out.Stop()
	http.StripPrefix("/static", http.FileServerFS(onlyThere{root.FS()})).ServeHTTP(watchedResponse{w, out}, withPath(r, "/static/"+rt.rest))
	return nil
}

// onlyThere has the files that can be opened. What cannot, as a link that leads out or in a circle, is not there for whoever asks: it is
// no fault of the node.
type onlyThere struct{ fs.FS }

func (f onlyThere) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, fs.ErrNotExist
	}
	return file, err
}

// watchedResponse hides everything but the three methods, so that files are copied through Write.
type watchedResponse struct {
	http.ResponseWriter
	out *serve.Writer
}

func (w watchedResponse) Write(p []byte) (int, error) { return w.out.Write(p) }

// withPath gives r a path without the doubled slashes in front that we accept.
func withPath(r *http.Request, path string) *http.Request {
	u := *r.URL
	u.Path, u.RawPath = path, ""
	c := r.Clone(r.Context())
	c.URL = &u
	return c
}
