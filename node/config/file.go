package config

import (
	"errors"
	"slices"
	"strings"
)

// Bytes is the text of the file.
func (f *File) Bytes() []byte {
	text := strings.Join(f.lines, "")
	if f.bom {
		text = byteOrderMark + text
	}
	return []byte(text)
}

// Keys are the keys of a section, in lower case, those of DEFAULT behind its own.
func (f *File) Keys(name string) []string {
	s := f.section(name)
	if s == nil {
		return nil
	}
	var keys []string
	for _, o := range slices.Concat(s.options, f.defaults.options) {
		if !slices.Contains(keys, o.key) {
			keys = append(keys, o.key)
		}
	}
	return keys
}

// lookup finds an option as its section shows it.
func (f *File) lookup(name, key string) (*section, *option) {
	s := f.section(name)
	if s == nil {
		return nil, nil
	}
	key = strings.ToLower(key)
	if o := s.find(key); o != nil {
		return s, o
	}
	return s, f.defaults.find(key)
}

// Get returns the value of a key. It is not found when the section or the key is not there.
func (f *File) Get(name, key string) (value string, found bool, err error) {
	s, o := f.lookup(name, key)
	if o == nil {
		return "", false, nil
	}
	value, err = f.interpolate(s, o.raw)
	if err != nil {
		return "", true, &Error{File: f.name, Line: o.line + 1, Section: name, Key: o.key, Problem: err.Error()}
	}
	return value, true, nil
}

// Line is the number of the line on which a key is set, from 1 on; 0 when it is not set.
func (f *File) Line(name, key string) int {
	if _, o := f.lookup(name, key); o != nil {
		return o.line + 1
	}
	return 0
}

var errUnwritable = errors.New("value cannot be written into a configuration file")

// Set gives a key a value. It rewrites the lines of this key alone, or adds one line at the end of the section, or a
// section at the end of the file. A value that would not be read back as it is (it begins or ends with a blank, or has a line
// that reads as a comment) is refused, and the file stays as it was.
func (f *File) Set(name, key, value string) error {
	next := f.with(name, key, value)
	parsed, err := Parse(f.name, next.Bytes())
	if err != nil {
		return errUnwritable
	}
	if got, ok, err := parsed.Get(name, key); err != nil || !ok || got != value || !parsed.sameBut(f, name, key) {
		return errUnwritable
	}
	*f = *parsed
	return nil
}

func (f *File) with(name, key, value string) *File {
	next := &File{bom: f.bom}
	eol := f.lineEnd()
	text := strings.ReplaceAll(escape(value), "\n", eol+"\t")
	s := f.section(name)
	switch {
	case s == nil || s.line < 0:
		next.lines = slices.Concat(f.closed(len(f.lines), eol), f.blank(eol), []string{"[" + name + "]" + eol, key + " = " + text + eol})
	case s.find(strings.ToLower(key)) == nil:
		next.lines = slices.Concat(f.closed(s.end, eol), []string{key + " = " + text + eol}, f.lines[s.end:])
	default:
		o := s.find(strings.ToLower(key))
		next.lines = slices.Concat(f.lines[:o.line], []string{restate(f.lines[o.line], text, eol)}, f.lines[o.end:])
	}
	return next
}

// restate puts another value on a "key = value" line, and keeps the rest of it.
func restate(line, text, eol string) string {
	at := strings.IndexAny(line, "=:") + 1
	gap := " "
	if rest := line[at:]; strings.TrimFunc(rest, isSpace) != "" {
		gap = rest[:len(rest)-len(strings.TrimLeftFunc(rest, isSpace))]
	}
	return line[:at] + gap + text + eol
}

// closed is the first n lines, the last of them with a line end.
func (f *File) closed(n int, eol string) []string {
	lines := slices.Clone(f.lines[:n])
	if n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += eol
	}
	return lines
}

// blank is an empty line, unless the file ends in one or is empty.
func (f *File) blank(eol string) []string {
	if n := len(f.lines); n == 0 || strings.TrimFunc(f.lines[n-1], isSpace) == "" {
		return nil
	}
	return []string{eol}
}

func (f *File) lineEnd() string {
	if len(f.lines) > 0 && strings.HasSuffix(f.lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// sameBut says whether two files mean the same, leaving one key of one section aside.
func (f *File) sameBut(g *File, name, key string) bool {
	key = strings.ToLower(key)
	for _, pair := range [][2]*File{{f, g}, {g, f}} {
		for _, s := range append(slices.Clone(pair[0].sections), pair[0].defaults) {
			other := pair[1].section(s.name)
			for _, o := range s.options {
				if s.name == name && o.key == key {
					continue
				}
				if other == nil || other.find(o.key) == nil || other.find(o.key).raw != o.raw {
					return false
				}
			}
		}
	}
	return true
}
