package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tahoe/frontends/web/wapi"
)

// fewEvents is how much of a keeper's history is shown to who does not ask for more.
const fewEvents = 10

// Keeper says how the files are that a node keeps alive.
func Keeper(k wapi.Keeper, now time.Time, verbose bool) string {
	var b strings.Builder
	seconds := float64(now.UnixMicro()) / 1e6
	fmt.Fprintf(&b, "%s\n", k.Sentence)
	if len(k.Watched) > 0 {
		fmt.Fprintf(&b, "  watched: %s\n", names(k.Watched))
	}
	fmt.Fprintf(&b, "  looked at every %s; leases renewed every %s; every byte verified %s\n", Span(k.CheckEvery), Span(k.RenewEvery), verified(k.VerifyEvery))
	if k.OldestLease != nil && k.Files > 0 {
		fmt.Fprintf(&b, "  all leases were renewed within %s\n", Span(seconds-*k.OldestLease))
	}
	if k.Overdue > 0 {
		fmt.Fprintf(&b, "  looked at now or next: %d\n", k.Overdue)
	}
	if len(k.Retiring) > 0 {
		fmt.Fprintf(&b, "  to be retired: %s; %s\n", names(k.Retiring), retiring(k))
	}
	if len(k.AtRisk) > 0 {
		b.WriteString("\nNot as they should be:\n")
	}
	for _, f := range k.AtRisk {
		fmt.Fprintf(&b, "  %s: %s for %s, %d of %d shares, %d needed", Name(f.Place), f.State, Span(math.Max(0, seconds-f.Since)), f.Good, f.Total, f.Needed)
		if f.Error != "" {
			fmt.Fprintf(&b, "; the last repair failed: %s", Name(f.Error))
		}
		b.WriteString("\n")
	}
	history(&b, k.History, verbose)
	return b.String()
}

func names(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = Name(s)
	}
	return strings.Join(out, ", ")
}

func verified(every float64) string {
	if every == 0 {
		return "never"
	}
	return "every " + Span(every)
}

func retiring(k wapi.Keeper) string {
	if k.StillNeeded+k.Unchecked == 0 {
		return "no file needs them any more"
	}
	return fmt.Sprintf("%d files still need them, %d are to be looked at", k.StillNeeded, k.Unchecked)
}

func history(b *strings.Builder, all []wapi.KeeperEvent, verbose bool) {
	if len(all) == 0 {
		return
	}
	b.WriteString("\nWhat happened last:\n")
	if !verbose {
		all = all[:min(len(all), fewEvents)]
	}
	for _, e := range all {
		at := time.UnixMicro(int64(e.At * 1e6)).Format(time.DateTime)
		if e.Place != "" {
			fmt.Fprintf(b, "  %s %s: %s, %s\n", at, e.Kind, Name(e.Place), Name(e.Text))
			continue
		}
		fmt.Fprintf(b, "  %s %s: %s\n", at, e.Kind, Name(e.Text))
	}
}
