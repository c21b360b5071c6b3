package node_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tahoe/node"
	"tahoe/reactor/reactortest"
)

// TestExitTrigger: the node ends in order when the file vanishes or grows old, and not before.
func TestExitTrigger(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, node.CreateConfig{})
	trigger := filepath.Join(dir, "exit_trigger")
	tests := []struct {
		name string
		stop func(*reactortest.Clock)
	}{
		{"removed", func(*reactortest.Clock) { _ = os.Remove(trigger) }},
		{"old", func(c *reactortest.Clock) { c.Advance(3 * time.Minute) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, trigger, "")
			clock := reactortest.NewClock(time.Now())
			common := shared(t)
			common.Clock = clock
			n, err := node.Open(dir, common)
			if err != nil {
				t.Fatal(err)
			}
			done, ready := make(chan error, 1), make(chan struct{})
			go func() { done <- n.Run(t.Context(), func() { close(ready) }) }()
			<-ready
			for range 5 {
				clock.BlockUntil(1)
				clock.Advance(time.Second)
			}
			clock.BlockUntil(1)
			select {
			case err := <-done:
				t.Fatalf("ended before it should: %v", err)
			default:
			}
			tt.stop(clock)
			if clock.Timers() > 0 {
				clock.Advance(time.Second)
			}
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
