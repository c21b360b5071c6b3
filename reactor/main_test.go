package reactor_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tahoe/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMainStopsOnTheFirstSignalAndExitsOnTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal)
		var codes []int
		stopping, finish := make(chan struct{}), make(chan struct{})
		s := reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			if got := context.Cause(ctx); got != reactor.ErrStopping {
				t.Errorf("cause: got %v, want %v", got, reactor.ErrStopping)
			}
			close(stopping)
			<-finish
			return nil
		})
		result := make(chan error, 1)
		go func() {
			result <- reactor.Main(t.Context(), s, reactor.MainConfig{Signals: signals, Exit: func(c int) { codes = append(codes, c) }})
		}()
		synctest.Wait()
		signals <- os.Interrupt
		<-stopping
		if codes != nil {
			t.Fatalf("exited on the first signal with %v", codes)
		}
		signals <- syscall.SIGTERM
		synctest.Wait()
		if len(codes) != 1 || codes[0] != 143 {
			t.Fatalf("exit codes on the second signal: got %v, want [143]", codes)
		}
		close(finish)
		if err := <-result; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

func TestMainEnds(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name string
		run  reactor.ServiceFunc
		want error
	}{
		{"by itself", func(_ context.Context, ready func()) error { ready(); return nil }, nil},
		{"with an error", func(context.Context, func()) error { return broken }, broken},
		{"with a canceled call", func(context.Context, func()) error { return context.Canceled }, context.Canceled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := reactor.Main(t.Context(), test.run, reactor.MainConfig{Signals: make(chan os.Signal)})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil && err.Error() != test.want.Error() {
				t.Errorf("got text %q, want %q", err, test.want)
			}
		})
	}
}

func TestMainEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		ready()
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err := reactor.Main(ctx, s, reactor.MainConfig{Signals: make(chan os.Signal)}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestMainHearsTheProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt itself here")
	}
	s := reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Second):
			return errors.New("the signal did not arrive")
		}
	})
	exit := func(code int) { t.Errorf("exited with %d", code) }
	if err := reactor.Main(t.Context(), s, reactor.MainConfig{Exit: exit}); err != nil {
		t.Error(err)
	}
}
