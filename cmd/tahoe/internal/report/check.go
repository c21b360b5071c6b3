package report

import (
	"fmt"
	"strings"

	"tahoe/frontends/web/wapi"
)

const literal = "Healthy (LIT)"

// Check says what a check found.
func Check(r wapi.CheckResult) string { return checked(summary(r), r) }

func summary(r wapi.CheckResult) string {
	switch {
	case r.Summary != "":
		return Name(r.Summary)
	case r.StorageIndex == "":
		return literal
	case r.Results.Healthy:
		return "healthy"
	}
	return "not healthy"
}

func checked(summary string, r wapi.CheckResult) string {
	var b strings.Builder
	c := r.Results
	fmt.Fprintf(&b, "Summary: %s\n storage index: %s\n", summary, Name(r.StorageIndex))
	if c.SharesGood != nil && c.SharesNeeded != nil && c.SharesExpected != nil && c.WrongShares != nil {
		fmt.Fprintf(&b, " good-shares: %d (encoding is %d-of-%d)\n", *c.SharesGood, *c.SharesNeeded, *c.SharesExpected)
		fmt.Fprintf(&b, " wrong-shares: %d\n", *c.WrongShares)
	}
	if len(c.ListCorruptShares) > 0 {
		b.WriteString(" corrupt shares:\n")
		for _, s := range c.ListCorruptShares {
			fmt.Fprintf(&b, "  %s\n", corrupt(s))
		}
	}
	return b.String()
}

func corrupt(s wapi.CorruptShare) string {
	return fmt.Sprintf("server %s, SI %s, shnum %d", Name(s.Server), Name(s.StorageIndex), s.Share)
}

// Repair says what a check found that repairs, and what became of it.
func Repair(r wapi.RepairResult) string {
	if r.Before == nil { // a literal has no shares
		return checked(literal, wapi.CheckResult{StorageIndex: r.StorageIndex})
	}
	before := *r.Before
	before.StorageIndex = r.StorageIndex
	what := "not healthy"
	if before.Results.Healthy {
		what = "healthy"
	}
	return checked(what, before) + repaired(r)
}

func repaired(r wapi.RepairResult) string {
	why := ""
	if r.Reason != "" {
		why = ": " + Name(r.Reason)
	}
	switch {
	case !r.Attempted && why != "":
		return " not repaired" + why + "\n"
	case !r.Attempted:
		return ""
	case succeeded(r):
		return " repair successful\n"
	}
	return " repair failed" + why + "\n"
}

func succeeded(r wapi.RepairResult) bool { return r.Successful != nil && *r.Successful }

// A Health is how something is that was checked.
type Health int

// How something is.
const (
	Healthy Health = iota
	Unhealthy
	Lost // it cannot be read
)

func healthOf(r *wapi.CheckResult) Health {
	switch {
	case r == nil || r.Results.Healthy: // a literal has no results
		return Healthy
	case r.Results.Recoverable != nil && !*r.Results.Recoverable:
		return Lost
	}
	return Unhealthy
}

// HealthOf is how something is after a check.
func HealthOf(r wapi.CheckResult) Health { return healthOf(&r) }

// HealthAfter is how something is after a repair.
func HealthAfter(r wapi.RepairResult) Health {
	if r.After == nil {
		return healthOf(r.Before)
	}
	return healthOf(r.After)
}

// A DeepCheck counts what the check of a directory finds.
type DeepCheck struct {
	Repair, Verbose bool

	Objects                       int
	Before, After                 [Lost + 1]int // by Health
	Attempted, SuccessfullyMended int
}

// Add counts one object, and returns the lines about it.
func (d *DeepCheck) Add(u wapi.Unit) string {
	if u.Type != wapi.UnitFile && u.Type != wapi.UnitDirectory {
		return ""
	}
	d.Objects++
	text := ""
	if d.Objects%100 == 0 {
		text = fmt.Sprintf("%d objects checked..\n", d.Objects)
	}
	if d.Repair {
		return text + d.addRepair(u)
	}
	r := u.Check
	if r == nil {
		r = &wapi.CheckResult{Results: wapi.CheckCounts{Healthy: true}}
	}
	d.Before[healthOf(r)]++
	d.After[healthOf(r)]++
	return text + d.line(u, summary(*r)) + corruptLines(r)
}

func (d *DeepCheck) addRepair(u wapi.Unit) string {
	r := u.Repair
	if r == nil {
		r = &wapi.RepairResult{}
	}
	d.Before[healthOf(r.Before)]++
	d.After[HealthAfter(*r)]++
	if r.Attempted {
		d.Attempted++
	}
	if r.Attempted && succeeded(*r) {
		d.SuccessfullyMended++
	}
	what := "healthy"
	if healthOf(r.Before) != Healthy {
		what = "not healthy"
	}
	return d.line(u, what) + corruptLines(r.Before) + repaired(*r)
}

// line names the object and says how it is.
func (d *DeepCheck) line(u wapi.Unit, what string) string {
	if !d.Verbose {
		return ""
	}
	path := "<root>"
	if len(u.Path) > 0 {
		path = Path(u.Path)
	}
	if path[0] != '"' {
		path = "'" + path + "'"
	}
	return path + ": " + what + "\n"
}

func corruptLines(r *wapi.CheckResult) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	for _, s := range r.Results.ListCorruptShares {
		fmt.Fprintf(&b, " corrupt: %s\n", corrupt(s))
	}
	return b.String()
}

// Done sums up.
func (d *DeepCheck) Done() string {
	if !d.Repair {
		return fmt.Sprintf("done: %d objects checked, %d healthy, %d unhealthy\n", d.Objects, d.Before[Healthy], d.Objects-d.Before[Healthy])
	}
	return fmt.Sprintf("done: %d objects checked\n pre-repair: %d healthy, %d unhealthy\n %d repairs attempted, %d successful, %d failed\n"+
		" post-repair: %d healthy, %d unhealthy\n", d.Objects, d.Before[Healthy], d.Objects-d.Before[Healthy],
		d.Attempted, d.SuccessfullyMended, d.Attempted-d.SuccessfullyMended, d.After[Healthy], d.Objects-d.After[Healthy])
}
