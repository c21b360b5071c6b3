package config

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxDepth = 10      // of references within references, configparser's own limit
	maxValue = 1 << 16 // bytes of a value: references that double each other would grow without end
)

// interpolate replaces %% by % and %(name)s by the value of that key in the section or in DEFAULT.
func (f *File) interpolate(s *section, raw string) (string, error) {
	var b strings.Builder
	if err := f.expand(&b, s, raw, 1); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (f *File) expand(b *strings.Builder, s *section, rest string, depth int) error {
	if depth > maxDepth {
		return errors.New("has %(…)s references more than ten deep, or in a circle")
	}
	for {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if b.Len() > maxValue {
			return errors.New("is longer than 64 KiB")
		}
		if !found {
			return nil
		}
		var err error
		if rest, err = f.reference(b, s, after, depth); err != nil {
			return err
		}
	}
}

// reference expands what follows a percent sign, and returns what follows it.
func (f *File) reference(b *strings.Builder, s *section, text string, depth int) (rest string, err error) {
	if rest, ok := strings.CutPrefix(text, "%"); ok {
		b.WriteByte('%')
		return rest, nil
	}
	name, rest, ok := strings.Cut(strings.TrimPrefix(text, "("), ")")
	if !strings.HasPrefix(text, "(") || !ok || name == "" || !strings.HasPrefix(rest, "s") {
		return "", errors.New("holds a single %; write %% for a percent sign")
	}
	o := s.find(strings.ToLower(name))
	if o == nil {
		o = f.defaults.find(strings.ToLower(name))
	}
	if o == nil {
		return "", fmt.Errorf("refers to %%(%s)s, which is not a key of this section", shorten(name))
	}
	if !strings.Contains(o.raw, "%") { // as deep as the limit still counts
		b.WriteString(o.raw)
		return rest[1:], nil
	}
	return rest[1:], f.expand(b, s, o.raw, depth+1)
}

// escape is the inverse of interpolate.
func escape(value string) string { return strings.ReplaceAll(value, "%", "%%") }

func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
