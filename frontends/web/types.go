package web

import (
	_ "embed"
	"path"
	"strings"
)

// typesText says which names are of which media type: a type, then the ends of names. It is part of the program, because
// what the system knows differs between machines, and a file should look the same through every node.
//
//go:embed types.txt
var typesText string

const defaultType = "text/plain"

// mediaTypes finds the type of a file by the end of its name.
type mediaTypes map[string]string

func parseTypes(text string) mediaTypes {
	types := mediaTypes{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for _, ext := range fields[min(1, len(fields)):] {
			types["."+ext] = fields[0]
		}
	}
	return types
}

// of is the media type of a file of that name, and how its bytes are packed on top of that, empty when they are not.
func (t mediaTypes) of(name string) (kind, encoding string) {
	ext := strings.ToLower(path.Ext(name))
	switch ext {
	case ".gz":
		encoding = "gzip"
	case ".bz2":
		encoding = "bzip2"
	}
	if encoding != "" {
		ext = strings.ToLower(path.Ext(name[:len(name)-len(ext)]))
	}
	if kind = t[ext]; kind == "" {
		kind = defaultType
	}
	return kind, encoding
}
