package plural_test

import (
	"testing"

	"tahoe/internal/plural"
)

func TestOf(t *testing.T) {
	for n, want := range map[int64]string{0: "0 shares", 1: "1 share", 2: "2 shares", -1: "-1 shares", 1 << 40: "1099511627776 shares"} {
		if got := plural.Of(n, "share"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
