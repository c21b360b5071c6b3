package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"tahoe/cmd/tahoe/internal/tally"
)

// A filesMeter draws how far a work on many files is when a person looks on, and writes lines above what it draws. The owner
// calls stop.
type filesMeter struct {
	tally  *tally.Tally
	stderr io.Writer
	screen *os.File // nil: draw nothing

	mu    sync.Mutex // held while a line is written, so that lines do not mix
	marks []stateMark
	drawn bool

	quit chan struct{}
	done sync.WaitGroup
}

type stateMark struct {
	at time.Time
	tally.State
}

func newFilesMeter(e *Env, t *tally.Tally, silent bool) *filesMeter {
	m := &filesMeter{tally: t, stderr: e.Stderr, quit: make(chan struct{})}
	file, ok := e.Stderr.(*os.File)
	if !ok || silent || !IsTerminal(file) || e.Getenv("TERM") == "dumb" {
		return m
	}
	m.screen = file
	m.done.Go(m.run)
	return m
}

func (m *filesMeter) run() {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			m.draw(now)
		case <-m.quit:
			return
		}
	}
}

func (m *filesMeter) draw(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks = append(m.marks, stateMark{now, m.tally.State()})
	for len(m.marks) > 2 && now.Sub(m.marks[0].at) > rateWindow {
		m.marks = m.marks[1:]
	}
	first, last := m.marks[0], m.marks[len(m.marks)-1]
	line := filesLine(last.State, first.State, last.at.Sub(first.at))
	if width, _, err := term.GetSize(int(m.screen.Fd())); err == nil && width > 1 && len(line) >= width {
		line = line[:width-1]
	}
	fmt.Fprintf(m.screen, "\r%s\x1b[K", line)
	m.drawn = true
}

// line writes a line to w, above what is drawn.
func (m *filesMeter) line(w io.Writer, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
	fmt.Fprintln(w, sentenceText(text))
}

// sentenceText is text that may be printed: names come from a grid and from disks, and may hold what drives a terminal.
func sentenceText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

func (m *filesMeter) clear() {
	if m.drawn {
		fmt.Fprint(m.screen, "\r\x1b[K")
		m.drawn = false
	}
}

// stop ends the drawing.
func (m *filesMeter) stop() {
	close(m.quit)
	m.done.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// filesLine is how far a work is that was at another state a while ago.
func filesLine(s, before tally.State, span time.Duration) string {
	var b strings.Builder
	more := ""
	if !s.Known {
		more = "+"
	}
	fmt.Fprintf(&b, "%d of %d%s files", s.Files, max(s.Files, s.TotalFiles), more)
	fmt.Fprintf(&b, "  %s of %s%s", bytesText(s.Bytes), bytesText(max(s.Bytes, s.TotalBytes)), more)
	if span <= 0 {
		return b.String()
	}
	bytes := float64(s.Bytes-before.Bytes) / span.Seconds()
	files := float64(s.Files-before.Files) / span.Seconds()
	fmt.Fprintf(&b, "  %s/s  %.0f files/s", bytesText(int64(max(0, bytes))), files)
	if left := secondsLeft(s, bytes, files); s.Known && left > 0 {
		b.WriteString("  " + leftText(left))
	}
	return b.String()
}

// secondsLeft takes the longer of what is left of the bytes and of the files: small files take their time too.
func secondsLeft(s tally.State, bytes, files float64) float64 {
	left := 0.0
	if bytes > 0 {
		left = float64(s.TotalBytes-s.Bytes) / bytes
	}
	if files > 0 {
		left = max(left, float64(s.TotalFiles-s.Files)/files)
	}
	return left
}

// draws says whether somebody sees how far it is.
func (m *filesMeter) draws() bool { return m.screen != nil }
