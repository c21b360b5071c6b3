// Package trace lets somebody look on while files are transferred: which server is asked for what, when it answers, and which
// segment is put together when. It is for those who ask servers (lafs/grid) and put files together (lafs/immutable,
// lafs/mutable), and for those who show it to people.
//
// The invariant: a transfer that nobody looks at pays one look into its context for each call of a server, and takes no memory. What
// is told holds no capability: servers, share numbers, offsets and sizes.
package trace

import (
	"context"

	"tahoe/storage"
)

// An Observer is told of one transfer. Its methods, and the functions that they return, are called by several goroutines at once, and
// must not wait. It takes the times itself, and is to bound what it remembers.
type Observer interface {
	// Call is told that a server is asked for something. What it returns is called once, when the answer is there.
	Call(Call) (answered func(Answer))
	// Segment is told that a piece of the file is being fetched. Of what it returns the first is called when there is enough to
	// decode it, the second when it is verified and decoded, or is not going to be.
	Segment(Segment) (fetched func(), done func(error))
	// Survey is told that the versions of a mutable file are looked for. The calls of that are told to the Observer that it returns;
	// over is called at the end.
	Survey(mode string) (inner Observer, over func(error))
}

// A Call is what a server is asked for.
type Call struct {
	Server string // identifier
	Name   string // for people
	Op     Op
	Shares []storage.ShareNum // which it is about; none: all that the server has
	Span   storage.Span       // of each of them
}

// An Op is a kind of Call.
type Op string

// The kinds of calls.
const (
	List      Op = "list shares"
	Allocate  Op = "allocate shares"
	Read      Op = "read share"
	Write     Op = "write share"
	ReadSlot  Op = "read mutable shares"
	WriteSlot Op = "write mutable shares"
)

// An Answer is what came of a Call.
type Answer struct {
	Shares []storage.ShareNum // that the server has, or has taken
	Bytes  int64              // that came, or went
	Err    error
}

// A Segment is a piece of a file: one segment, or several that are fetched together.
type Segment struct {
	Number, Count int
	Span          storage.Span // of the file
}

type key struct{}

// With makes a context in which o is told of all that happens.
func With(ctx context.Context, o Observer) context.Context { return context.WithValue(ctx, key{}, o) }

// From is who looks on, and nil when nobody does.
func From(ctx context.Context) Observer {
	o, _ := ctx.Value(key{}).(Observer)
	return o
}

// Begin tells whoever looks on of a call. What it returns is never nil.
func Begin(ctx context.Context, c func() Call) (answered func(Answer)) {
	if o := From(ctx); o != nil {
		return o.Call(c())
	}
	return unseen
}

func unseen(Answer) {}
