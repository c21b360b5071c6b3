package lafs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"tahoe/caps"
	"tahoe/lafs/health"
	"tahoe/lafs/mutable"
)

// What checks and repairs say. See package health.
type (
	CheckOptions = health.Options
	CheckResult  = health.Result
	RepairResult = health.Repair
)

var errNoChecks = errors.New("this client was made without a checker and a repairer")

// A checkable can be checked and repaired.
type checkable interface {
	Check(ctx context.Context, o CheckOptions) (*CheckResult, error)
	Repair(ctx context.Context, o CheckOptions) (*RepairResult, error)
}

// Check finds out how the file or directory is that k names, of which k need allow no more than to verify it. The result is nil for
// what has no shares, which is a literal, and for what is unknown.
func (c *Client) Check(ctx context.Context, k caps.Cap, o CheckOptions) (*CheckResult, error) {
	x, err := c.checkable(k)
	if x == nil || err != nil {
		return nil, err
	}
	return x.Check(ctx, o)
}

// Repair checks what k names, and makes shares that are missing. What is immutable can be repaired by whoever may verify it, what is
// mutable by whoever may write it. That it fails is a result. The result is nil where that of Check is.
func (c *Client) Repair(ctx context.Context, k caps.Cap, o CheckOptions) (*RepairResult, error) {
	x, err := c.checkable(k)
	if x == nil || err != nil {
		return nil, err
	}
	return x.Repair(ctx, o)
}

// checkable is what has the shares of k; nil where there are none.
func (c *Client) checkable(k caps.Cap) (checkable, error) {
	if v, ok := caps.VerifyOnly(k); ok {
		if err := c.c.Access(v.Index()); err != nil {
			return nil, err
		}
	}
	switch k := k.(type) {
	case caps.DirectoryWrite:
		return c.checkable(k.Inner())
	case caps.DirectoryRead:
		return c.checkable(k.Inner())
	case caps.DirectoryVerify:
		return c.checkable(k.Inner())
	case caps.MutableRead, caps.MutableWrite:
		f, err := c.mutableFile(k.(caps.Read))
		if err != nil {
			return nil, err
		}
		return f, nil
	case caps.MutableVerify:
		if c.c.Mutable == nil {
			return nil, errNoMutable
		}
		return c.c.Mutable.OpenVerify(k), nil
	case caps.CHK:
		v, _ := k.Verify()
		return c.checkable(v)
	case caps.CHKVerify:
		if c.c.Checker == nil || c.c.Repairer == nil {
			return nil, errNoChecks
		}
		return checkableCHK{c, k}, nil
	case caps.Literal, caps.Unknown:
		return nil, nil
	}
	return nil, fmt.Errorf("there is no capability to check: %w", ErrWrongKind)
}

// checkableCHK is an immutable file.
type checkableCHK struct {
	c   *Client
	cap caps.CHKVerify
}

func (f checkableCHK) Check(ctx context.Context, o CheckOptions) (*CheckResult, error) {
	return f.c.c.Checker.Check(ctx, f.cap, o)
}

func (f checkableCHK) Repair(ctx context.Context, o CheckOptions) (*RepairResult, error) {
	return f.c.c.Repairer.Repair(ctx, f.cap, o)
}

var (
	_ checkable = (*mutable.File)(nil)
	_ checkable = (*mutable.Verifier)(nil)
)

// A Checked is a file or directory that DeepCheck came to, and how it is. Without shares it has neither Check nor Repair.
type Checked struct {
	Visit
	Check  *CheckResult  // of a check without repair
	Repair *RepairResult // of one with
}

// aheadChecks is how many files are checked at the same time, or wait until those before them are told.
const aheadChecks = 8

// DeepCheck checks root and all that can be reached from it, and repairs it if repair says so. It tells visit of each, in the order
// of Walk and on the caller's goroutine; an error of visit ends it. Its memory does not grow with the tree.
//
// A directory that cannot be read because its shares are lost is told as such, and the rest is checked. If there is another reason, the
// walk ends with it.
func (c *Client) DeepCheck(ctx context.Context, root caps.Cap, repair bool, o CheckOptions, visit func(Checked) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &deepCheck{c: c, ctx: ctx, repair: repair, opts: o, visit: visit}
	defer d.running.Wait()
	defer cancel(errWalked)
	err := c.Walk(ctx, root, d.enter)
	for err == nil && len(d.queue) > 0 {
		err = d.tell()
	}
	return err
}

// A deepCheck is one call of DeepCheck. It belongs to the caller's goroutine.
type deepCheck struct {
	c       *Client
	ctx     context.Context
	repair  bool
	opts    CheckOptions
	visit   func(Checked) error
	queue   []*checking
	running sync.WaitGroup
}

// A checking is a check under way.
type checking struct {
	Checked
	err  error
	done chan struct{}
}

// enter begins to check what the walk came to.
func (d *deepCheck) enter(v Visit) error {
	if len(d.queue) == aheadChecks {
		if err := d.tell(); err != nil {
			return err
		}
	}
	x := &checking{Checked: Checked{Visit: v}, done: make(chan struct{})}
	d.queue = append(d.queue, x)
	d.running.Go(func() {
		defer close(x.done)
		switch {
		case errors.Is(v.Err, ErrProhibited):
		case d.repair:
			x.Repair, x.err = d.c.Repair(d.ctx, v.Cap(), d.opts)
		default:
			x.Check, x.err = d.c.Check(d.ctx, v.Cap(), d.opts)
		}
	})
	return nil
}

// tell waits for the check that was begun first, and tells of it.
func (d *deepCheck) tell() error {
	x := d.queue[0]
	d.queue = d.queue[1:]
	select {
	case <-x.done:
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
	if x.err != nil {
		return x.err
	}
	if err := d.visit(x.Checked); err != nil {
		return err
	}
	if x.Err != nil && !errors.Is(x.Err, ErrProhibited) && !x.lost() {
		return x.Err
	}
	return nil
}

// lost says whether there are too few shares to read what was checked.
func (x *Checked) lost() bool {
	r := x.Check
	if x.Repair != nil {
		r = x.Repair.After
	}
	return r != nil && !r.Recoverable
}
