package webdav

import (
	"context"
	"encoding/xml"
	"html"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"tahoe/frontends/vfs"
)

// described is what the library is told of a file.
type described struct{ vfs.Info }

var _ os.FileInfo = described{}

// ModTime of what nobody told of is the beginning of time, which clients can read.
func (d described) ModTime() time.Time {
	if t := d.Info.ModTime(); !t.IsZero() {
		return t
	}
	return time.Unix(0, 0)
}

// ETag implements webdav.ETager.
func (d described) ETag(context.Context) (string, error) { return etagOf(d.Info), nil }

// etagOf is strong for what cannot change, and weak for what is on its way or can.
func etagOf(i vfs.Info) string {
	if t := i.Tag(); t != "" {
		return `"` + t + `"`
	}
	return `W/` + passingTag(i)
}

// passingTag is what a file has while it is on its way to the grid.
func passingTag(i vfs.Info) string {
	return `"` + strconv.FormatInt(i.ModTime().UnixMicro(), 36) + "-" + strconv.FormatInt(i.Size(), 36) + `"`
}

// hasTag says whether a client that knows a file by a tag knows this one. The tag that it was given when it sent the file holds when the
// file has come to the grid, too.
func hasTag(i vfs.Info, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	return tag == strings.TrimPrefix(etagOf(i), "W/") || tag == passingTag(i)
}

// ContentType implements webdav.ContentTyper, from the name alone: a listing does not read files.
func (d described) ContentType(context.Context) (string, error) {
	if t := mime.TypeByExtension(path.Ext(d.Name())); t != "" {
		return t, nil
	}
	return "application/octet-stream", nil
}

var (
	quotaFree      = xml.Name{Space: "DAV:", Local: "quota-available-bytes"}
	quotaUsed      = xml.Name{Space: "DAV:", Local: "quota-used-bytes"}
	creationDate   = xml.Name{Space: "DAV:", Local: "creationdate"}
	lockDiscovery  = xml.Name{Space: "DAV:", Local: "lockdiscovery"}
	lastModified   = xml.Name{Space: "DAV:", Local: "lastmodified"} // ownCloud's and Nextcloud's
	windows        = "urn:schemas-microsoft-com:"
	windowsChanged = xml.Name{Space: windows, Local: "Win32LastModifiedTime"}
)

// DeadProps implements webdav.DeadPropsHolder: these are the properties that the library does not make itself.
func (f *file) DeadProps() (map[xml.Name]webdav.Property, error) {
	all := make(map[xml.Name]webdav.Property)
	set := func(name xml.Name, inner string) {
		all[name] = webdav.Property{XMLName: name, InnerXML: []byte(inner)}
	}
	if t := f.info.Created(); !t.IsZero() {
		set(creationDate, t.UTC().Format(time.RFC3339))
	}
	set(lockDiscovery, f.server.locks.discover(f.view.Account(), f.name))
	if !f.quota || !f.info.IsDir() {
		return all, nil
	}
	s, err := f.spaceLeft(f.ctx)
	if err != nil {
		return nil, err
	}
	if s.Total > 0 {
		set(quotaFree, strconv.FormatInt(s.Free, 10))
		set(quotaUsed, strconv.FormatInt(max(0, s.Total-s.Free), 10))
	}
	return all, nil
}

// spaceLeft asks once in a request.
func (q *request) spaceLeft(ctx context.Context) (vfs.Space, error) {
	if q.space == nil {
		s, err := q.view.Statfs(ctx)
		if err != nil {
			return s, err
		}
		q.space = &s
	}
	return *q.space, nil
}

// Patch implements webdav.DeadPropsHolder. The time of a file can be set; what Windows sets beside is taken and forgotten. Other properties
// are refused: there is no place to keep them.
func (f *file) Patch(patches []webdav.Proppatch) ([]webdav.Propstat, error) {
	var good, bad []webdav.Property
	var when *time.Time
	for _, p := range patches {
		for _, prop := range p.Props {
			t, ok := setting(p.Remove, prop)
			if !ok {
				bad = append(bad, webdav.Property{XMLName: prop.XMLName})
				continue
			}
			good = append(good, webdav.Property{XMLName: prop.XMLName})
			if t != nil {
				when = t
			}
		}
	}
	if len(bad) > 0 {
		all := []webdav.Propstat{{Status: http.StatusForbidden, Props: bad}}
		if len(good) > 0 {
			all = append(all, webdav.Propstat{Status: webdav.StatusFailedDependency, Props: good})
		}
		return all, nil
	}
	if when != nil {
		if err := f.view.SetAttr(f.ctx, f.name, vfs.Attr{ModTime: when}); err != nil {
			status := statusOf(f.request, err)
			if status == 0 {
				return nil, err
			}
			return []webdav.Propstat{{Status: status, Props: good}}, nil
		}
	}
	return []webdav.Propstat{{Status: http.StatusOK, Props: good}}, nil
}

// setting reads a property that may be set; the time is nil for one that is of no interest.
func setting(remove bool, p webdav.Property) (*time.Time, bool) {
	text := strings.TrimSpace(html.UnescapeString(string(p.InnerXML)))
	switch {
	case remove:
		return nil, false
	case p.XMLName == windowsChanged, p.XMLName == lastModified:
		t, ok := parseTime(text)
		return &t, ok
	case p.XMLName.Space == windows && strings.HasPrefix(p.XMLName.Local, "Win32"):
		return nil, true
	}
	return nil, false
}

// parseTime reads a date of HTTP, or seconds since 1970.
func parseTime(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < 1<<40 {
		return time.UnixMicro(int64(seconds * 1e6)), true
	}
	if t, err := http.ParseTime(s); err == nil {
		return t, true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}
