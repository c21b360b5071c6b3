// Package fnmatch matches names against the patterns of `tahoe backup --exclude`, which mean what they mean in the original:
// * is any text, ? any character, [abc], [a-z] and [!abc] one of some; everything else is itself, case and all, and there is no escape.
//
// The invariant: every text is a pattern, and matching takes time in proportion to pattern times name.
package fnmatch

import "unicode/utf8"

// A Set is patterns. Its zero value matches nothing.
type Set struct{ patterns []Pattern }

// Add adds a pattern.
func (s *Set) Add(pattern string) { s.patterns = append(s.patterns, Compile(pattern)) }

// Match says whether one of the patterns matches all of name.
func (s *Set) Match(name string) bool {
	for _, p := range s.patterns {
		if p.Match(name) {
			return true
		}
	}
	return false
}

// A Pattern is one pattern, ready to match.
type Pattern []part

// part matches one rune, or any text.
type part struct {
	star   bool
	negate bool
	any    bool
	ranges []span
}

type span struct{ low, high rune }

func (p part) matches(r rune) bool {
	if p.any {
		return true
	}
	for _, s := range p.ranges {
		if s.low <= r && r <= s.high {
			return !p.negate
		}
	}
	return p.negate
}

// Compile reads a pattern.
func Compile(pattern string) Pattern {
	var p Pattern
	for runes := []rune(pattern); len(runes) > 0; {
		r := runes[0]
		runes = runes[1:]
		switch r {
		case '*':
			if len(p) == 0 || !p[len(p)-1].star {
				p = append(p, part{star: true})
			}
		case '?':
			p = append(p, part{any: true})
		case '[':
			set, n := bracket(runes)
			p, runes = append(p, set), runes[n:]
		default:
			p = append(p, part{ranges: []span{{r, r}}})
		}
	}
	return p
}

// bracket reads what follows a [, and says how much of it was a set. A [ that is never closed is itself.
func bracket(runes []rune) (part, int) {
	first := 0
	if first < len(runes) && runes[first] == '!' {
		first++
	}
	end := first
	if end < len(runes) && runes[end] == ']' { // the first one is a member
		end++
	}
	for end < len(runes) && runes[end] != ']' {
		end++
	}
	if end == len(runes) {
		return part{ranges: []span{{'[', '['}}}, 0
	}
	set := part{negate: first == 1}
	for in := runes[first:end]; len(in) > 0; {
		if len(in) >= 3 && in[1] == '-' {
			set.ranges = append(set.ranges, span{in[0], in[2]}) // upside down it matches nothing
			in = in[3:]
			continue
		}
		set.ranges = append(set.ranges, span{in[0], in[0]})
		in = in[1:]
	}
	return set, end + 1
}

// Match says whether the pattern matches all of name.
func (p Pattern) Match(name string) bool {
	at, star, retry := 0, -1, ""
	for name != "" {
		r, size := utf8.DecodeRuneInString(name)
		switch {
		case at < len(p) && p[at].star:
			star, retry = at, name
			at++
		case at < len(p) && p[at].matches(r):
			name, at = name[size:], at+1
		case star >= 0: // let the last star take one more
			_, size = utf8.DecodeRuneInString(retry)
			retry = retry[size:]
			name, at = retry, star+1
		default:
			return false
		}
	}
	for at < len(p) && p[at].star {
		at++
	}
	return at == len(p)
}
