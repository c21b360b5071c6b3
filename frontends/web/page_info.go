package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
)

type infoData struct {
	scripted
	Title   string
	Name    string // in its directory; empty when a capability led here
	Facts   []fact
	Caps    []capRow
	Here    template.URL // of what this page is about, by its path
	Open    template.URL // empty when there is nothing to open
	Save    template.URL // empty when there is nothing to save
	Problem string       // why less is known than could be

	Parent    template.URL // the directory that has it; empty when it cannot be changed, or none led here
	Directory bool
	Overwrite bool
	Grid      bool   // its shares can be looked for
	Repair    bool   // and those that are lost be made again
	Index     string // of its shares
	Handle    string // of an operation that the page may start
}

// A fact is a line about a file or directory.
type fact struct{ Label, Value string }

// A capRow is a capability on the page.
type capRow struct {
	ID, Label, Text string
	Link            string        // address of what it opens; empty when it opens nothing
	Picture         template.URL  // a QR code of the link
	Drawing         template.HTML // in place of that, the code itself
}

// serveInfo answers t=info: what there is to know of a file or directory, and what can be done with it.
func (s *Server) serveInfo(w *recorder, r *http.Request, rt route, n lafs.Node, p *place) error {
	d := infoData{scripted: newScripted(), Handle: rand.Text(), Here: template.URL(addressBelow(rt.cap, p.names))}
	if !p.bare() {
		d.Name = p.name()
		if p.dir != nil && p.dir.Writeable() {
			d.Parent = template.URL(addressBelow(rt.cap, p.names[:len(p.names)-1]) + "/")
		}
	}
	d.Title = infoTitle(n, p.entry.Name)
	child := p.entry.Child
	d.Directory = child.Kind() == lafs.KindDirectory
	d.addLinks(r, child, p.entry.Name)
	d.Facts = kindFacts(child)
	if err := s.addContents(r.Context(), &d, n); err != nil {
		d.Problem = s.withMissing(problemOf(err)).text
	}
	d.addTimes(p)
	return s.servePage(w, r, "info.html", d)
}

func infoTitle(n lafs.Node, name string) string {
	if name != "" {
		return name
	}
	switch n.(type) {
	case *lafs.Directory:
		return "Directory"
	case *lafs.UnknownNode:
		return "Unknown"
	}
	return "File"
}

// addLinks adds the capabilities, the strongest first, and what they open.
func (d *infoData) addLinks(r *http.Request, c lafs.Child, name string) {
	if k := c.Cap(); k != nil {
		d.Open = template.URL(addressOf(k, name))
	}
	if c.Kind() == lafs.KindFile {
		d.Save = d.Open + "?save=true"
	}
	if c.Write != nil {
		d.Caps = append(d.Caps, capRowOf(r, "write", "To read and change it", c.Write, name))
	}
	if c.Read != nil {
		d.Caps = append(d.Caps, capRowOf(r, "read", "To read it", c.Read, name))
	}
	if v, ok := c.Verify(); ok {
		d.Caps = append(d.Caps, capRow{ID: "verify", Label: "To check it, without reading it", Text: v.Encode()})
		d.Grid, d.Repair, d.Index = true, c.Repair() != nil, v.Index().String()
	}
	d.Overwrite = c.Kind() == lafs.KindFile && c.Mutable() && c.Write != nil
}

func capRowOf(r *http.Request, id, label string, c caps.Cap, name string) capRow {
	return capRow{ID: id, Label: label, Text: c.Encode(), Link: baseOf(r) + addressOf(c, name),
		Picture: template.URL("/uri/" + escapeCap(c.Encode()) + "?t=qr&filename=" + escapeCap(name))}
}

// kindFacts are what the capability tells.
func kindFacts(c lafs.Child) []fact {
	facts := []fact{{"Kind", kindWord(c)}}
	if c.Kind() != lafs.KindUnknown {
		facts = append(facts, fact{"Format", formatOf(c.Cap())})
	}
	if i, ok := c.Index(); ok {
		facts = append(facts, fact{"Storage index", i.String()})
	}
	return facts
}

func kindWord(c lafs.Child) string {
	switch c.Kind() {
	case lafs.KindDirectory:
		return directoryWord(c)
	case lafs.KindFile:
		return fileWord(c)
	}
	return "of a kind that this version does not know"
}

// addContents tells how much there is. Of what is mutable only the grid knows it.
func (s *Server) addContents(ctx context.Context, d *infoData, n lafs.Node) error {
	switch n := n.(type) {
	case *lafs.Directory:
		l, err := s.list(ctx, n)
		if err != nil {
			return err
		}
		d.Facts = append(d.Facts, fact{"Contents", countText(l.Len())}, fact{"Size", exactSize(l.Size())})
	case *lafs.MutableFile:
		v, err := n.Stat(ctx)
		if err != nil {
			return err
		}
		d.Facts = append(d.Facts, fact{"Size", exactSize(v.Size)}, fact{"Version", fmt.Sprint(v.Seqnum)},
			fact{"Encoding", fmt.Sprintf("any %d of %d shares give it back", v.Needed, v.Total)})
	case lafs.File:
		d.Facts = append(d.Facts, fact{"Size", exactSize(n.Size())})
		if c, ok := n.Cap().(caps.CHK); ok {
			d.Facts = append(d.Facts, fact{"Encoding", fmt.Sprintf("any %d of %d shares give it back", c.Needed(), c.Total())})
		}
	}
	return nil
}

// addTimes tells when the entry was linked.
func (d *infoData) addTimes(p *place) {
	if t, ok := p.entry.Metadata.LinkCreated(); ok {
		d.Facts = append(d.Facts, fact{"Linked here", t.UTC().Format(time.DateTime) + " UTC"})
	}
	if t, ok := p.entry.Metadata.LinkModified(); ok {
		d.Facts = append(d.Facts, fact{"Link changed", t.UTC().Format(time.DateTime) + " UTC"})
	}
}

// exactSize is a size for people, and in full when that is more.
func exactSize(n int64) string {
	text := sizeText(uint64(n))
	if strings.HasSuffix(text, " B") {
		return text
	}
	return fmt.Sprintf("%s (%d bytes)", text, n)
}
