package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tahoe/reactor"
)

const (
	triggerEvery = time.Second
	triggerAge   = 120 * time.Second
)

// exitTrigger ends when the file is removed or nobody has touched it for two minutes: a program that starts nodes for a
// test keeps it fresh, and the nodes end soon after the program.
func exitTrigger(path string, clock reactor.Clock) reactor.Service {
	return reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		ready()
		for {
			if err := triggered(path, clock.Now()); err != nil {
				return err
			}
			timer := clock.NewTimer(triggerEvery)
			select {
			case <-timer.C():
			case <-ctx.Done():
				timer.Stop()
				return nil
			}
		}
	})
}

// ErrExitTrigger is how a node ends that was told to by its file exit_trigger.
var ErrExitTrigger = errors.New("exit_trigger says to stop")

func triggered(path string, now time.Time) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it was removed", ErrExitTrigger)
	case err != nil:
		return err
	case now.Sub(info.ModTime()) > triggerAge:
		return fmt.Errorf("%w: it is older than %v", ErrExitTrigger, triggerAge)
	}
	return nil
}
