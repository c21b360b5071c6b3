package web

import (
	"encoding/json"
	"net/http"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
)

// facts are what t=json tells of a file or directory. What is not known is left out of the answer, and never null.
type facts struct {
	kind     wapi.Kind
	mutable  *bool
	format   string
	size     *int64
	write    string
	read     string
	verify   string
	metadata json.RawMessage
}

// factsOf are the facts that the capabilities of a child tell.
func factsOf(c lafs.Child) facts {
	f := facts{kind: wapi.Kind(c.Kind().String())}
	if c.Write != nil {
		f.write = c.Write.Encode()
	}
	if c.Read != nil {
		f.read = c.Read.Encode()
	}
	if f.kind == wapi.KindUnknown {
		return f
	}
	f.verify = caps.EncodeVerify(c.Cap())
	mutable := c.Mutable()
	f.mutable, f.format = &mutable, formatOf(c.Cap())
	if f.kind == wapi.KindFile {
		f.size = sizeOf(c.Cap())
	}
	return f
}

// formatOf is the format as t=json tells it: a literal counts as CHK.
func formatOf(c caps.Cap) string {
	if f := lafs.FormatOf(c); f != "" {
		return string(f)
	}
	return wapi.FormatCHK
}

// sizeOf is the size of a file, if its capability tells it.
func sizeOf(c caps.Cap) *int64 {
	var size int64
	switch c := c.(type) {
	case caps.CHK:
		size = c.Size()
	case caps.Literal:
		size = int64(len(c.Data()))
	default:
		return nil
	}
	return &size
}

// unknownMutability is what can be said of an unknown capability: one to write is of something mutable, and what can never
// change says so itself, or by where it is.
func (f *facts) unknownMutability(c lafs.Child, parent *lafs.Directory) {
	u, _ := c.Read.(caps.Unknown)
	immutable := c.Read != nil && u.Constraint() == caps.DeepImmutable || parent != nil && !parent.Mutable()
	if mutable := c.Write != nil; mutable || immutable {
		f.mutable = &mutable
	}
}

// isBare says whether nothing but the capability is known of something unknown, so that nobody can tell whether it can write.
func isBare(c lafs.Child, parent *lafs.Directory) bool {
	return parent == nil && c.Kind() == lafs.KindUnknown && c.Read == nil
}

func (p *printer) describe(f facts, child bool) {
	p.open('[')
	p.next()
	p.text(string(f.kind))
	p.next()
	p.open('{')
	if child {
		p.childMembers(f)
	} else {
		p.ownMembers(f)
	}
	p.close('}')
	p.close(']')
}

// childMembers are the members in the order that they have in the listing of a directory.
func (p *printer) childMembers(f facts) {
	p.kindMembers(f)
	p.rawMember("metadata", f.metadata)
	p.textMember("rw_uri", f.write)
	p.textMember("ro_uri", f.read)
	p.textMember("verify_uri", f.verify)
}

// ownMembers are the members in the order that they have in an answer about one file.
func (p *printer) ownMembers(f facts) {
	if f.kind != wapi.KindUnknown {
		p.kindMembers(f)
	}
	p.textMember("ro_uri", f.read)
	p.textMember("rw_uri", f.write)
	p.textMember("verify_uri", f.verify)
	if f.kind == wapi.KindUnknown {
		p.kindMembers(f)
	}
	p.rawMember("metadata", f.metadata)
}

func (p *printer) kindMembers(f facts) {
	if f.mutable != nil {
		p.key("mutable")
		p.boolean(*f.mutable)
	}
	p.textMember("format", f.format)
	if f.size != nil {
		p.key("size")
		p.number(*f.size)
	}
}

func (p *printer) textMember(key, s string) {
	if s != "" {
		p.key(key)
		p.text(s)
	}
}

func (p *printer) rawMember(key string, json json.RawMessage) {
	if json != nil {
		p.key(key)
		p.raw(json)
	}
}

// writeFacts answers t=json about a file, or about something unknown.
func writeFacts(w http.ResponseWriter, r *http.Request, f facts) {
	var p printer
	p.describe(f, false)
	p.word("\n")
	writeBody(w, r, "text/plain", http.StatusOK, p.b)
}
