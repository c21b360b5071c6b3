package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tahoe/storage"
)

// An Op is a class of calls to a server.
type Op string

// The operations, one for each method of storage.Server, its writers and its readers.
const (
	OpAny          Op = ""
	OpVersion      Op = "Version"
	OpAllocate     Op = "Allocate"
	OpBuckets      Op = "Buckets"
	OpWrite        Op = "Write"
	OpClose        Op = "Close"
	OpAbort        Op = "Abort"
	OpRead         Op = "Read"
	OpSlot         Op = "Slot"
	OpReadSlot     Op = "ReadSlot"
	OpTestAndWrite Op = "TestAndWrite"
	OpAddLease     Op = "AddLease"
	OpAdvise       Op = "AdviseCorrupt"
)

// NoShare is the share number of a call that is not about one share.
const NoShare storage.ShareNum = -1

// A Call is one call to a Faulty.
type Call struct {
	Op    Op
	Index storage.Index
	Share storage.ShareNum // NoShare when the call is not about one share
	Span  storage.Span     // of Read and Write
}

// String is the call in short.
func (c Call) String() string {
	out := string(c.Op) + " " + c.Index.Abbrev()
	if c.Share != NoShare {
		out += fmt.Sprintf("/%d", c.Share)
	}
	if c.Op == OpRead || c.Op == OpWrite {
		out += fmt.Sprintf(" [%d,%d)", c.Span.Offset, c.Span.End())
	}
	return out
}

// When says which calls a fault strikes. Its zero value is every call.
type When struct {
	Op     Op
	Index  storage.Index      // zero: any
	Shares []storage.ShareNum // nil: any
	Nth    int                // only the nth of the calls that match otherwise, from 1 on; 0: all of them
	From   int                // only the nth and later; 0: all of them
}

func (w When) matches(c Call) bool {
	if w.Op != OpAny && w.Op != c.Op || w.Index != (storage.Index{}) && w.Index != c.Index {
		return false
	}
	if w.Shares == nil {
		return true
	}
	return slices.Contains(w.Shares, c.Share)
}

// String is the condition in words.
func (w When) String() string {
	var out []string
	if w.Op == OpAny {
		out = append(out, "any call")
	} else {
		out = append(out, string(w.Op))
	}
	if w.Index != (storage.Index{}) {
		out = append(out, "of "+w.Index.Abbrev())
	}
	if w.Shares != nil {
		out = append(out, fmt.Sprintf("share %v", w.Shares))
	}
	if w.Nth > 0 {
		out = append(out, fmt.Sprintf("time %d", w.Nth))
	}
	if w.From > 0 {
		out = append(out, fmt.Sprintf("from time %d on", w.From))
	}
	return strings.Join(out, " ")
}

// A Fault is an Effect on the calls that When selects.
type Fault struct {
	When   When
	Effect Effect
}

// String is the fault in words.
func (f Fault) String() string { return f.When.String() + ": " + f.Effect.String() }

// An Effect is what a fault does to a call: what of it the server behind sees, and what the caller sees. Make it with
// one of the functions below.
type Effect struct {
	kind  effectKind
	err   error
	delay time.Duration
	at    int64
	mask  byte
}

type effectKind uint8

const (
	kindFail effectKind = iota
	kindApply
	kindHang
	kindDelay
	kindTruncate
	kindBreak
	kindVanish
	kindStall
	kindFlip
)

// ErrFault is in every error that a Faulty makes up without being told one.
var ErrFault = errors.New("injected fault")

// Fail answers with err. The call does not reach the server behind.
func Fail(err error) Effect { return Effect{kind: kindFail, err: err} }

// ApplyThenFail lets the server behind do the call, and then answers with err: the caller cannot know that it was done.
func ApplyThenFail(err error) Effect { return Effect{kind: kindApply, err: err} }

// Hang answers only when the caller's context ends.
func Hang() Effect { return Effect{kind: kindHang} }

// Delay waits before the call goes on to the server behind.
func Delay(d time.Duration) Effect { return Effect{kind: kindDelay, delay: d} }

// Truncate ends the stream of a Read after n bytes as if the share ended there.
func Truncate(n int64) Effect { return Effect{kind: kindTruncate, at: n} }

// Break fails the stream of a Read with err after n bytes.
func Break(n int64, err error) Effect { return Effect{kind: kindBreak, at: n, err: err} }

// Stall lets the stream of a Read hang after n bytes, until the context of Read ends or the stream is closed.
func Stall(n int64) Effect { return Effect{kind: kindStall, at: n} }

// Vanish fails the stream of a Read after n bytes, and the server is down from then on: all its streams and calls fail.
// For calls other than Read the server is down at once.
func Vanish(n int64) Effect { return Effect{kind: kindVanish, at: n} }

// Flip flips the bits of mask in the byte at offset of the share, whichever Read or ReadSlot it passes through.
func Flip(offset int64, mask byte) Effect { return Effect{kind: kindFlip, at: offset, mask: mask} }

// String is the effect in words.
func (e Effect) String() string {
	switch e.kind {
	case kindFail:
		return fmt.Sprintf("fails with %q", e.err)
	case kindApply:
		return fmt.Sprintf("is done, but fails with %q", e.err)
	case kindHang:
		return "hangs"
	case kindDelay:
		return fmt.Sprintf("takes %v longer", e.delay)
	case kindTruncate:
		return fmt.Sprintf("ends after %d bytes", e.at)
	case kindBreak:
		return fmt.Sprintf("fails after %d bytes with %q", e.at, e.err)
	case kindStall:
		return fmt.Sprintf("hangs after %d bytes", e.at)
	case kindVanish:
		return fmt.Sprintf("the server vanishes after %d bytes", e.at)
	default:
		return fmt.Sprintf("byte %d has bits %#02x flipped", e.at, e.mask)
	}
}

// FlipBit is the fault of a share with one flipped bit at offset.
func FlipBit(n storage.ShareNum, offset int64) Fault {
	return Fault{When{Shares: []storage.ShareNum{n}}, Flip(offset, 1)}
}

// FailAll is the fault of a server that answers every call of op with err.
func FailAll(op Op, err error) Fault { return Fault{When{Op: op}, Fail(err)} }

// HangAll is the fault of a server that answers no call of op.
func HangAll(op Op) Fault { return Fault{When{Op: op}, Hang()} }

// VanishReading is the fault of a server that goes away in the middle of reading share n, after so many bytes of the
// stream.
func VanishReading(n storage.ShareNum, after int64) Fault {
	return Fault{When{Op: OpRead, Shares: []storage.ShareNum{n}}, Vanish(after)}
}

// hang waits for the end of ctx.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// sleep waits for d, or until ctx ends.
