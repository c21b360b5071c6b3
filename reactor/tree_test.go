package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/reactor"
)

// journal records what services do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) want(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("got %q, want %q", j.lines, want)
	}
}

// child starts and stops in the times given, and writes both down.
func (j *journal) child(name string, up, down time.Duration) reactor.Child {
	return reactor.Child{Name: name, Service: reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		j.add("start " + name)
		time.Sleep(up)
		j.add("ready " + name)
		ready()
		ready() // more calls do nothing
		<-ctx.Done()
		time.Sleep(down)
		j.add("stopped " + name)
		return context.Cause(ctx)
	})}
}

// failing becomes ready, unless it fails at once, and ends with err after d.
func failing(name string, d time.Duration, err error) reactor.Child {
	return reactor.Child{Name: name, Service: reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		if d > 0 {
			ready()
		}
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return nil
		}
	})}
}

func never() {}

func TestTreeStartsInOrderAndStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		tree := reactor.NewTree("node", j.child("a", time.Second, time.Second), j.child("b", time.Minute, 0), j.child("c", 0, time.Second))
		ctx, stop := context.WithCancel(t.Context())
		err := tree.Run(ctx, func() { j.add("ready tree"); stop() })
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
		j.want(t, "start a", "ready a", "start b", "ready b", "start c", "ready c", "ready tree",
			"stopped c", "stopped b", "stopped a")
	})
}

func TestTreeWithoutChildrenRunsUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if err := reactor.NewTree("empty").Run(ctx, stop); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestTreeStopsWhenAChildEnds(t *testing.T) {
	broken := errors.New("port 80 is busy")
	tests := []struct {
		name  string
		child reactor.Child
		want  string
	}{
		{"with an error", failing("web", time.Hour, broken), "web: port 80 is busy"},
		{"well", failing("web", time.Hour, nil), ""},
		{"with an error before it is ready", failing("web", 0, broken), "web: port 80 is busy"},
		{"well before it is ready", failing("web", 0, nil), "web: ended before it was ready"},
		{"canceled by nobody", failing("web", time.Hour, context.Canceled), "web: context canceled"},
		{"in a nested tree", reactor.Child{Name: "client", Service: reactor.NewTree("client", failing("web", time.Hour, broken))},
			"client: web: port 80 is busy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				tree := reactor.NewTree("node", j.child("disk", 0, time.Second), test.child)
				err := tree.Run(t.Context(), never)
				if got := text(err); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if strings.Contains(test.want, "busy") && !errors.Is(err, broken) {
					t.Errorf("errors.Is(%v, %v) is false", err, broken)
				}
				j.want(t, "start disk", "ready disk", "stopped disk")
			})
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTreeFailingInItsStartStartsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		hang := reactor.ServiceFunc(func(ctx context.Context, _ func()) error {
			<-ctx.Done()
			return errors.New("had not begun")
		})
		tree := reactor.NewTree("node", failing("disk", time.Second, errors.New("disk full")),
			reactor.Child{Name: "hang", Service: hang}, j.child("web", 0, 0))
		err := tree.Run(t.Context(), func() { t.Error("ready") })
		if got, want := text(err), "disk: disk full; then hang: had not begun"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		j.want(t)
	})
}

func TestTreeStoppedInItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		tree := reactor.NewTree("node", j.child("a", 0, 0), j.child("b", 5*time.Second, 0), j.child("c", 0, 0))
		if err := tree.Run(ctx, func() { t.Error("ready") }); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		j.want(t, "start a", "ready a", "start b", "ready b", "stopped b", "stopped a")
	})
}

func TestTreeNamesWhoPanics(t *testing.T) {
	boom := errors.New("index out of range")
	tree := reactor.NewTree("node", reactor.Child{Name: "web", Service: reactor.ServiceFunc(func(context.Context, func()) error { panic(boom) })})
	var log bytes.Buffer
	tree.Log = slog.New(slog.NewTextHandler(&log, nil))
	err := tree.Run(t.Context(), never)
	p, ok := errors.AsType[*reactor.PanicError](err)
	if !ok || !errors.Is(err, boom) || text(err) != "web: panic: index out of range" {
		t.Fatalf("got %v, want a panic of web", err)
	}
	if !strings.Contains(string(p.Stack), "TestTreeNamesWhoPanics") {
		t.Errorf("stack does not show where:\n%s", p.Stack)
	}
	if n := strings.Count(log.String(), "service panicked"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, &log)
	}
}

func TestErrorsWhileStopping(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"canceled", context.Canceled, ""},
		{"stopping", reactor.ErrStopping, ""},
		{"unfinished", errors.New("3 uploads cut"), "web: 3 uploads cut"},
		{"out of time", context.DeadlineExceeded, "web: context deadline exceeded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				return test.err
			})
			ctx, stop := context.WithCancel(t.Context())
			err := reactor.NewTree("node", reactor.Child{Name: "web", Service: s}).Run(ctx, stop)
			if got := text(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// slow stops only some time after it was told to, and says when its work was cut.
func slow(name string, grace, stop time.Duration, cut *time.Duration) reactor.Child {
	return reactor.Child{Name: name, Grace: grace, Service: reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		told := time.Now()
		end := time.After(stop)
		select {
		case <-reactor.Work(ctx).Done():
			*cut = time.Since(told)
			<-end
		case <-end:
		}
		return nil
	})}
}

func TestGraceCutsWorkAndNamesWhoIsSlow(t *testing.T) {
	tests := []struct {
		name   string
		stop   time.Duration
		cut    time.Duration // 0: not
		log    []string
		silent []string
	}{
		{"in time", 4 * time.Second, 0, nil, []string{"slow to stop", "goroutines"}},
		{"late", 6 * time.Second, 5 * time.Second, []string{"slow to stop", "service=node/web"}, []string{"goroutines"}},
		{"very late", time.Hour, 5 * time.Second, []string{"slow to stop", "does not stop", "goroutines", ".slow."}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var cut time.Duration
				var j journal
				tree := reactor.NewTree("node", j.child("disk", 0, 0), slow("web", 5*time.Second, test.stop, &cut))
				tree.Log = slog.New(slog.NewTextHandler(&log, nil))
				ctx, stop := context.WithCancel(t.Context())
				if err := tree.Run(ctx, stop); err != nil {
					t.Errorf("got %v, want nil", err)
				}
				if cut != test.cut {
					t.Errorf("work cut after %v, want %v", cut, test.cut)
				}
				j.want(t, "start disk", "ready disk", "stopped disk") // waited for its turn
				wantLog(t, log.String(), test.log, test.silent)
			})
		})
	}
}

func wantLog(t *testing.T, log string, want, not []string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(log, s) {
			t.Errorf("log lacks %q:\n%s", s, log)
		}
	}
	for _, s := range not {
		if strings.Contains(log, s) {
			t.Errorf("log has %q:\n%s", s, log)
		}
	}
}

func TestStacksAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		host := reactor.NewHost(slog.New(slog.NewTextHandler(&log, nil)))
		for _, n := range []string{"one", "two"} {
			var cut time.Duration
			host.Add(n, reactor.NewTree(n, slow("web", time.Second, time.Hour, &cut)))
		}
		ctx, stop := context.WithCancel(t.Context())
		if err := host.Run(ctx, stop); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if n := strings.Count(log.String(), "goroutines while"); n != 1 {
			t.Errorf("stacks logged %d times, want once", n)
		}
		wantLog(t, log.String(), []string{"service=one/web", "service=two/web"}, nil)
	})
}

func TestCutReachesNestedServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner time.Duration
		nested := reactor.NewTree("client", slow("web", time.Minute, 2*time.Minute, &inner))
		tree := reactor.NewTree("node", reactor.Child{Name: "client", Service: nested, Grace: time.Second})
		ctx, stop := context.WithCancel(t.Context())
		if err := tree.Run(ctx, stop); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if want := time.Second; inner != want {
			t.Errorf("inner work cut after %v, want %v", inner, want)
		}
	})
}

func TestGraceOfATreeIsThatOfItsChildren(t *testing.T) {
	tree := reactor.NewTree("node",
		reactor.Child{Name: "a", Service: reactor.NewTree("a"), Grace: time.Minute},
		reactor.Child{Name: "b", Service: reactor.ServiceFunc(nil)})
	if got, want := tree.Grace(), time.Minute+reactor.DefaultGrace; got != want {
		t.Errorf("tree: got %v, want %v", got, want)
	}
	host := reactor.NewHost(nil)
	host.Add("one", tree)
	host.Add("two", reactor.NewTree("two"))
	if got, want := host.Grace(), time.Minute+reactor.DefaultGrace; got != want {
		t.Errorf("host: got %v, want %v", got, want)
	}
}

func TestWorkOutsideOfATreeIsTheContextItself(t *testing.T) {
	if got := reactor.Work(t.Context()); got != t.Context() {
		t.Errorf("got %v, want the context", got)
	}
}

func TestAChildSeesTheValuesOfTheContext(t *testing.T) {
	type key struct{}
	ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
	var got any
	s := reactor.ServiceFunc(func(ctx context.Context, ready func()) error {
		got = reactor.Work(ctx).Value(key{})
		ready()
		return nil
	})
	defer stop()
	if err := reactor.NewTree("node", reactor.Child{Name: "a", Service: s}).Run(ctx, never); err != nil || got != "v" {
		t.Errorf("got %v, %v, want v, nil", got, err)
	}
}
