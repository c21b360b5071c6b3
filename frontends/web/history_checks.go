package web

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"tahoe/caps"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/lafs/health"
)

// check notes that something begins to be checked, and repaired if repair says so.
func (h *history) check(c caps.Cap, repair bool, o lafs.CheckOptions) *transfer {
	kind := wapi.OperationCheck
	switch {
	case repair:
		kind = wapi.OperationRepair
	case o.Verify:
		kind = wapi.OperationVerify
	}
	t := h.begin(kind, c)
	t.change(func() {
		if f, ok := c.(interface{ Size() int64 }); ok {
			size := f.Size()
			t.op.TotalSize = &size
		}
		t.op.CheckFigures, t.op.Progress = &wapi.CheckFigures{}, new(float64)
	})
	return t
}

// checked says how far a check is. What has been handed out stays as it is.
func (t *transfer) checked(p health.Progress) {
	t.change(func() {
		t.op.CheckFigures = &wapi.CheckFigures{
			ServersAsked: p.Asked, ServersAnswered: p.Answered, SharesFound: p.Shares,
			BytesVerified: p.Verified, BytesToVerify: p.ToVerify, BytesPushed: p.Pushed, BytesToPush: p.ToPush,
		}
		t.bytes = p.Verified + p.Pushed
		far := looked(p)
		if t.op.Type == wapi.OperationRepair {
			far = (far + *part(p.Pushed, p.ToPush)) / 2
		}
		t.op.Progress = &far
	})
}

// looked is how much of what is to be looked at has been, from 0 to 1.
func looked(p health.Progress) float64 {
	if p.ToVerify > 0 {
		return *part(p.Verified, p.ToVerify)
	}
	return *part(int64(p.Answered), int64(p.Asked))
}

// concluded ends a check.
func (t *transfer) concluded(x lafs.Checked, err error) {
	if errors.Is(err, context.Canceled) {
		err = problem{text: "it was stopped"}
	}
	if err != nil {
		t.end(err)
		return
	}
	r := x.Check
	if x.Repair != nil {
		r = x.Repair.After
	}
	t.change(func() {
		figures, whole := *t.op.CheckFigures, 1.0
		if r != nil {
			figures.Summary = r.Summary
			t.facts = checkFacts(r, x.Repair)
		}
		t.op.CheckFigures, t.op.Progress = &figures, &whole
	})
	t.end(nil)
}

// checkFacts are what a check came to, for its page.
func checkFacts(r *lafs.CheckResult, repair *lafs.RepairResult) []fact {
	facts := []fact{
		{"Result", r.Summary},
		{"Good shares", fmt.Sprintf("%d of %d; any %d rebuild it", r.Good, r.Expected, r.Needed)},
		{"Corrupt shares", strconv.Itoa(len(r.Corrupt))},
	}
	if repair != nil {
		facts = append(facts, fact{"Repair", repairText(repair)})
	}
	return facts
}
