// Package plural puts counts into sentences. It is for whatever makes text for people.
//
// The invariant: one of a thing is said in the singular, and any other number in the plural.
package plural

import "strconv"

// Of is n with its noun, which takes an s: "1 share", "2 shares".
func Of[N ~int | ~int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(int64(n), 10) + " " + what + "s"
}
