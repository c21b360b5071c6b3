package dirnode

import (
	"bytes"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Apply implements Edit.
func (s *Set) Apply(d *Draft) error {
	existed := make([]bool, len(s.Children))
	made := make(map[string][]byte, len(s.Children))
	for i, n := range s.Children {
		name, raw, there, err := s.link(d, n)
		if err != nil {
			return err
		}
		made[name], existed[i] = raw, there
	}
	if s.made == nil {
		s.Existed = existed // what the first attempt found; later ones may find what it left
	}
	s.made = made
	for name, raw := range made {
		d.put(name, raw)
	}
	return nil
}

// link makes the entry of one child.
func (s *Set) link(d *Draft, n NewChild) (name string, raw []byte, existed bool, err error) {
	a := d.base.access
	name, c, given, err := a.admit(n)
	if err != nil {
		return "", nil, false, err
	}
	if mine, ok := s.made[name]; ok && bytes.Equal(mine, d.get(name)) {
		return name, mine, true, nil
	}
	old, there := d.entry(name)
	if err := s.Replace.allows(old, there); err != nil {
		return "", nil, false, err
	}
	raw, err = d.linked(name, c, given, s.At)
	return name, raw, there, err
}

// linked makes an entry that takes the place of the one by its name, if there is one.
func (d *Draft) linked(name string, c Child, given *Metadata, at time.Time) ([]byte, error) {
	var before *Metadata
	if old, ok := d.entry(name); ok {
		before = &old.Metadata
	}
	m := touched(before, given, at)
	if m.NoWrite() {
		var err error
		if c, err = d.base.access.fit(c.ReadOnly()); err != nil {
			return nil, &ChildError{name, err}
		}
	}
	return d.base.access.encode(name, c, m), nil
}

// allows says whether what is there may be replaced.
func (r Replace) allows(old Entry, there bool) error {
	directory := old.Kind() == Directory
	if there && (r == ReplaceNever || r == ReplaceOnlyFiles && directory) {
		return &ChildExistsError{old.Name, directory}
	}
	return nil
}

// Apply implements Edit.
func (u *Unlink) Apply(d *Draft) error {
	name := norm.NFC.String(u.Name)
	e, ok := d.entry(name)
	if u.Same != nil && (!ok || e.Child != *u.Same) {
		return nil
	}
	if !ok {
		if u.done {
			return nil // by the attempt before, or by whoever was faster
		}
		return &NoChildError{name}
	}
	switch k := e.Kind(); {
	case u.Only == Directory && k == File:
		return &ChildError{name, ErrNotDirectory}
	case u.Only == File && k == Directory:
		return &ChildError{name, ErrIsDirectory}
	}
	u.Removed, u.done = e, true
	d.put(name, nil)
	return nil
}

// Apply implements Edit.
func (r *Rename) Apply(d *Draft) error {
	to, err := normal(r.To)
	if err != nil {
		return err
	}
	from := norm.NFC.String(r.From)
	if from == to {
		return nil
	}
	e, ok := d.entry(from)
	if !ok {
		if r.made != nil && bytes.Equal(r.made, d.get(to)) {
			return nil // the attempt before came through
		}
		return &NoChildError{from}
	}
	if err := r.Replace.allows(d.entry(to)); err != nil {
		return err
	}
	raw, err := d.linked(to, e.Child, &e.Metadata, r.At)
	if err != nil {
		return err
	}
	r.made = raw
	d.put(to, raw)
	d.put(from, nil)
	return nil
}

// Apply implements Edit.
func (s *SetMetadata) Apply(d *Draft) error {
	name := norm.NFC.String(s.Name)
	e, ok := d.entry(name)
	if !ok {
		return &NoChildError{name}
	}
	given, err := ParseMetadata(s.Metadata)
	if err != nil {
		return &ChildError{name, err}
	}
	raw, err := d.linked(name, e.Child, &given, s.At)
	if err != nil {
		return err
	}
	d.put(name, raw)
	return nil
}
