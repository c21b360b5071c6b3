package reactor

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
)

// A scope is what a running service inherits from those above it; it travels in the context of Run.
type scope struct {
	work   context.Context // nil above the outermost tree
	log    *slog.Logger
	stacks *sync.Once // the stacks of all goroutines are logged once in a stop, however many are slow
}

type scopeKey struct{}

// scopeOf returns the scope of ctx, whose work is never nil: at the top, work ends with nobody.
func scopeOf(ctx context.Context) scope {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		in := *s
		if in.work == nil {
			in.work = context.WithoutCancel(ctx)
		}
		return in
	}
	return scope{work: context.WithoutCancel(ctx), log: slog.New(slog.DiscardHandler), stacks: new(sync.Once)}
}

func withScope(ctx context.Context, s scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, &s)
}

// withLog makes log the logger of the services below ctx, unless it is nil.
func withLog(ctx context.Context, log *slog.Logger) context.Context {
	if log == nil {
		return ctx
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		in := *s
		in.log = log
		return withScope(ctx, in)
	}
	return withScope(ctx, scope{log: log, stacks: new(sync.Once)})
}

// maxStacks bounds the stacks that a stop logs.
const maxStacks = 1 << 20

func (s scope) logStacks(name string) {
	s.stacks.Do(func() {
		b := make([]byte, maxStacks)
		s.log.Error("goroutines while a service does not stop", "service", name, "stacks", string(b[:runtime.Stack(b, true)]))
	})
}
