package web

import (
	"net/http"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tahoe/caps"
	"tahoe/lafs"
)

// A post is a POST to a capability or to a name below it.
type post struct {
	w  *recorder
	r  *http.Request
	rt route
	args
	form   *form  // nil: the body is no form
	target string // where the client goes when it is done; empty: what came of it is the answer
}

// servePosted reads a form, and has act do what it asks for.
func (s *Server) servePosted(w *recorder, r *http.Request, rt route, act func(*post) error) error {
	f, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	defer f.close()
	p := &post{w: w, r: r, rt: rt, args: f.args(r), form: f}
	if p.target, err = s.whenDone(r, p.args); err != nil {
		return err
	}
	return act(p)
}

// done answers with what came of a request, or sends the client where it wants to go then.
func (p *post) done(answer string, err error) error {
	switch {
	case err != nil:
		return err
	case p.target != "":
		return redirect(p.w, p.r, p.target)
	}
	writeText(p.w, p.r, answer)
	return nil
}

// servePost answers POST to a capability and to names below it.
func (s *Server) servePost(w *recorder, r *http.Request, rt route) error {
	return s.servePosted(w, r, rt, s.postToCap)
}

func (s *Server) postToCap(p *post) error {
	switch op := p.operation(); op {
	case "stream-manifest":
		return s.streamManifest(p)
	case "start-manifest", "start-deep-size", "start-deep-stats":
		return s.startOperation(p, strings.TrimPrefix(op, "start-"))
	case "stream-deep-check":
		return s.streamDeepCheck(p)
	case "start-deep-check":
		return s.startDeepCheck(p)
	case "check":
		return s.postCheck(p)
	}
	return p.done(s.post(p))
}

// post does what a request asks for, and returns what there is to answer.
func (s *Server) post(p *post) (string, error) {
	switch op := p.operation(); op {
	case "mkdir":
		return s.postMkdir(p)
	case "mkdir-with-children":
		return s.postMkdirWithChildren(p)
	case "mkdir-immutable":
		return s.postMkdirImmutable(p)
	case "upload":
		return s.postUpload(p)
	case "uri":
		return s.postCap(p)
	case "delete", "unlink":
		return s.postUnlink(p)
	case "rename", "relink":
		return s.postMove(p)
	case "set_children", "set-children":
		return s.postChildren(p)
	default:
		return "", s.badPost(p, op)
	}
}

// badPost refuses an operation that there is not.
func (s *Server) badPost(p *post, op string) error {
	at, err := s.need(p.r, p.rt)
	switch {
	case err != nil:
		return err
	case at.is(lafs.KindDirectory):
		return badRequest("POST to a directory with bad t=%s", short(op))
	}
	return badRequest("POST to file: bad t=%s", short(op))
}

// directory is the directory that a request is for.
func (s *Server) directory(p *post) (*lafs.Directory, error) {
	at, err := s.need(p.r, p.rt)
	if err != nil {
		return nil, err
	}
	if at.is(lafs.KindUnknown) {
		return nil, badRequest("t=%s needs a directory, and this is of a kind that this version does not know", short(p.operation()))
	}
	if !at.is(lafs.KindDirectory) {
		return nil, badRequest("POST to file: bad t=%s", short(p.operation()))
	}
	return s.store.OpenDirectory(at.entry.Cap())
}

// childName reads an argument that is the name of one child. It is normalised as names in paths are.
func (a args) childName(arg string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(a.get(arg)))
	if strings.Contains(name, "/") {
		return "", badRequest("%s= may not contain a slash", arg)
	}
	return name, nil
}

// postUpload stores the file of a form.
func (s *Server) postUpload(p *post) (string, error) {
	replace, err := p.replace("replace")
	if err != nil {
		return "", err
	}
	if p.form.file == nil {
		return "", badRequest("t=upload needs a body of type multipart/form-data with a field named file")
	}
	at, err := s.uploadPlace(p)
	if err != nil {
		return "", err
	}
	if at.is(lafs.KindDirectory) {
		return "", conflict("there is a directory by that name, and an upload does not replace directories")
	}
	c, err := s.storeAt(p.r, at, p.args, replace, p.form.source())
	if err != nil {
		return "", err
	}
	return c.Encode(), nil
}

// uploadPlace is where the file of a form goes: to the place in the path, or into the directory there, under a name in the form
// or its own.
func (s *Server) uploadPlace(p *post) (*place, error) {
	at, err := s.find(p.r, p.rt)
	if err != nil || !at.is(lafs.KindDirectory) {
		return at, err
	}
	name, err := p.childName("name")
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = norm.NFC.String(strings.TrimSpace(p.form.fileName))
	}
	switch {
	case name == "":
		return nil, badRequest("upload requires a name")
	case strings.Contains(name, "/"):
		return nil, badRequest("name= may not contain a slash")
	}
	return s.find(p.r, p.rt, name)
}

// postCap links the capability uri= as name=.
func (s *Server) postCap(p *post) (string, error) {
	replace, err := p.replace("replace")
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(p.get("uri"))
	name := norm.NFC.String(p.get("name"))
	switch {
	case text == "":
		return "", badRequest("set-uri requires a uri")
	case name == "":
		return "", badRequest("set-uri requires a name")
	}
	c, err := caps.Parse(text)
	if err != nil {
		return "", err
	}
	d, err := s.directory(p)
	if err != nil {
		return "", err
	}
	t := s.history.publish(d.Cap())
	_, err = d.Set(t.watch(p.r.Context()), lafs.NewChild{Name: name, Child: lafs.ChildOf(c)}, replace)
	t.end(err)
	return c.Encode(), err
}

// postUnlink takes the entry name= away. Forms leave out a field that is empty, so without it the name is empty too.
func (s *Server) postUnlink(p *post) (string, error) {
	d, err := s.directory(p)
	if err != nil {
		return "", err
	}
	_, err = s.unlink(p.r.Context(), d, norm.NFC.String(p.get("name")))
	return "thing unlinked", err
}

// postMove renames a child, or moves it to another directory.
func (s *Server) postMove(p *post) (string, error) {
	replace, err := p.replace("replace")
	if err != nil {
		return "", err
	}
	from, to, err := p.moveNames()
	if err != nil {
		return "", err
	}
	d, err := s.directory(p)
	if err != nil {
		return "", err
	}
	target := d
	if p.get("to_dir") != "" {
		if target, err = s.targetDirectory(p); err != nil {
			return "", err
		}
	}
	t := s.history.publish(target.Cap())
	err = s.store.Move(t.watch(p.r.Context()), d, from, target, to, replace)
	t.end(err)
	return "thing moved", err
}

// moveNames reads the names of a move: t=rename needs both and takes no other directory.
func (p *post) moveNames() (from, to string, err error) {
	if p.operation() == "rename" && p.has("to_dir") {
		return "", "", badRequest("to_dir= is not valid for rename")
	}
	if !p.has("from_name") {
		return "", "", badRequest("from_name= is required")
	}
	if from, err = p.childName("from_name"); err != nil {
		return "", "", err
	}
	if !p.has("to_name") {
		if p.operation() == "rename" {
			return "", "", badRequest("to_name= is required for rename")
		}
		return from, from, nil
	}
	to, err = p.childName("to_name")
	return from, to, err
}

// targetDirectory reads to_dir=: a capability, and names below it.
func (s *Server) targetDirectory(p *post) (*lafs.Directory, error) {
	text, path, below := strings.Cut(strings.TrimSpace(p.get("to_dir")), "/")
	none := badRequest("to_dir is not a directory")
	root, err := caps.Parse(text)
	if err != nil || !caps.IsDirectory(root) {
		return nil, none
	}
	var names []string
	if below {
		names = strings.Split(norm.NFC.String(strings.TrimSuffix(path, "/")), "/")
	}
	e, err := s.store.Lookup(p.r.Context(), root, names)
	if err != nil {
		return nil, err
	}
	if e.Kind() != lafs.KindDirectory {
		return nil, none
	}
	return s.store.OpenDirectory(e.Cap())
}
