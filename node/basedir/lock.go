package basedir

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// A RunningError says that another process runs the node of this directory.
type RunningError struct {
	Path string
	PID  int // 0: not known
}

func (e *RunningError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("the node in %s is already running; stop that one first", e.Path)
	}
	return fmt.Sprintf("the node in %s is already running, as process %d; stop that one first", e.Path, e.PID)
}

// A Lock keeps other processes from running the node of the same directory. The operating system drops it when the
// process ends, however it ends.
type Lock struct {
	dir  Dir
	file *os.File
}

// Lock takes the directory, or says *RunningError. Programs of the original are kept out, and noticed, by
// running.process, the id of the process and the time of its start; one that a dead process left is replaced.
func (d Dir) Lock() (*Lock, error) {
	f, err := os.OpenFile(d.Path("running.process.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock node directory: %w", err)
	}
	pid, started := d.runningProcess()
	switch err := lockFile(f); {
	case errors.Is(err, errLocked):
		return nil, errors.Join(&RunningError{Path: string(d), PID: pid}, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock node directory: %w", err), f.Close())
	}
	l := &Lock{dir: d, file: f}
	if pid > 0 && pid != os.Getpid() && isRunning(pid, started) {
		return nil, errors.Join(&RunningError{Path: string(d), PID: pid}, f.Close())
	}
	text := fmt.Sprintf("%d %.2f\n", os.Getpid(), seconds(processStart(os.Getpid())))
	if err := WriteNote(d.Path("running.process"), []byte(text), 0o644); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Running says whether some process runs the node of the directory now, and which; 0: not known. It changes nothing.
func (d Dir) Running() (pid int, running bool) {
	pid, started := d.runningProcess()
	if pid > 0 && isRunning(pid, started) {
		return pid, true
	}
	f, err := os.OpenFile(d.Path("running.process.lock"), os.O_RDWR, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	return 0, errors.Is(lockFile(f), errLocked)
}

// Close gives the directory back.
func (l *Lock) Close() error {
	return errors.Join(os.Remove(l.dir.Path("running.process")), l.file.Close())
}

// runningProcess reads running.process; 0 when there is none, or one that says nothing.
func (d Dir) runningProcess() (pid int, started float64) {
	b, err := readSmall(d.Path("running.process"))
	if err != nil {
		return 0, 0
	}
	words := strings.Fields(string(b))
	if len(words) != 2 {
		return 0, 0
	}
	pid, err = strconv.Atoi(words[0])
	if err != nil || pid <= 0 {
		return 0, 0
	}
	started, _ = strconv.ParseFloat(words[1], 64)
	return pid, started
}

// isRunning says whether the process lives that began at that time. Another process that has its number since, as
// often after a reboot, is not it.
func isRunning(pid int, started float64) bool {
	if !alive(pid) || isZombie(pid) {
		return false
	}
	at := processStart(pid)
	const slack = 5 // seconds; clocks are set and times are rounded
	return at.IsZero() || started == 0 || math.Abs(seconds(at)-started) < slack
}

// seconds are those since 1970, or 0 for a time that is not known.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
