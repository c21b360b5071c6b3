package report

import (
	"fmt"
	"slices"
	"strings"

	"tahoe/frontends/web/wapi"
	"tahoe/internal/plural"
)

// Status says what a node does and has done. Without verbose, only uploads and downloads count as done.
func Status(s wapi.Status, n wapi.Statistics, verbose bool) string {
	var b strings.Builder
	uptime := "unknown time"
	if seconds := n.Stats[wapi.StatUptime]; seconds != nil {
		uptime = Span(*seconds)
	}
	fmt.Fprintf(&b, "Statistics (for last %s):\n", uptime)
	fmt.Fprintf(&b, "    uploaded %s in %.0f files\n", Size(int64(n.Counters[wapi.CounterBytesUploaded])), n.Counters[wapi.CounterFilesUploaded])
	fmt.Fprintf(&b, "  downloaded %s in %.0f files\n\n", Size(int64(n.Counters[wapi.CounterBytesDownloaded])), n.Counters[wapi.CounterFilesDownloaded])
	waiting(&b, s.Waiting)
	if c := s.Checks; c != nil {
		s.Active, s.Recent = slices.Concat(s.Active, c.Active), slices.Concat(s.Recent, c.Recent)
	}
	active(&b, s.Active)
	recentOnes(&b, s.Recent, verbose)
	return b.String()
}

// waiting says what has been closed in a door and is not on the grid yet.
func waiting(b *strings.Builder, w *wapi.Waiting) {
	if w == nil {
		return
	}
	if len(w.Files) == 0 {
		b.WriteString("No files are on their way to the grid.\n\n")
		return
	}
	fmt.Fprintf(b, "On their way to the grid (%s of at most %s on this node's disk):\n", Size(w.Used), Size(w.Limit))
	for _, f := range w.Files {
		who := "a file" // whose name is not for us
		if f.Path != "" {
			who = Name(f.Account) + " " + Name(f.Path)
		}
		fmt.Fprintf(b, "  %s (%s): %s", who, Size(f.Size), Name(f.State))
		if f.Error != "" {
			fmt.Fprintf(b, ", attempt %d failed: %s", f.Attempts, Name(f.Error))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// Span is how long something took, in the largest fitting unit.
func Span(seconds float64) string {
	const minute, hour, day, year = 60, 60 * 60, 24 * 60 * 60, 365 * 24 * 60 * 60
	for _, u := range []struct {
		below, unit float64
		name        string
	}{
		{2 * minute, 1, "second"}, {3 * hour, minute, "minute"}, {2 * day, hour, "hour"}, {60 * day, day, "day"},
		{4 * year, 30 * day, "month"},
	} {
		if seconds < u.below {
			return plural.Of(int64(seconds/u.unit), u.name)
		}
	}
	return plural.Of(int64(seconds/year), "year")
}

const (
	typeWidth, indexWidth    = 5, 26
	progressWidth, sizeWidth = 22, 10
	statusWidth              = 20
	barWidth                 = 15
)

// rule is a line of a table, whose columns are divided by cross and begin with first.
func rule(first, cross string, widths ...int) string {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = "─" + strings.Repeat("─", w)
	}
	return first + strings.Join(parts, "─"+cross) + "\n"
}

func head(third string, width int) string {
	return fmt.Sprintf("╓ %-*s ╥ %-*s ╥ %-*s ╥ status message\n", typeWidth, "type", indexWidth, "storage index", width, third)
}

func active(b *strings.Builder, ops []wapi.Operation) {
	if len(ops) == 0 {
		b.WriteString("No active operations.\n")
		return
	}
	b.WriteString("Active operations:\n" + head("progress", progressWidth) + rule("╟", "╫", typeWidth, indexWidth, progressWidth, statusWidth))
	for _, o := range ops {
		bar, percent := progress(o)
		fmt.Fprintf(b, "║ %-*s ║ %-*s ║ %-*s (%3s%%) ║ %s\n", typeWidth, verb(o.Type), indexWidth, index(o), barWidth, bar, percent, Name(o.Status))
	}
	b.WriteString(rule("╙", "╨", typeWidth, indexWidth, progressWidth, statusWidth))
}

// progress is a bar and a number; "???" when nobody knows.
func progress(o wapi.Operation) (bar, percent string) {
	var f float64
	switch {
	case o.Progress != nil:
		f = *o.Progress
	case o.ProgressHash != nil && o.ProgressCiphertext != nil && o.ProgressPush != nil:
		f = (*o.ProgressHash + *o.ProgressCiphertext + *o.ProgressPush) / 3
	default:
		return "", "???"
	}
	f = min(max(f, 0), 1)
	return drawBar(f), fmt.Sprintf("%.0f", f*100)
}

// drawBar fills eighths of characters.
func drawBar(f float64) string {
	eighths := int(f * barWidth * 8)
	bar := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		bar += string(rune('▐' - part)) // ▏ (one eighth) to ▉ (seven) come before it in reverse
	}
	return bar
}

func verb(kind string) string {
	verbs := map[string]string{
		wapi.OperationUpload: " put ", wapi.OperationDownload: " get ", wapi.OperationRetrieve: "retr ",
		wapi.OperationPublish: " pub ", wapi.OperationMapupdate: "mapup",
		wapi.OperationCheck: "check", wapi.OperationVerify: "verif", wapi.OperationRepair: "repr ",
	}
	if v, ok := verbs[kind]; ok {
		return v
	}
	return " ??? "
}

func index(o wapi.Operation) string {
	if o.StorageIndex == nil {
		return "-"
	}
	return Name(*o.StorageIndex)
}

func recentOnes(b *strings.Builder, ops []wapi.Operation, verbose bool) {
	if len(ops) == 0 {
		b.WriteString("No recent operations.\n")
	}
	var shown []wapi.Operation
	for _, o := range ops {
		if verbose || o.Type == wapi.OperationUpload || o.Type == wapi.OperationDownload {
			shown = append(shown, o)
		}
	}
	b.WriteString("\nRecent operations:\n")
	if len(shown) > 0 {
		b.WriteString(head("size", sizeWidth))
		for _, o := range shown {
			fmt.Fprintf(b, "║ %-*s ║ %-*s ║ %-*s ║ %s\n", typeWidth, verb(o.Type), indexWidth, index(o), sizeWidth, third(o), Name(o.Status))
		}
		b.WriteString(rule("╙", "╨", typeWidth, indexWidth, sizeWidth, statusWidth))
	}
	if skipped := len(ops) - len(shown); skipped > 0 {
		fmt.Fprintf(b, "   Skipped %d non-upload/download operations; use --verbose to see\n", skipped)
	}
}

func third(o wapi.Operation) string {
	switch {
	case o.Type == wapi.OperationMapupdate:
		return Name(o.Mode)
	case o.TotalSize == nil:
		return "unknown"
	}
	return Size(*o.TotalSize)
}
