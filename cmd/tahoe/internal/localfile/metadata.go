package localfile

import (
	"encoding/json"
	"io/fs"
	"strconv"
	"strings"
)

// An Attribute is a number that a backup keeps of a file.
type Attribute struct {
	Name  string
	Value int64
}

// Metadata is what a backup keeps of a file besides its contents, in the form and the order of the original: the same state is the
// same text, so that the same tree is the same directory whichever program stored it.
func Metadata(info fs.FileInfo) json.RawMessage {
	s := StampOf(info)
	b := append([]byte(`{"ctime": `), seconds(s.CTime)...)
	b = append(append(b, `, "mtime": `...), seconds(s.MTime)...)
	for _, a := range Attributes(info) {
		b = append(b, `, "`+a.Name+`": `...)
		b = strconv.AppendInt(b, a.Value, 10)
	}
	return append(b, '}')
}

// seconds writes a time as a number that always has a fraction.
func seconds(nanoseconds int64) string {
	const second = 1_000_000_000
	whole, rest := nanoseconds/second, nanoseconds%second
	if rest < 0 {
		whole, rest = whole-1, rest+second
	}
	text := strconv.FormatFloat(float64(whole)+1e-9*float64(rest), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
