package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"tahoe/reactor"
)

const (
	triggerEvery = time.Second
	triggerAge   = 120 * time.Second
)

// exitTrigger ends, and the node with it, when the file is removed or nobody has touched it for two minutes: a program that
// starts nodes for a test keeps it fresh, and the nodes end soon after the program.
func exitTrigger(path string, clock reactor.Clock, log *slog.Logger) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		ready()
		for {
			if why, err := triggered(path, clock.Now()); err != nil || why != "" {
				log.Info("stopping", "exit_trigger", why)
				return err
			}
			if reactor.Sleep(ctx, clock, triggerEvery) != nil {
				return nil
			}
		}
	})
}

// triggered says why to stop; "" is to go on.
func triggered(path string, now time.Time) (why string, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it was removed", nil
	case err != nil:
		return "", err
	case now.Sub(info.ModTime()) > triggerAge:
		return "nobody has touched it for two minutes", nil
	}
	return "", nil
}
