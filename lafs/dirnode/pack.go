package dirnode

import (
	"cmp"

	"tahoe/caps"
	"tahoe/internal/netstring"
)

// Pack makes the contents of a new directory, whose capability, or that of its file, is c: a caps.MutableWrite, or nil for an
// immutable directory. Children have the metadata that is given, and no times are noted. A child that may not be in the
// directory is a *ChildError. Of those with one name the last counts.
func Pack(children []NewChild, c caps.Read) ([]byte, error) {
	a := accessOf(c)
	rows := make([]row, 0, len(children))
	for _, n := range children {
		r, err := a.pack(n)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	t := Table{rows: rows}
	t.sort()
	var out []byte
	for _, r := range t.rows {
		out = netstring.Append(out, r.raw)
	}
	return out, nil
}

func (a access) pack(n NewChild) (row, error) {
	name, c, m, err := a.admit(n)
	if err != nil {
		return row{}, err
	}
	return row{name, a.encode(name, c, *cmp.Or(m, &Metadata{}))}, nil
}

// admit checks what is to be linked. The metadata is nil when none is given.
func (a access) admit(n NewChild) (name string, c Child, m *Metadata, err error) {
	if name, err = normal(n.Name); err != nil {
		return "", Child{}, nil, err
	}
	if c, err = a.fit(n.Child); err != nil {
		return "", Child{}, nil, &ChildError{name, err}
	}
	if n.Metadata != nil {
		given, err := ParseMetadata(n.Metadata)
		if err != nil {
			return "", Child{}, nil, &ChildError{name, err}
		}
		m = &given
	}
	return name, c, m, nil
}
