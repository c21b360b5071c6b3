package dirnode

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tahoe/caps"
	"tahoe/internal/netstring"
)

// A Table is the contents of a directory, as a capability allows to see them. It never changes, and may be used by several
// goroutines at once. Entries are decoded when they are asked for.
type Table struct {
	access access
	rows   []row // in the order of their names, each name once
	size   int
}

// A row is an entry as the contents hold it.
type row struct {
	name string // normalised
	raw  []byte // the four netstrings
}

// Parse reads the contents of the directory that c is the capability of, or of its file. The table keeps contents, which
// must not change any more. Entries are checked for their form, and in no other way: see All.
func Parse(contents []byte, c caps.Read) (*Table, error) {
	t := &Table{access: accessOf(c), size: len(contents)}
	for rest := contents; len(rest) > 0; {
		raw, after, err := netstring.Next(rest)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrMalformed, len(t.rows)+1, err)
		}
		r, err := t.access.row(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrMalformed, len(t.rows)+1, err)
		}
		t.rows, rest = append(t.rows, r), after
	}
	t.sort()
	return t, nil
}

// row reads the name of an entry, and checks the form of the rest.
func (a access) row(raw []byte) (row, error) {
	f, err := split(raw)
	if err != nil {
		return row{}, err
	}
	if a.immutable && len(f.write) > 0 {
		return row{}, fmt.Errorf("an immutable directory holds a capability to write")
	}
	if !utf8.Valid(f.name) {
		return row{}, fmt.Errorf("the name is not UTF-8")
	}
	return row{string(norm.NFC.Bytes(f.name)), raw}, nil
}

// sort brings the rows in order, as writers do. Of those with one name the last counts.
func (t *Table) sort() {
	byName := func(a, b row) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(t.rows, byName) {
		slices.SortStableFunc(t.rows, byName)
	}
	slices.Reverse(t.rows)
	t.rows = slices.CompactFunc(t.rows, func(a, b row) bool { return a.name == b.name })
	slices.Reverse(t.rows)
}

// fields are the four parts of an entry.
type fields struct{ name, read, write, metadata []byte }

func split(raw []byte) (f fields, err error) {
	for _, part := range []*[]byte{&f.name, &f.read, &f.write, &f.metadata} {
		if *part, raw, err = netstring.Next(raw); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Format tells how many entries there are, whatever the verb: their capabilities are secrets.
func (t *Table) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "table of %d entries", t.Len()) }

// Size is the size of the contents, in bytes.
func (t *Table) Size() int { return t.size }

// Len is the number of entries, with those that All leaves out.
func (t *Table) Len() int { return len(t.rows) }

// Entry decodes an entry by its place, from 0 to Len()-1. It is false for what All leaves out.
func (t *Table) Entry(i int) (Entry, bool) { return t.access.decode(t.rows[i]) }

// All yields the entries in the order of their names. Left out are those whose capabilities break the rules: such as are
// malformed, or belong to what can change, in an immutable directory. Nobody made them who keeps to the rules.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, r := range t.rows {
			if e, ok := t.access.decode(r); ok && !yield(e) {
				return
			}
		}
	}
}

// Directories yields those entries of All that are directories, and decodes few others.
func (t *Table) Directories() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, r := range t.rows {
			f, err := split(r.raw)
			if err != nil || !bytes.HasPrefix(f.read, []byte("URI:DIR2")) {
				continue
			}
			if e, ok := t.access.decode(r); ok && e.Kind() == Directory && !yield(e) {
				return
			}
		}
	}
}

// Get decodes the entry of a name, which need not be normalised: *NoChildError when there is none.
func (t *Table) Get(name string) (Entry, error) {
	name = norm.NFC.String(name)
	if i, ok := t.find(name); ok {
		if e, ok := t.Entry(i); ok {
			return e, nil
		}
	}
	return Entry{}, &NoChildError{name}
}

func (t *Table) find(name string) (int, bool) {
	return slices.BinarySearchFunc(t.rows, name, func(r row, name string) int { return strings.Compare(r.name, name) })
}

// Pick is a table of some of the entries, by their places in ascending order. It holds nothing of t.
func (t *Table) Pick(places []int) *Table {
	p := &Table{access: t.access, rows: make([]row, 0, len(places))}
	for _, i := range places {
		r := t.rows[i]
		p.rows = append(p.rows, row{strings.Clone(r.name), bytes.Clone(r.raw)})
		p.size += netstring.Len(len(r.raw))
	}
	return p
}
