package config

import (
	"bytes"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFile is the size of the largest tahoe.cfg that is read.
const MaxFile = 1 << 20

// defaultSection is the section whose keys show through in every other one.
const defaultSection = "DEFAULT"

const byteOrderMark = "\ufeff"

// A File is a parsed tahoe.cfg. It remembers every byte of its text.
type File struct {
	name     string // for messages
	bom      bool
	lines    []string // each with its line end
	sections []*section
	defaults *section
}

type section struct {
	name    string
	line    int // index of the line of its first header
	end     int // index behind the last line of its last block that is neither blank nor a comment
	options []*option
}

type option struct {
	key   string // lower case
	raw   string // before interpolation
	line  int    // index of its first line
	end   int    // index behind its last line that is not blank
	parts []string
}

// Read parses the file at path. A file that does not exist is an empty one, as it is to the original.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a tahoe.cfg; name is what messages call it.
func Parse(name string, data []byte) (*File, error) {
	f := &File{name: name, defaults: &section{name: defaultSection, line: -1}}
	if len(data) > MaxFile {
		return nil, &Error{File: name, Problem: "is larger than 1 MiB, which is no configuration"}
	}
	data, f.bom = bytes.CutPrefix(data, []byte(byteOrderMark))
	for text := range strings.Lines(string(data)) {
		f.lines = append(f.lines, text)
	}
	p := parser{file: f}
	for i, text := range f.lines {
		if !utf8.ValidString(text) {
			return nil, f.errorAt(i, "is not UTF-8 text; save the file as UTF-8")
		}
		if err := p.line(i, text); err != nil {
			return nil, err
		}
	}
	f.join()
	return f, nil
}

// join makes the values of their lines.
func (f *File) join() {
	for _, s := range append(f.sections, f.defaults) {
		for _, o := range s.options {
			o.raw = strings.TrimRightFunc(strings.Join(o.parts, "\n"), isSpace)
		}
	}
}

// A parser is the state of configparser between two lines.
type parser struct {
	file   *File
	sect   *section
	opt    *option
	indent int
}

func (p *parser) line(i int, text string) error {
	value := strings.TrimFunc(text, isSpace)
	switch {
	case value == "":
		if p.opt != nil {
			p.opt.parts = append(p.opt.parts, "")
		}
		return nil
	case value[0] == '#' || value[0] == ';':
		return nil
	}
	indent := indentation(text)
	if p.opt != nil && indent > p.indent {
		p.opt.parts = append(p.opt.parts, value)
		p.opt.end, p.sect.end = i+1, i+1
		return nil
	}
	p.indent = indent
	if name, ok := header(value); ok {
		p.sect, p.opt = p.file.open(name, i), nil
		p.sect.end = i + 1
		return nil
	}
	return p.option(i, value)
}

func (p *parser) option(i int, value string) error {
	if p.sect == nil {
		return p.file.errorAt(i, "stands before the first [section]; put it into one")
	}
	at := strings.IndexAny(value, "=:")
	key := ""
	if at >= 0 {
		key = strings.ToLower(strings.TrimRightFunc(value[:at], isSpace))
	}
	if key == "" {
		return p.file.errorAt(i, `is neither a [section], nor "key = value", nor a comment (#)`)
	}
	p.opt = p.sect.find(key)
	if p.opt == nil {
		p.opt = &option{key: key}
		p.sect.options = append(p.sect.options, p.opt)
	}
	p.opt.parts = []string{strings.TrimFunc(value[at+1:], isSpace)}
	p.opt.line, p.opt.end, p.sect.end = i, i+1, i+1
	return nil
}

// open returns the section of that name, a new one the first time.
func (f *File) open(name string, line int) *section {
	s := f.section(name)
	switch {
	case s == nil:
		s = &section{name: name, line: line}
		f.sections = append(f.sections, s)
	case s.line < 0:
		s.line = line
	}
	return s
}

func (f *File) section(name string) *section {
	if name == defaultSection {
		return f.defaults
	}
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (s *section) find(key string) *option {
	for _, o := range s.options {
		if o.key == key {
			return o
		}
	}
	return nil
}

// header reads "[name]"; whatever follows the last bracket is ignored, as configparser does.
func header(value string) (string, bool) {
	end := strings.LastIndexByte(value, ']')
	if value[0] != '[' || end < 2 {
		return "", false
	}
	return value[1:end], true
}

// indentation counts the characters before the first that is not blank.
func indentation(text string) int {
	n := 0
	for _, r := range text {
		if !isSpace(r) {
			break
		}
		n++
	}
	return n
}

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
