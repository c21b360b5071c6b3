package basedir

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is what Linux counts in /proc, on every architecture.
const ticksPerSecond = 100

// processStart is when a process began, or the zero time.
func processStart(pid int) time.Time {
	words := processStat(pid)
	if len(words) < 20 {
		return time.Time{}
	}
	ticks, err := strconv.ParseInt(words[19], 10, 64) // field 22 of the line: the first two are cut off
	boot := bootTime()
	if err != nil || boot.IsZero() {
		return time.Time{}
	}
	return boot.Add(time.Duration(ticks) * time.Second / ticksPerSecond)
}

// isZombie says whether a process has ended, and its number lives on because its parent has not asked how. In a
// container whose first process never asks, it lives on for ever.
func isZombie(pid int) bool {
	words := processStat(pid)
	return len(words) > 0 && words[0] == "Z"
}

// processStat are the fields of /proc/PID/stat from the third on, which is the state of the process.
func processStat(pid int) []string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}

func bootTime() time.Time {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	_, rest, _ := strings.Cut(string(stat), "\nbtime ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}
