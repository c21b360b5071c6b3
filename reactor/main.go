package reactor

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// MainConfig is what Main may be given.
type MainConfig struct {
	Log     *slog.Logger     // nil: silent
	Signals <-chan os.Signal // nil: SIGINT and SIGTERM of the process
	Exit    func(code int)   // nil: os.Exit
}

// Main runs s, the whole of a process, until it ends, ctx ends, or a signal comes. The first signal stops s in order; the
// second leaves the process at once, with 128 and the signal's number as its exit code. An orderly stop returns nil.
func Main(ctx context.Context, s Service, c MainConfig) error {
	ctx = withLog(ctx, c.Log)
	if c.Exit == nil {
		c.Exit = os.Exit
	}
	if c.Signals == nil {
		ch := make(chan os.Signal, 2)
		signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(ch)
		c.Signals = ch
	}
	ended := make(chan *running, 1)
	r := start(ctx, "main", Child{Service: s}, ended)
	select {
	case <-ended:
		_ = r.halt() // it has ended: this frees its contexts
		return r.failure(false)
	case sig := <-c.Signals:
		r.scope.log.Info("stopping; a second signal exits at once", "signal", sig.String())
	case <-ctx.Done():
	}
	return stopMain(r, c)
}

// stopMain stops r in order, and exits on the next signal.
func stopMain(r *running, c MainConfig) error {
	stopped := make(chan error, 1)
	go func() { stopped <- r.halt() }() // received below
	for {
		select {
		case err := <-stopped:
			return err
		case sig := <-c.Signals:
			r.scope.log.Warn("second signal: exiting at once", "signal", sig.String())
			c.Exit(exitCode(sig))
		}
	}
}

func exitCode(sig os.Signal) int {
	if n, ok := sig.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return 130
}
