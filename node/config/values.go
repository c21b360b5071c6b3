package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Each parser's error continues a sentence that begins with the key: `is "lots", which …`.

// ParseBool reads a boolean as configparser does.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "on":
		return true, nil
	case "0", "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("is %q, which is neither true nor false; write true or false", shorten(s))
}

// ParseInt reads a whole number between low and high.
func ParseInt(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	switch {
	case err != nil:
		return 0, fmt.Errorf("is %q, which is not a whole number; write one from %d to %d", shorten(s), low, high)
	case n < low || n > high:
		return 0, fmt.Errorf("is %d, but must be from %d to %d", n, low, high)
	}
	return n, nil
}

// ParseSize reads a number of bytes: digits and K, M, G, T, P or E (of 1000) or Ki, Mi … (of 1024), with or without a B,
// in any case, with or without a blank between. Nothing at all is 0.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(strings.ToUpper(s), "KMGTPEIB ")
	unit := strings.TrimSuffix(strings.TrimSpace(strings.ToUpper(s)[len(digits):]), "B")
	if s == "" {
		return 0, nil
	}
	factor, ok := sizeUnit(unit)
	n, err := strconv.ParseUint(digits, 10, 63)
	switch {
	case !ok, errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("is %q, which is not a size; write digits and a unit, such as 500M or 10GiB", shorten(s))
	case err != nil || n > uint64(math.MaxInt64/factor):
		return 0, fmt.Errorf("is %q, which is more than any disk holds; write a smaller size, such as 500M or 10GiB", shorten(s))
	}
	return int64(n) * factor, nil
}

func sizeUnit(unit string) (int64, bool) {
	if unit == "" || unit == "I" {
		return 1, true
	}
	base := int64(1000)
	prefix, binary := strings.CutSuffix(unit, "I")
	if binary {
		base = 1024
	}
	at := strings.Index("KMGTPE", prefix)
	if at < 0 || len(prefix) != 1 {
		return 0, false
	}
	factor := base
	for range at {
		factor *= base
	}
	return factor, true
}

const day = 24 * time.Hour

// ParseDuration reads the duration of a lease, such as "60 days", "2mo" or "1 year": a month has 31 days, a year 365.
func ParseDuration(s string) (time.Duration, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	var unit time.Duration
	switch strings.TrimSpace(text[len(digits):]) {
	case "s", "second", "seconds":
		unit = time.Second
	case "day", "days":
		unit = day
	case "mo", "month", "months":
		unit = 31 * day
	case "year", "years":
		unit = 365 * day
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if unit == 0 || err != nil || n > int64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("is %q, which is not a duration; write one such as 60 days, 2 months or 1 year", shorten(s))
	}
	return time.Duration(n) * unit, nil
}

// ParseDate reads YYYY-MM-DD as the midnight, in UTC, that begins the day.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(s))
	if err != nil {
		return time.Time{}, fmt.Errorf("is %q, which is not a date; write one such as 2026-01-31", shorten(s))
	}
	return t, nil
}

// checkFURL never quotes its value: a FURL is a secret.
func checkFURL(s string) error {
	switch {
	case strings.Contains(s, "#"):
		return errors.New("contains a #, which begins no comment behind a value; put the comment on a line of its own")
	case s != "" && !strings.HasPrefix(s, "pb://"):
		return errors.New("is not a FURL; a FURL begins with pb://")
	}
	return nil
}

func choice(s string, values ...string) error {
	for _, v := range values {
		if strings.EqualFold(s, v) {
			return nil
		}
	}
	return fmt.Errorf("is %q; write %s", shorten(s), strings.Join(values, " or "))
}

// List splits a list at its commas, and drops what is empty.
func List(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
