package ftp

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// A command is a line that a client sent.
type command struct {
	verb string // upper case; "" for a line that is none
	arg  string
	long bool // the line was too long, and is not here
}

// maxLine is how long a line may be.
const maxLine = 4096

var errFlood = errors.New("a line without end")

// maxFlood is how much of a line that is too long is skipped before the connection is given up.
const maxFlood = 1 << 20

// readCommand reads a line.
func readCommand(r *bufio.Reader) (command, error) {
	line, err := r.ReadSlice('\n')
	for skipped := 0; errors.Is(err, bufio.ErrBufferFull); {
		if skipped += len(line); skipped > maxFlood {
			return command{}, errFlood
		}
		if line, err = r.ReadSlice('\n'); err == nil {
			return command{long: true}, nil
		}
	}
	if err != nil {
		return command{}, err
	}
	return parseCommand(line), nil
}

// parseCommand takes a line apart. Bytes of Telnet, which some clients send before ABOR, are passed over. What comes after the first space
// is the argument, blanks and all: a name may begin and end with them.
func parseCommand(line []byte) command {
	line = bytes.TrimSuffix(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	line = withoutTelnet(line)
	verb, arg, _ := strings.Cut(string(line), " ")
	if !isVerb(verb) || !utf8.ValidString(arg) || strings.ContainsAny(arg, "\x00\r\n") {
		return command{}
	}
	return command{verb: strings.ToUpper(verb), arg: arg}
}

func isVerb(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(s) >= 3 && len(s) <= 4
}

// withoutTelnet takes commands of Telnet away: a byte 255, and the one behind it when that is a command too.
func withoutTelnet(line []byte) []byte {
	const iac, lowest = 0xff, 0xf0
	if bytes.IndexByte(line, iac) < 0 {
		return line
	}
	out := make([]byte, 0, len(line))
	for k := 0; k < len(line); k++ {
		if line[k] != iac {
			out = append(out, line[k])
		} else if k+1 < len(line) && line[k+1] >= lowest && line[k+1] != iac {
			k++
		}
	}
	return out
}
