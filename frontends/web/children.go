package web

import (
	"encoding/json"
	"errors"
	"io"

	"tahoe/caps"
	"tahoe/frontends/serve"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// maxChildren bounds the JSON of children: it has room for more than a directory can hold.
const maxChildren = 2 * lafs.MaxDirectory

// readChildren reads the children in the body of a request. They are decoded one after the other. An empty body has none.
func (s *Server) readChildren(p *post) ([]lafs.NewChild, error) {
	if p.form.raw == nil {
		return nil, badRequest("t=%s needs its children as JSON in the body, and t= in the address", p.operation())
	}
	src := body{serve.NewBody(p.w, p.form.raw, s.c.Stall)}
	limited := &io.LimitedReader{R: src, N: maxChildren + 1}
	children, err := decodeChildren(json.NewDecoder(limited))
	if limited.N <= 0 {
		err = lafs.ErrTooLarge
	}
	if err := src.blame(err, s.c.Stall); err != nil {
		return nil, err
	}
	return children, nil
}

var errNotChildren = badRequest(`the body is not a JSON object of children: {"NAME": ["filenode", {"ro_uri": "URI:…"}], …}`)

func decodeChildren(dec *json.Decoder) ([]lafs.NewChild, error) {
	t, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil || t != json.Delim('{') {
		return nil, errNotChildren
	}
	var children []lafs.NewChild
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNotChildren
		}
		text, _ := name.(string)
		c, err := decodeChild(dec, text)
		if err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotChildren
	}
	return children, nil
}

func decodeChild(dec *json.Decoder, name string) (lafs.NewChild, error) {
	var c wapi.NewChild
	if err := dec.Decode(&c); err != nil {
		return lafs.NewChild{}, badRequest(`child '%s' is not of the form ["filenode", {"ro_uri": "URI:…"}]`, short(name))
	}
	child, err := childOf(c)
	if err != nil {
		return lafs.NewChild{}, &lafs.ChildError{Name: name, Err: err}
	}
	metadata := c.Metadata
	if string(metadata) == "null" {
		metadata = nil
	}
	return lafs.NewChild{Name: name, Child: child, Metadata: metadata}, nil
}

// childOf reads the two capabilities of a child. Of a known kind one is enough, and the stronger one counts; of an unknown
// kind both are kept.
func childOf(c wapi.NewChild) (lafs.Child, error) {
	first := c.WriteURI
	if first == "" {
		first = c.ReadURI
	}
	if first == "" {
		return lafs.Child{}, lafs.ErrNoCapability
	}
	k, err := caps.Parse(first)
	if err != nil {
		return lafs.Child{}, err
	}
	child := lafs.ChildOf(k)
	u, unknown := k.(caps.Unknown)
	if !unknown {
		return child, nil
	}
	if c.WriteURI == "" {
		return lafs.Child{Read: u}, nil
	}
	if c.ReadURI == "" || child.Write == nil {
		return child, nil
	}
	child.Read, err = caps.Parse(c.ReadURI)
	return child, err
}

// postChildren links many children in one version of the directory.
func (s *Server) postChildren(p *post) (string, error) {
	arg := "replace"
	if !p.has(arg) {
		arg = "overwrite" // what the original's documents call it
	}
	replace, err := p.replace(arg)
	if err != nil {
		return "", err
	}
	children, err := s.readChildren(p)
	if err != nil {
		return "", err
	}
	d, err := s.directory(p)
	if err != nil {
		return "", err
	}
	t := s.history.publish(d.Cap())
	_, err = d.SetChildren(t.watch(p.r.Context()), children, replace)
	t.end(err)
	return "Okay so I did it.", err
}
