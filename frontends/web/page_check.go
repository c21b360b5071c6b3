package web

import (
	"fmt"
	"strings"

	"tahoe/internal/plural"
	"tahoe/lafs"
)

// checkData is the page about one file or directory.
type checkData struct {
	scripted
	Title   string
	State   string // a word for the style: good, warn or bad
	Literal bool
	Index   string   // of the shares
	Again   bool     // the page can be asked for once more
	Verify  bool     // every byte was read
	Repair  string   // what became of it
	Reason  string   // why it failed
	Results []result // after a repair, then before it
}

// A result is what one check found, for people.
type result struct {
	Title   string
	Summary string
	Facts   []fact
	Corrupt []placeRow
	Failed  []placeRow
	Map     *shareMap
	Report  []string
}

type placeRow struct{ Server, ID, Share, What string }

func checkPage(x lafs.Checked, repair bool) checkData {
	r := x.Check
	if x.Repair != nil {
		r = x.Repair.After
	}
	if r == nil {
		return checkData{scripted: newScripted(), Title: "Healthy", State: "good", Literal: true}
	}
	d := checkData{scripted: newScripted(), Title: "Healthy", State: "good", Index: r.Index.String()}
	switch {
	case !r.Recoverable:
		d.Title, d.State = "Cannot be read", "bad"
	case !r.Healthy:
		d.Title, d.State = "Not healthy", "warn"
	}
	if !repair {
		d.Results = []result{resultOf("What the check found", r)}
		return d
	}
	d.Repair = repairText(x.Repair)
	if x.Repair.Err != nil {
		d.Reason = x.Repair.Err.Error()
	}
	d.Results = []result{resultOf("How it is now", r)}
	if x.Repair.After != x.Repair.Before {
		d.Results = append(d.Results, resultOf("How it was before the repair", x.Repair.Before))
	}
	return d
}

func repairText(r *lafs.RepairResult) string {
	switch {
	case r.Successful:
		return fmt.Sprintf("It was repaired: servers took %s.", plural.Of(r.Placed, "share"))
	case r.Attempted:
		return fmt.Sprintf("The repair did not make it healthy; servers took %s.", plural.Of(r.Placed, "share"))
	case r.Err != nil:
		return "It was not repaired."
	}
	return "There was nothing to repair."
}

func resultOf(title string, r *lafs.CheckResult) result {
	out := result{Title: title, Summary: r.Summary, Report: r.Report}
	out.Facts = []fact{
		{"Storage index", r.Index.String()},
		{"Good shares", fmt.Sprintf("%d of %d; any %d rebuild it", r.Good, r.Expected, r.Needed)},
		{"Servers that have one", fmt.Sprint(r.Hosts)},
		{"Servers with a share of their own", fmt.Sprint(r.Happiness)},
		{"Servers that answered", fmt.Sprint(len(r.Responding))},
	}
	if r.Wrong > 0 {
		out.Facts = append(out.Facts, fact{"Shares of other versions", fmt.Sprint(r.Wrong)})
	}
	for _, c := range r.Corrupt {
		out.Corrupt = append(out.Corrupt, placeRow{c.Server.Name(), string(c.Server.ID()), fmt.Sprint(c.Share), c.Part})
	}
	for _, f := range r.Failed {
		row := placeRow{Server: f.Server.Name(), ID: string(f.Server.ID()), What: f.Err.Error()}
		if f.Share >= 0 {
			row.Share = fmt.Sprint(f.Share)
		}
		out.Failed = append(out.Failed, row)
	}
	out.Map = shareMapOf(r)
	return out
}

// deepCheckData is the page about a deep check.
type deepCheckData struct {
	scripted
	Title    string
	State    string
	Finished bool
	Facts    []fact
	Objects  []objectRow // those that are not healthy
}

type objectRow struct{ Path, Index, Summary string }

// deepCheckPage is what a deep check has found. The operation's lock is held.
func deepCheckPage(op *operation) deepCheckData {
	d := op.checks
	out := deepCheckData{scripted: newScripted(), Title: "All healthy", State: "good", Finished: op.finished}
	now := d.before
	if d.repair {
		now = d.after
	}
	switch {
	case now.lost > 0:
		out.Title, out.State = "Some cannot be read", "bad"
	case now.unhealthy > 0:
		out.Title, out.State = "Some are not healthy", "warn"
	}
	out.Facts = []fact{
		{"Checked", fmt.Sprint(d.objects)},
		{"Healthy", fmt.Sprint(d.before.healthy)},
		{"Not healthy", fmt.Sprint(d.before.unhealthy)},
		{"Cannot be read", fmt.Sprint(d.before.lost)},
		{"Corrupt shares", fmt.Sprint(len(d.before.corrupt))},
	}
	if d.repair {
		out.Facts = append(out.Facts, fact{"Repairs attempted", fmt.Sprint(d.attempted)}, fact{"Repairs successful", fmt.Sprint(d.successful)},
			fact{"Healthy now", fmt.Sprint(d.after.healthy)}, fact{"Not healthy now", fmt.Sprint(d.after.unhealthy)},
			fact{"Corrupt shares left", fmt.Sprint(len(d.after.corrupt))})
	}
	for _, u := range d.unhealthy {
		path := strings.Join(u.path, "/")
		if path == "" {
			path = "(the directory itself)"
		}
		out.Objects = append(out.Objects, objectRow{path, u.result.Index.String(), u.result.Summary})
	}
	return out
}
