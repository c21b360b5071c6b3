package sim_test

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"tahoe/lafs/mutable"
)

// An outcome is what an operation said of itself.
type outcome uint8

const (
	running outcome = iota
	done            // it took place between its beginning and its end
	unknown         // it may take place at any time from its beginning on, or never
	nowhere         // it did not take place
)

func (o outcome) String() string { return [...]string{"running", "done", "unknown", "nowhere"}[o] }

// A record is one operation of the history.
type record struct {
	kind       byte   // 'M'odify, 'O'verwrite, 'W'riteAt, 'I'nitial
	mark       string // what it writes
	slot       int    // of WriteAt
	begin, end int    // in the order of all events
	outcome    outcome
	version    mutable.Version
}

// ended is when an operation had taken place at the latest.
func (r *record) ended() int {
	if r.outcome == done {
		return r.end
	}
	return math.MaxInt
}

// A history is what all writers did, and what they saw.
type history struct {
	mu     sync.Mutex
	now    int
	writes []*record
	byMark map[string]*record
	seen   map[mutable.Version]string // contents of versions
	log    []string
	wrong  []string // what must not have happened
	filler int
	met    int // how often a server refused a write because its share was another
}

func newHistory(filler int) *history {
	return &history{byMark: make(map[string]*record), seen: make(map[mutable.Version]string), filler: filler}
}

func (h *history) event() int { h.now++; return h.now }

// begin notes that a write begins.
func (h *history) begin(kind byte, mark string, slot int) *record {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &record{kind: kind, mark: mark, slot: slot, begin: h.event()}
	h.writes = append(h.writes, r)
	h.byMark[mark] = r
	h.logf("%s begins", mark)
	return r
}

// end notes how a write ended.
func (h *history) end(r *record, o outcome, v mutable.Version, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.end, r.outcome, r.version = h.event(), o, v
	h.logf("%s is %v: version %v, %v", r.mark, o, v, err)
	if o != done {
		return
	}
	for _, other := range h.writes {
		if other != r && other.outcome == done && other.end < r.begin && other.version.Seqnum > v.Seqnum {
			h.wrongf("%s became version %v, after %s had become %v", r.mark, v, other.mark, other.version)
		}
	}
}

// reading notes that a read begins.
func (h *history) reading() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.event()
}

// anyTime is the beginning of a read that may see what was there at any time.
const anyTime = 0

// read checks what a read saw that began at begin. v is the zero Version where it is not known.
func (h *history) read(who string, begin int, b []byte, v mutable.Version) contents {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := parse(b, h.filler)
	if err != nil {
		h.wrongf("%s: %v", who, err)
		return c
	}
	h.logf("%s saw version %v: %v", who, v, c)
	if v != (mutable.Version{}) {
		h.sameVersion(who, b, v)
	}
	for _, problem := range h.check(c, begin) {
		h.wrongf("%s: %s in %v", who, problem, c)
	}
	return c
}

func (h *history) sameVersion(who string, b []byte, v mutable.Version) {
	if before, ok := h.seen[v]; ok && before != string(b) || v.Size != int64(len(b)) {
		h.wrongf("%s: version %v (%d bytes) has other contents than before", who, v, v.Size)
	}
	h.seen[v] = string(b)
}

// check explains contents by the history: what an operation did that began when the time was begin, or later, need not be there.
func (h *history) check(c contents, begin int) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	base := h.byMark[c.base]
	if base == nil || base.outcome == nowhere || base.kind != 'O' && base.kind != 'I' {
		add("base %q was not written", c.base)
		return problems
	}
	problems = append(problems, h.checkTokens(c, base)...)
	last := [slots]*record{}
	for i, m := range c.slots {
		last[i] = base
		if m == empty {
			continue
		}
		w := h.byMark[m]
		if w == nil || w.outcome == nowhere || w.kind != 'W' || w.slot != i {
			add("%q was not written into slot %d", m, i)
			continue
		}
		if w.ended() < base.begin {
			add("%s survived %s, which came later", m, c.base)
		}
		last[i] = w
	}
	for _, w := range h.writes {
		if w.outcome != done || w.end > begin {
			continue
		}
		switch {
		case w.kind == 'M' && !c.has(w.mark) && base.ended() < w.begin,
			w.kind == 'O' && w != base && base.ended() < w.begin,
			w.kind == 'W' && c.slots[w.slot] != w.mark && last[w.slot].ended() < w.begin:
			add("%s is lost, which was done (version %v)", w.mark, w.version)
		}
	}
	return problems
}

// checkTokens checks that tokens were written, once, behind the base, and in an order in which they can have been.
func (h *history) checkTokens(c contents, base *record) (problems []string) {
	for i, m := range c.tokens {
		w := h.byMark[m]
		switch {
		case w == nil || w.outcome == nowhere || w.kind != 'M':
			problems = append(problems, fmt.Sprintf("%q was not written", m))
			continue
		case c.index(m) != i:
			problems = append(problems, fmt.Sprintf("%s is there twice", m))
		case w.ended() < base.begin:
			problems = append(problems, fmt.Sprintf("%s survived %s, which came later", m, c.base))
		}
		for _, before := range c.tokens[:i] {
			if b := h.byMark[before]; b != nil && w.ended() < b.begin {
				problems = append(problems, fmt.Sprintf("%s stands in front of %s, which came first", before, m))
			}
		}
	}
	return problems
}

func (h *history) logf(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf("%4d ", h.now)+fmt.Sprintf(format, args...))
}

// note adds to the log, for whoever reads it.
func (h *history) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logf(format, args...)
}

func (h *history) wrongf(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	h.logf("WRONG: %s", problem)
	h.wrong = append(h.wrong, problem)
}

// wrote notes whether a server wrote what it was asked to.
func (h *history) wrote(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !yes {
		h.met++
	}
}

// count is how many writes ended with an outcome.
func (h *history) count(o outcome) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.writes {
		if w.outcome == o {
			n++
		}
	}
	return n
}

// problems are what must not have happened.
func (h *history) problems() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.wrong)
}
