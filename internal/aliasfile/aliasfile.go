// Package aliasfile reads private/aliases of a node directory: names that its user gave to directories. It is for the commands, which
// resolve names, and for the node, which keeps alive what they name.
//
// The invariant: no error holds a capability.
package aliasfile

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// Name is the file's, in the directory private of a node.
const Name = "aliases"

// Read calls found for each alias, in the order of the file, with its capability as it is written there.
func Read(list []byte, found func(name, capability string)) error {
	lines := bufio.NewScanner(bytes.NewReader(list))
	lines.Buffer(nil, len(list)+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, text, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("line %d of private/%s is not of the form NAME: CAPABILITY", n, Name)
		}
		found(name, strings.TrimSpace(text))
	}
	return lines.Err()
}
