package dirnode

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tahoe/internal/netstring"
)

// A Draft is a table with changes that are not written yet. Edits are applied to it, one after the other.
type Draft struct {
	base    *Table
	changed map[string][]byte // entries by name; nil for what is gone
}

// NewDraft begins with what t holds.
func NewDraft(t *Table) *Draft { return &Draft{base: t, changed: map[string][]byte{}} }

// An Edit is one change of a directory.
type Edit interface {
	// Apply changes d, or returns an error and leaves d as it is. It is called again, with a draft of fresh contents, when
	// another writer was faster: an edit knows what it did the time before, in case it had come through after all.
	Apply(d *Draft) error
}

// get is the entry of a normalised name, or nil.
func (d *Draft) get(name string) []byte {
	if raw, ok := d.changed[name]; ok {
		return raw
	}
	if i, ok := d.base.find(name); ok {
		return d.base.rows[i].raw
	}
	return nil
}

// entry decodes the entry of a normalised name. It is false when there is none.
func (d *Draft) entry(name string) (Entry, bool) {
	raw := d.get(name)
	if raw == nil {
		return Entry{}, false
	}
	return d.base.access.decode(row{name, raw})
}

// put changes the entry of a normalised name, or takes it away when raw is nil.
func (d *Draft) put(name string, raw []byte) { d.changed[name] = raw }

// Contents are what the directory's file is to hold. They are nil and false when nothing is changed.
func (d *Draft) Contents() ([]byte, bool) {
	rows, changed := d.merge()
	if !changed {
		return nil, false
	}
	size := 0
	for _, r := range rows {
		size += netstring.Len(len(r.raw))
	}
	out := make([]byte, 0, size)
	for _, r := range rows {
		out = netstring.Append(out, r.raw)
	}
	return out, true
}

// merge brings what was there and what is changed in the order of names.
func (d *Draft) merge() (rows []row, changed bool) {
	names := make([]string, 0, len(d.changed))
	for name := range d.changed {
		names = append(names, name)
	}
	slices.Sort(names)
	old := d.base.rows
	rows = make([]row, 0, len(old)+len(names))
	for _, name := range names {
		n, found := slices.BinarySearchFunc(old, name, func(r row, name string) int { return strings.Compare(r.name, name) })
		rows, old = append(rows, old[:n]...), old[n:]
		var before []byte
		if found {
			before, old = old[0].raw, old[1:]
		}
		if after := d.changed[name]; after != nil {
			rows = append(rows, row{name, after})
		}
		changed = changed || string(before) != string(d.changed[name])
	}
	return append(rows, old...), changed
}

// normal checks and normalises a name.
func normal(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", &ChildError{name, err}
	}
	return norm.NFC.String(name), nil
}
