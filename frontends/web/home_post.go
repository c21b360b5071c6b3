package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tahoe/frontends/vfs"
	"tahoe/lafs"
)

// homePost changes what is in a directory of an account. The words are those of the web API; a directory is named by its path.
func (s *Server) homePost(w *recorder, r *http.Request, rt route, v *visit) error {
	return s.servePosted(w, r, rt, func(p *post) error {
		if p.operation() == "share" {
			return s.postShare(p, v)
		}
		return p.done(v.post(p))
	})
}

// post does what a request asks for, and returns what there is to answer.
func (v *visit) post(p *post) (string, error) {
	switch op := p.operation(); op {
	case "upload":
		return "stored", v.postUpload(p)
	case "mkdir":
		name, err := p.homeName("name")
		if err != nil {
			return "", err
		}
		return "made", v.view.Mkdir(p.r.Context(), putIn(p.rt.names, name))
	case "unlink", "delete":
		return v.postUnlink(p)
	case "undelete":
		return "put back", v.putBack(p.r.Context(), p.get("id"))
	case "rename", "relink", "copy":
		return "done", v.postMove(p)
	default:
		return "", badRequest("POST to a directory with bad t=%s", short(op))
	}
}

// homeName reads an argument that is the name of an entry.
func (p *post) homeName(arg string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(p.get(arg)))
	if notNameAtHome(name) {
		return "", badRequest("%s= is no name of a file: names are neither empty nor dots, and have no slash in them", arg)
	}
	return name, nil
}

func (v *visit) postUpload(p *post) error {
	if p.form.file == nil {
		return badRequest("t=upload needs a body of type multipart/form-data with a field named file")
	}
	if !p.has("name") {
		p.form.fields["name"] = path.Base("/" + strings.ReplaceAll(p.form.fileName, `\`, "/")) // without folders, where a browser sends them
	}
	name, err := p.homeName("name")
	if err != nil {
		return err
	}
	flags, err := p.creation()
	if err != nil {
		return err
	}
	return v.store(p.r.Context(), putIn(p.rt.names, name), flags, p.form.source())
}

// postMove moves or copies an entry, to another name or another directory.
func (v *visit) postMove(p *post) error {
	replace, err := p.replace("replace")
	if err != nil {
		return err
	}
	from, err := p.homeName("from_name")
	if err != nil {
		return err
	}
	to := from
	if p.has("to_name") {
		if to, err = p.homeName("to_name"); err != nil {
			return err
		}
	}
	target := homePath(p.rt.names)
	if dir := strings.TrimSpace(p.get("to_dir")); dir != "" {
		target = path.Clean("/" + dir)
	}
	source, target := putIn(p.rt.names, from), path.Join(target, to)
	if p.operation() == "copy" {
		return v.copyTree(p.r.Context(), source, target)
	}
	return v.view.Rename(p.r.Context(), source, target, replace != lafs.ReplaceNever)
}

// maxCopied is how many entries one request copies: among them may be a directory that is within itself.
const maxCopied = 10_000

// copyTree makes copies. Those of files are second links to the same contents, which take no room; directories are made anew.
func (v *visit) copyTree(ctx context.Context, from, to string) error {
	if to == from || strings.HasPrefix(to, from+"/") {
		return badRequest("nothing can be copied onto itself or into itself")
	}
	left := maxCopied
	return v.copyInto(ctx, from, to, &left)
}

func (v *visit) copyInto(ctx context.Context, from, to string, left *int) error {
	if *left--; *left < 0 {
		return badRequest("there is too much in it: %d entries have been copied, and no more are at once", maxCopied)
	}
	i, err := v.view.Stat(ctx, from)
	if err != nil {
		return err
	}
	if !i.IsDir() {
		return v.view.Link(ctx, from, to, false)
	}
	if err := v.view.Mkdir(ctx, to); err != nil {
		return err
	}
	entries, err := v.view.List(ctx, from)
	if err != nil {
		return err
	}
	for e := range entries {
		if err := v.copyInto(ctx, from+"/"+e.Name(), to+"/"+e.Name(), left); err != nil {
			return err
		}
	}
	return nil
}

// A removal is something that was taken out of a directory of an account.
type removal struct {
	id  string // says nothing outside of the session
	dir string
	was *vfs.Removed
}

// maxRemoved is how many removals a session remembers.
const maxRemoved = 256

// postUnlink takes an entry away. The answer is what puts it back, and empty when nothing does.
func (v *visit) postUnlink(p *post) (string, error) {
	name, err := p.homeName("name")
	if err != nil {
		return "", err
	}
	was, err := v.view.Take(p.r.Context(), putIn(p.rt.names, name))
	if err != nil || was == nil {
		return "", err
	}
	r := removal{rand.Text(), homePath(p.rt.names), was}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.removed = slices.Insert(v.removed, 0, r)
	v.removed = v.removed[:min(len(v.removed), maxRemoved)]
	return r.id, nil
}

func (v *visit) putBack(ctx context.Context, id string) error {
	r, ok := v.removal(id)
	if !ok {
		return problem{status: http.StatusNotFound, text: "it cannot be put back any more: this is possible for a while, by the session that deleted it"}
	}
	if err := v.view.PutBack(ctx, r.was); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.removed = slices.DeleteFunc(v.removed, func(r removal) bool { return r.id == id })
	return nil
}

func (v *visit) removal(id string) (removal, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := slices.IndexFunc(v.removed, func(r removal) bool { return r.id == id })
	if k < 0 {
		return removal{}, false
	}
	return v.removed[k], true
}

// removedFrom lists what was taken out of a directory last.
func (v *visit) removedFrom(dir string) []removedRow {
	const shown = 10
	v.mu.Lock()
	defer v.mu.Unlock()
	var rows []removedRow
	for _, r := range v.removed {
		if r.dir == dir && len(rows) < shown {
			rows = append(rows, removedRow{r.id, r.was.Name()})
		}
	}
	return rows
}
