package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	drawEvery  = 200 * time.Millisecond
	rateWindow = 3 * time.Second
)

// A meter counts the bytes of a transfer, and draws how far it is when a person looks on. It uses no colour, so that
// NO_COLOR asks for nothing more.
type meter struct {
	out   io.Writer // nil: draw nothing
	width func() int
	now   func() time.Time
	total int64  // -1: unknown
	last  string // what is left when all bytes are through
	text  func(int64) string

	mu    sync.Mutex
	done  int64
	drawn time.Time
	marks []mark // the last few seconds, for the rate
}

type mark struct {
	at   time.Time
	done int64
}

// newMeter draws on standard error when that is a terminal which understands more than lines.
func newMeter(e *Env, total int64, silent bool) *meter {
	m := &meter{total: total, now: time.Now, width: func() int { return 80 }, text: bytesText}
	if file, ok := e.Stderr.(*os.File); ok && !silent && IsTerminal(file) && e.Getenv("TERM") != "dumb" {
		m.out = file
		m.width = func() int {
			w, _, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 80
			}
			return w
		}
	}
	m.marks = []mark{{at: m.now()}}
	m.drawn = m.now()
	return m
}

// newCounter is a meter of objects instead of bytes.
func newCounter(e *Env, silent bool) *meter {
	m := newMeter(e, -1, silent)
	m.text = objectsText
	return m
}

func objectsText(n int64) string { return fmt.Sprintf("%d objects", n) }

// set says how much is done now.
func (m *meter) set(done int64) {
	m.mu.Lock()
	have := m.done
	m.mu.Unlock()
	m.add(done - have)
}

// clear takes the line away, so that something else can be written.
func (m *meter) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out != nil {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// begin says how much there is to come, and how much of it is here already.
func (m *meter) begin(total, have int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total, m.done = total, have
	m.marks = []mark{{m.now(), have}}
}

// reader counts what is read from r. net/http may read it on another goroutine than the meter's owner.
func (m *meter) reader(r io.Reader) io.Reader { return &metered{r: r, m: m} }

type metered struct {
	r io.Reader
	m *meter
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.m.add(int64(n))
	return n, err
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.out == nil {
		return
	}
	now := m.now()
	if now.Sub(m.drawn) < drawEvery && m.done != m.total {
		return
	}
	m.drawn = now
	m.marks = append(m.marks, mark{now, m.done})
	for len(m.marks) > 2 && now.Sub(m.marks[0].at) > rateWindow {
		m.marks = m.marks[1:]
	}
	first := m.marks[0]
	line := progressLine(m.text, m.done, m.total, m.done-first.done, now.Sub(first.at))
	if m.done == m.total {
		line += "  " + m.last
	}
	if most := m.width() - 1; len(line) > most && most > 0 {
		line = line[:most]
	}
	fmt.Fprintf(m.out, "\r%s\x1b[K", strings.TrimSpace(line))
}

// finish clears the line.
func (m *meter) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out != nil {
		fmt.Fprint(m.out, "\r\x1b[K")
		m.out = nil
	}
}

// progressLine is how far a transfer is, of which recent bytes took span.
func progressLine(text func(int64) string, done, total, recent int64, span time.Duration) string {
	line := text(done)
	if total >= 0 {
		line += " of " + text(total)
	}
	if total > 0 {
		line += fmt.Sprintf("  %d%%", done*100/total)
	}
	if span <= 0 || recent <= 0 || done == total {
		return line
	}
	rate := float64(recent) / span.Seconds()
	line += "  " + text(int64(rate)) + "/s"
	if total > done {
		line += "  " + leftText(float64(total-done)/rate)
	}
	return line
}

func leftText(seconds float64) string {
	const day = 24 * 60 * 60
	if seconds >= 10*day {
		return "more than 10 days left"
	}
	d := time.Duration(seconds*float64(time.Second)).Round(time.Second) + time.Second
	return d.String() + " left"
}

// bytesText is a size for people, in powers of a thousand.
func bytesText(n int64) string {
	f, unit := float64(n), 0
	for f >= 999.5 && unit < 6 {
		f, unit = f/1000, unit+1
	}
	switch {
	case unit == 0:
		return fmt.Sprintf("%d B", n)
	case f < 99.5:
		return fmt.Sprintf("%.1f %cB", f, "kMGTPE"[unit-1])
	}
	return fmt.Sprintf("%.0f %cB", f, "kMGTPE"[unit-1])
}
