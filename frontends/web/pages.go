package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"tahoe/caps"
	"tahoe/lafs/grid"
)

// pages are our own pages and what they are made of. Each does what it is for without a script.
type pages struct {
	templates *template.Template
	assets    map[string]asset
}

func parsePages() *pages {
	return &pages{template.Must(template.ParseFS(pageFiles, "pages/*.html")), readAssets()}
}

// servePage fills in a page. It may hold capabilities, so no cache keeps it.
func (s *Server) servePage(w *recorder, r *http.Request, name string, data any) error {
	return s.servePageAs(w, r, http.StatusOK, name, data)
}

func (s *Server) servePageAs(w *recorder, r *http.Request, status int, name string, data any) error {
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("fill in page: %w", err)
	}
	setPageHeaders(w.Header(), data)
	writeBody(w, r, htmlType, status, b.Bytes())
	return nil
}

type welcomeData struct {
	scripted
	Nickname, NodeID, Version string
	Encoding                  Encoding
	Outlook                   outlook
	Servers                   []serverRow
	Introducers               []introducerRow
	Waiting                   *waitingData
	Storage                   bool // the node has a storage server
	Keeper                    *keeperLine
	Login                     bool   // people can sign in
	Base                      string // address of this node, as its visitor typed it
	Helper                    bool   // the node has an upload helper
	Helped                    string // how it stands to the one that it uses
}

type serverRow struct {
	Name, ID      string
	State, Status string // a word for the style, a sentence for people
	Since         string
	LastSeen      string
	Version       string
	Available     string
	Accepts       bool
	Certificate   string // what grid managers say; empty where there are none
}

func (s *Server) welcomePage(r *http.Request, all []grid.Status) welcomeData {
	d := welcomeData{
		scripted: newScripted(),
		Nickname: s.c.Nickname,
		NodeID:   s.c.NodeID,
		Version:  s.c.Version,
		Encoding: s.c.Encoding,
		Outlook:  outlookOf(all, s.c.Encoding),
		Base:     baseOf(r),
		Storage:  s.c.Storage != nil,
		Login:    s.home != nil,
	}
	now := s.c.Clock.Now()
	for _, st := range all {
		d.Servers = append(d.Servers, rowOf(st, now))
	}
	for _, st := range s.c.Introducers() {
		d.Introducers = append(d.Introducers, introducerRowOf(st, now))
	}
	d.Waiting = s.waitingPage(now)
	d.Keeper = s.keeperLine()
	d.Helper, d.Helped = s.c.Helper != nil, s.helpedText()
	return d
}

func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func rowOf(st grid.Status, now time.Time) serverRow {
	row := serverRow{
		Name:     st.Nickname,
		ID:       string(st.ID),
		State:    stateWord(st),
		Status:   st.Text(),
		LastSeen: ago(st.LastSeen, now),
		Version:  st.Version.Application,
		Accepts:  accepts(st),
	}
	if row.Name == "" {
		row.Name = "(no nickname)"
	}
	if !st.Since.IsZero() {
		row.Since = "for " + lasting(now.Sub(st.Since))
	}
	if !st.LastSeen.IsZero() {
		row.Available = sizeText(st.Version.Available)
	}
	row.Certificate = certificateText(st.Certification, now)
	switch {
	case st.Retiring:
		row.Status += ", is to be retired"
	case st.State == grid.Connected && !row.Accepts:
		row.Status += ", takes no shares"
	}
	return row
}

// certificateText says for how long a server is certified.
func certificateText(c grid.Certification, now time.Time) string {
	switch {
	case !c.Limited:
		return ""
	case c.Expires.IsZero():
		return "no certificate: gets no shares"
	case !c.Valid:
		return "certificate ended " + ago(c.Expires, now) + ": gets no shares"
	}
	return "certified for " + lasting(c.Expires.Sub(now))
}

func stateWord(st grid.Status) string {
	switch {
	case accepts(st):
		return "good"
	case st.State == grid.Connected, st.State == grid.NeverTried:
		return "warn"
	}
	return "bad"
}

type uploadedData struct {
	scripted
	Cap, Name, Size string
	Open, Save      template.URL
}

// uploadedPage makes the links to a new file. Their elements are escaped here, colons too, which a template would take
// for the end of a scheme.
func uploadedPage(c caps.Cap, name string, size int64) uploadedData {
	text := escapeCap(c.Encode())
	d := uploadedData{scripted: newScripted(), Cap: c.Encode(), Name: name, Size: sizeText(uint64(size))}
	if name == "" {
		d.Open = template.URL("/uri/" + text)
		d.Save = d.Open + "?save=true"
		return d
	}
	d.Open = template.URL("/file/" + text + "/@@named=/" + url.PathEscape(name))
	d.Save = d.Open + "?save=true"
	return d
}

// sizeText is a size for people, in powers of a thousand.
func sizeText(n uint64) string {
	f, unit := float64(n), 0
	for f >= 999.5 && unit < 6 {
		f, unit = f/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	digits := 0
	if f < 99.5 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %cB", digits, f, "kMGTPE"[unit-1])
}

// ago is a time in the past for people.
func ago(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < 2*time.Second:
		return "now"
	}
	return lasting(now.Sub(t)) + " ago"
}

// lasting is a length of time for people.
func lasting(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(max(0, d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
