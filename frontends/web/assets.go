package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

// An asset is a file that our pages load.
type asset struct {
	kind string
	tag  string
	body []byte
}

// assetKinds are the media types of what pages load, by the ends of names.
var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assetType is the media type of a file that the pages load, and empty for any other name.
func assetType(name string) string {
	kind := assetKinds[path.Ext(name)]
	if kind == "" {
		return ""
	}
	f, err := pageFiles.Open(path.Join("pages", name))
	if err != nil {
		return ""
	}
	_ = f.Close() // it is in memory
	return kind
}

func readAssets() map[string]asset {
	all := map[string]asset{}
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, f := range files {
		kind := assetKinds[path.Ext(f.Name())]
		if kind == "" {
			continue
		}
		b, err := pageFiles.ReadFile(path.Join("pages", f.Name()))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		all[f.Name()] = asset{kind, `"` + hex.EncodeToString(sum[:8]) + `"`, b}
	}
	return all
}

// serveAsset sends what a page loads. Browsers ask each time whether theirs is the one of this version, so that a page and its
// scripts always fit together.
func (p *pages) serveAsset(w *recorder, r *http.Request, name string) error {
	if err := allow(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	a := p.assets[name]
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Etag", a.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), a.tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	writeBody(w, r, a.kind, http.StatusOK, a.body)
	return nil
}
