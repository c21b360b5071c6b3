package config

import (
	"fmt"
	"strings"
)

// An Error says what is wrong with a configuration file, where, and what to do, in one sentence.
type Error struct {
	File    string
	Line    int    // from 1 on; 0 when it is about no line
	Section string // with or without a key
	Key     string
	Problem string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, " line %d", e.Line)
	}
	if e.Section != "" || e.Key != "" {
		b.WriteByte(':')
	}
	if e.Section != "" {
		fmt.Fprintf(&b, " [%s]", shorten(e.Section))
	}
	if e.Key != "" {
		fmt.Fprintf(&b, " %s", shorten(e.Key))
	}
	return b.String() + " " + e.Problem
}

func (f *File) errorAt(i int, problem string) error {
	return &Error{File: f.name, Line: i + 1, Problem: problem}
}

// errorOn is an error about a key, with the line on which it is set.
func (f *File) errorOn(section, key, problem string) error {
	return &Error{File: f.name, Line: f.Line(section, key), Section: section, Key: key, Problem: problem}
}
