package localname

import "testing"

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name        string
		unix, other bool // allowed on Linux, on Windows
	}{
		{"a", true, true},
		{"...", true, false},
		{"é 漢.txt", true, true},
		{"", false, false},
		{".", false, false},
		{"..", false, false},
		{"../etc/passwd", false, false},
		{"a/b", false, false},
		{"/", false, false},
		{"a\x00b", false, false},
		{`..\x`, true, false},
		{"C:x", true, false},
		{"a:stream", true, false},
		{"con", true, false},
		{"NUL.txt", true, false},
		{"aux .c", true, false},
		{"Com¹", true, false},
		{"console", true, true},
		{"COM10", true, true},
		{"a.", true, false},
		{"a ", true, false},
		{"a\nb", true, false},
		{"what?", true, false},
	} {
		if got := check(c.name, "linux") == nil; got != c.unix {
			t.Errorf("%q on Linux: allowed is %v", c.name, got)
		}
		if got := check(c.name, "windows") == nil; got != c.other {
			t.Errorf("%q on Windows: allowed is %v", c.name, got)
		}
	}
}
