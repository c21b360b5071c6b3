package gridtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binary builds the program, once in a run of tests, and returns its path.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	_, self, _, _ := runtime.Caller(0)
	// The path is the same in each run, so that nothing piles up and the build is mostly cached.
	path := filepath.Join(os.TempDir(), fmt.Sprintf("tahoe-under-test-%d", os.Getuid()), "tahoe")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	// Another test process may build it at the same time: go build replaces the file whole.
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.CommandContext(context.Background(), "go", "build", "-o", fresh, "./cmd/tahoe")
	build.Dir = filepath.Dir(filepath.Dir(filepath.Dir(self)))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, os.Rename(fresh, path)
})

// A Process is a running program. It ends with the test at the latest.
type Process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	hold io.Closer // standard input: a node stops when it closes
	out  lockedBuffer
	done chan struct{}
}

// Start runs the program with args.
func Start(tb testing.TB, args ...string) *Process {
	tb.Helper()
	return StartProgram(tb, Binary(tb), args...)
}

// StartProgram runs another program with args: one that is a node too, and stops when its standard input closes.
func StartProgram(tb testing.TB, path string, args ...string) *Process {
	tb.Helper()
	p := &Process{tb: tb, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	hold, err := p.cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.hold = hold
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() { // ended by Kill at the latest
		_ = p.cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(p.Kill)
	return p
}

// WaitOutput waits until the program has printed text.
func (p *Process) WaitOutput(text string) {
	p.tb.Helper()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(p.out.String(), text) {
		select {
		case <-p.done:
			p.tb.Fatalf("%v ended before it printed %q:\n%s", p.cmd.Args, text, p.out.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.tb.Fatalf("%v did not print %q:\n%s", p.cmd.Args, text, p.out.String())
		}
	}
}

// Output is what the program has printed.
func (p *Process) Output() string { return p.out.String() }

// Stop asks the program to stop, and waits until it has.
func (p *Process) Stop() {
	p.tb.Helper()
	if runtime.GOOS == "windows" {
		_ = p.hold.Close()
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.tb.Errorf("%v did not stop within 30 s:\n%s", p.cmd.Args, p.out.String())
		p.Kill()
	}
}

// CloseInput closes the program's standard input.
func (p *Process) CloseInput() error { return p.hold.Close() }

// Kill ends the program at once, as a crash would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.hold.Close()
}

// Running says whether the program runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ExitCode is the code with which the program ended.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// PeakMemory is the most memory that the process has had, in bytes; 0 where the system does not tell.
func (p *Process) PeakMemory() int64 { return p.memory("VmHWM:") }

func (p *Process) memory(field string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// CPU is the processor time that the process has used; 0 where the system does not tell.
func (p *Process) CPU() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const user, system, tick = 11, 12, 10 * time.Millisecond
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
