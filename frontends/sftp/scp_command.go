package sftp

import (
	"path"
	"strings"
)

// An scp is one run of the old protocol of scp, which `scp -O` and old programs speak: the client starts "scp -t" here to send, and "scp -f" to
// fetch.
type scp struct {
	sink, recursive, times, dir bool
	paths                       []string
}

// parseSCP reads the command line that scp sends.
func parseSCP(line string) (scp, bool) {
	words, ok := shellWords(line)
	if !ok || len(words) < 3 || path.Base(words[0]) != "scp" {
		return scp{}, false
	}
	var c scp
	source := false
	k := 1
	for ; k < len(words) && strings.HasPrefix(words[k], "-") && words[k] != "-"; k++ {
		if words[k] == "--" {
			k++
			break
		}
		for _, f := range words[k][1:] {
			switch f {
			case 't':
				c.sink = true
			case 'f':
				source = true
			case 'r':
				c.recursive = true
			case 'p':
				c.times = true
			case 'd':
				c.dir = true
			case 'v', 'q':
			default:
				return scp{}, false
			}
		}
	}
	if c.paths = words[k:]; c.sink && len(c.paths) > 0 {
		c.paths = []string{strings.Join(c.paths, " ")} // it is one path: somebody did not quote it
	}
	return c, c.sink != source && len(c.paths) > 0
}

// shellWords splits a line as a shell does, with quotes and backslashes, and nothing else that a shell knows.
func shellWords(line string) ([]string, bool) {
	var words []string
	var word strings.Builder
	var quote rune
	within, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, within = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, within = r, true
		case r == ' ' || r == '\t':
			if within {
				words = append(words, word.String())
				word.Reset()
				within = false
			}
		default:
			word.WriteRune(r)
			within = true
		}
	}
	if within {
		words = append(words, word.String())
	}
	return words, quote == 0 && !escaped
}
