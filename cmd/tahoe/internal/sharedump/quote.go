package sharedump

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Quote is a text or path as the original shows it: in single quotes, or in double quotes with escapes where something in it
// could not be seen or would mean something to a shell. What is no UTF-8 has a b in front. Without marks, quotes are there
// only when they are needed.
func Quote(s string, marks bool) string {
	if !utf8.ValidString(s) {
		return `b"` + escape([]byte(s)) + `"`
	}
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || !plain(r) }):
		var b strings.Builder
		for _, r := range s {
			b.WriteString(escapeRune(r))
		}
		return `"` + b.String() + `"`
	case marks || strings.HasPrefix(s, `"`):
		return "'" + s + "'"
	}
	return s
}

// plain says whether a character is shown as it is.
func plain(r rune) bool {
	return ' ' <= r && r <= '~' || '\u00a0' <= r && r <= '\ud7ff' || '\ue000' <= r && r <= '\ufdcf' || '\ufdf0' <= r && r <= '\ufffc'
}

func escapeRune(r rune) string {
	switch {
	case strings.ContainsRune("\"$`\\", r):
		return `\` + string(r)
	case plain(r):
		return string(r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	case r > 0xff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\x%02x`, r)
}

func escape(s []byte) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case strings.IndexByte("\"$`\\", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case ' ' <= c && c <= '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
