package grid

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tahoe/internal/base32"
)

// Limits of an announcement; strangers write them.
const (
	maxID    = 256
	maxText  = 1024
	maxURL   = 4096
	maxNURLs = 64
	maxSeed  = 512
)

// ParseStatic reads the "storage" table of servers.yaml: for each server its "ann", as an introducer would announce it,
// and its "connections". It returns the servers that it understood, by their IDs, and an error that names the others.
func ParseStatic(table map[string]any) ([]Announcement, error) {
	var out []Announcement
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(table)) {
		a, err := parseEntry(ServerID(id), table[id])
		if err != nil {
			errs = append(errs, fmt.Errorf("server %q: %w", clean(id), err))
			continue
		}
		out = append(out, a)
	}
	return out, errors.Join(errs...)
}

func parseEntry(id ServerID, entry any) (Announcement, error) {
	e, ok := entry.(map[string]any)
	if !ok {
		return Announcement{}, errors.New(`its entry is not a table with the key "ann"`)
	}
	ann, ok := e["ann"].(map[string]any)
	if !ok {
		return Announcement{}, errors.New(`"ann" is missing or not a table`)
	}
	a, err := ParseAnnouncement(id, ann)
	if err != nil {
		return Announcement{}, err
	}
	a.Connections, err = parseConnections(e["connections"])
	return a, err
}

func parseConnections(v any) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	table, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New(`"connections" is not a table`)
	}
	out := make(map[string]string, len(table))
	for k, v := range table {
		switch s, _ := v.(string); s {
		case "tcp", "tor", "disabled":
			out[k] = s
		default:
			return nil, fmt.Errorf(`"connections": %q must be tcp, tor or disabled`, clean(k))
		}
	}
	return out, nil
}

// ParseAnnouncement reads the announcement of a storage server: the table that an introducer sends, and that servers.yaml
// has under "ann". Keys that it does not know are left alone. Its errors name the key, and quote no FURL or NURL.
func ParseAnnouncement(id ServerID, ann map[string]any) (Announcement, error) {
	a := Announcement{ID: id}
	p := parser{ann: ann}
	if service := p.text("service-name", maxText); service != "" && service != "storage" {
		p.fail("service-name", "is not storage")
	}
	a.Nickname = p.text("nickname", maxText)
	a.Application = p.text("my-version", maxText)
	a.FURL = p.text("anonymous-storage-FURL", maxURL)
	a.NURLs = p.texts("anonymous-storage-NURLs", maxNURLs, maxURL)
	a.Seed = p.seed("permutation-seed-base32")
	a.Certificates = p.certificates("grid-manager-certificates")
	if p.err != nil {
		return Announcement{}, p.err
	}
	return a, a.check()
}

// check is what any announcement must fulfil, wherever it came from.
func (a *Announcement) check() error {
	if a.ID == "" || len(a.ID) > maxID {
		return fmt.Errorf("server identifier of %d bytes: 1 to %d are allowed", len(a.ID), maxID)
	}
	if _, err := a.TubID(); err != nil {
		return err
	}
	for i, n := range a.NURLs {
		if !strings.HasPrefix(n, "pb://") && !strings.HasPrefix(n, "pb+tor://") {
			return fmt.Errorf(`"anonymous-storage-NURLs": entry %d does not begin with pb:// or pb+tor://`, i+1)
		}
	}
	_, err := a.PermutationSeed()
	return err
}

// parser takes values out of a table, and keeps the first error.
type parser struct {
	ann map[string]any
	err error
}

func (p *parser) fail(key, what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%q %s", key, what)
	}
}

// text is the string under key, "" when there is none.
func (p *parser) text(key string, limit int) string {
	v := p.ann[key]
	if v == nil {
		return ""
	}
	return p.string(key, v, limit)
}

func (p *parser) string(key string, v any, limit int) string {
	s, ok := v.(string)
	switch {
	case !ok:
		p.fail(key, "is not text: put it in quotes")
	case len(s) > limit:
		p.fail(key, fmt.Sprintf("is longer than %d bytes", limit))
	default:
		return s
	}
	return ""
}

func (p *parser) texts(key string, count, limit int) []string {
	v := p.ann[key]
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	switch {
	case !ok:
		p.fail(key, "is not a list")
		return nil
	case len(list) > count:
		p.fail(key, fmt.Sprintf("has more than %d entries", count))
		return nil
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = p.string(key, v, limit)
	}
	return out
}

// seed is the permutation seed under key, nil when there is none. Servers announce the base32 of the base32 text of
// their public key, 52 bytes; old ones their Tub's 20.
func (p *parser) seed(key string) []byte {
	if p.ann[key] == nil {
		return nil
	}
	b, err := base32.Decode(p.text(key, maxSeed))
	if err != nil {
		p.fail(key, "is not base32: "+err.Error())
		return nil
	}
	return b
}
