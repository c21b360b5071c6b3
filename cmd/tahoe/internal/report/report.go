// Package report writes for people what a node said: listings, statistics, the results of checks. It is for the commands.
//
// The invariant: text that came from the grid cannot drive the terminal that it is printed on.
package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"tahoe/frontends/web/wapi"
)

// Name is a name, quoted when it holds what does not print.
func Name(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}

// Path is a path, likewise.
func Path(names []string) string { return Name(strings.Join(names, "/")) }

// Size is a size, in powers of a thousand.
func Size(n int64) string { return size(n, 1000, "B") }

// sizes is a size in powers of a thousand and of 1024.
func sizes(n int64) string { return "(" + Size(n) + ", " + size(n, 1024, "iB") + ")" }

func size(n int64, base float64, suffix string) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	units := "kMGTPE"
	for f /= base; f >= base && len(units) > 1; f /= base {
		units = units[1:]
	}
	return fmt.Sprintf("%.2f %c%s", f, units[0], suffix)
}

// Stats is a table of what a directory reaches.
func Stats(s wapi.DeepStats) string {
	rows := []struct {
		name  string
		value int64
	}{
		{"count-immutable-files", s.CountImmutableFiles},
		{"count-mutable-files", s.CountMutableFiles},
		{"count-literal-files", s.CountLiteralFiles},
		{"count-files", s.CountFiles},
		{"count-directories", s.CountDirectories},
		{"size-immutable-files", s.SizeImmutableFiles},
		{"size-literal-files", s.SizeLiteralFiles},
		{"size-directories", s.SizeDirectories},
		{"largest-directory", s.LargestDirectory},
		{"largest-immutable-file", s.LargestImmutableFile},
	}
	var b strings.Builder
	b.WriteString("Counts and Total Sizes:\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "%22s: %d", r.name, r.value)
		if !strings.HasPrefix(r.name, "count-") && r.value > 1000 {
			b.WriteString("    " + sizes(r.value))
		}
		b.WriteString("\n")
	}
	if len(s.SizeFilesHistogram) > 0 {
		b.WriteString(histogram(s.SizeFilesHistogram))
	}
	return b.String()
}

func histogram(bins []wapi.HistogramBin) string {
	sizeWidth, countWidth := 0, 0
	for _, bin := range bins {
		sizeWidth = max(sizeWidth, len(strconv.FormatInt(bin.Max, 10)))
		countWidth = max(countWidth, len(strconv.FormatInt(bin.Count, 10)))
	}
	var b strings.Builder
	b.WriteString("Size Histogram:\n")
	for i, bin := range bins {
		if i > 0 && bin.Min != bins[i-1].Max+1 {
			b.WriteString(strings.Repeat(" ", sizeWidth-1) + "...\n")
		}
		fmt.Fprintf(&b, "%*d-%-*d : %-*d    %s\n", sizeWidth, bin.Min, sizeWidth, bin.Max, countWidth, bin.Count, sizes(bin.Max))
	}
	return b.String()
}
