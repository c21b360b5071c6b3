package keeper

import (
	"fmt"
	"strconv"
	"time"

	"tahoe/internal/plural"
)

// A Status is what a keeper does, and what it knows, for people and programs. It holds no capability.
type Status struct {
	Counts
	Watched     []string // names of the roots
	Retiring    []string // abbreviated identifiers of servers
	Paused      bool
	OutOfReach  bool // too few servers answer
	Connected   int  // servers
	Known       int
	Searching   bool
	Searched    int       // by the search that goes on
	PassAt      time.Time // when the last search ended; zero when there was none
	PassText    string
	Visiting    int       // files being looked at now
	NextDue     time.Time // zero when there is nothing to look at
	In, Out     int64     // bytes from and to servers since the start
	Err         string    // why it is not known what to watch
	Delay       time.Duration
	CheckEvery  time.Duration
	RenewEvery  time.Duration
	VerifyEvery time.Duration // 0: never
}

// Status sums up. It reads an index of all files.
func (k *Keeper) Status() (st Status, err error) {
	now, p := k.c.Clock.Now(), k.c.Policy
	st = Status{Delay: p.Delay(), CheckEvery: p.Check, RenewEvery: p.Renew, VerifyEvery: max(p.Verify, 0), OutOfReach: !k.inReach()}
	st.Connected, st.Known = k.c.Reach()
	st.In, st.Out = k.c.Pace.Moved()
	k.runtime(&st)
	s := k.store.Load()
	if s == nil {
		return st, nil
	}
	if st.Counts, err = k.count(s, now); err != nil {
		return st, err
	}
	if st.NextDue, err = s.NextDue(); err != nil {
		return st, err
	}
	if st.PassText, err = s.meta(metaPassText); err != nil {
		return st, err
	}
	at, err := s.meta(metaPassAt)
	if n, parseErr := strconv.ParseInt(at, 10, 64); parseErr == nil {
		st.PassAt = time.Unix(n, 0)
	}
	return st, err
}

// counted is what was counted last.
type counted struct {
	counts Counts
	until  time.Time // good enough until then
}

// count counts the files, unless that was just done: of many it takes a while, and at most a hundredth of the time is spent on it.
func (k *Keeper) count(s *Store, now time.Time) (Counts, error) {
	k.mu.Lock()
	last := k.counted
	k.mu.Unlock()
	if now.Before(last.until) {
		return last.counts, nil
	}
	n, err := s.Count(now)
	if err != nil {
		return n, err
	}
	done := k.c.Clock.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counted = counted{n, done.Add(100 * done.Sub(now))}
	return n, nil
}

// runtime adds what is in memory.
func (k *Keeper) runtime(st *Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.watch.Roots {
		st.Watched = append(st.Watched, r.Name)
	}
	for _, id := range k.watch.Retiring {
		st.Retiring = append(st.Retiring, id.Abbrev())
	}
	st.Paused, st.Searching, st.Searched, st.Visiting = k.paused, k.passing, k.passed, len(k.visits)
	if k.wrong != nil {
		st.Err = k.wrong.Error()
	}
}

// Bad are at most so many files that are not as they should be, the worst first.
func (k *Keeper) Bad(most int) ([]Facts, error) {
	if s := k.store.Load(); s != nil {
		return s.Bad(most)
	}
	return nil, nil
}

// Events are at most so many of what happened last, the last first.
func (k *Keeper) Events(most int) ([]Event, error) {
	if s := k.store.Load(); s != nil {
		return s.Events(most)
	}
	return nil, nil
}

// A Level says how bad things are.
type Level string

// The levels.
const (
	Idle    Level = "idle"    // nothing is watched
	Good    Level = "good"    // as it should be
	Waiting Level = "waiting" // paused, or out of reach of the grid
	Warning Level = "warning" // shares are missing, and are being replaced
	Trouble Level = "trouble" // a repair failed, or files are out of reach
	Loss    Level = "loss"    // files are lost
)

// Level sums up further.
func (st *Status) Level() Level {
	switch {
	case st.By[Lost] > 0:
		return Loss
	case st.Failing > 0 || st.By[Unreachable] > 0 || st.Err != "":
		return Trouble
	case len(st.Watched) == 0 && st.Files == 0:
		return Idle
	case st.Paused || st.OutOfReach:
		return Waiting
	case st.By[Damaged] > 0:
		return Warning
	}
	return Good
}

// Sentence says in plain words how the files are, as of now.
func (st *Status) Sentence(now time.Time) string {
	text := st.files(now)
	switch {
	case st.Err != "":
		text += " What is to be watched is not known for certain: " + st.Err + "."
	case st.Paused:
		text += " The keeper is paused: nothing is renewed or repaired."
	case st.OutOfReach:
		text += fmt.Sprintf(" The keeper waits for servers: %d of %d are connected.", st.Connected, st.Known)
	}
	return text
}

func (st *Status) files(now time.Time) string {
	bad := st.Bad()
	switch {
	case st.Files == 0 && len(st.Watched) == 0:
		return "Nothing is kept alive: nothing that tahoe keeper list shows is there yet; tahoe keeper add adds to it."
	case st.Files == 0:
		return "The keeper looks for the files that it is to keep alive."
	case st.By[Lost] > 0:
		return fmt.Sprintf("%s lost: too few of %s shares are left, and all servers answered. The first was found so %s.%s",
			number(st.By[Lost], "file is", "files are"), whose(st.By[Lost]), ago(st.Since[Lost], now), st.others(st.By[Lost]))
	case st.By[Unreachable] > 0:
		return fmt.Sprintf("%s out of reach: too few of %s shares are at the servers that answer. The first since %s.%s",
			number(st.By[Unreachable], "file is", "files are"), whose(st.By[Unreachable]), lasting(st.Since[Unreachable], now), st.others(st.By[Unreachable]))
	case st.Failing > 0:
		return fmt.Sprintf("%s at risk: shares are missing since %s, and %s could not be repaired the last time.",
			number(bad, "file is", "files are"), lasting(st.Since[Damaged], now), number(st.Failing, "one", "of them"))
	case bad > 0:
		return fmt.Sprintf("%s shares, the first since %s; each can be read, and is repaired within %s.",
			number(bad, "file misses", "files miss"), lasting(st.Since[Damaged], now), span(st.Delay))
	case st.By[Unseen] > 0:
		return fmt.Sprintf("%d of %s have been looked at, and all their shares are there.", st.By[Healthy], number(st.Files, "file or directory", "files and directories"))
	case st.Files == 1:
		return "The one file or directory that is watched has all its shares."
	}
	return fmt.Sprintf("All %d files and directories that are watched have all their shares.", st.Files)
}

// others says how many more are not well.
func (st *Status) others(told int) string {
	if more := st.Bad() - told; more > 0 {
		return " " + number(more, "more misses shares.", "more miss shares.")
	}
	return ""
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func whose(n int) string {
	if n == 1 {
		return "its"
	}
	return "their"
}

func ago(t, now time.Time) string {
	if now.Sub(t) < time.Minute {
		return "just now"
	}
	return span(now.Sub(t)) + " ago"
}

func lasting(t, now time.Time) string {
	if now.Sub(t) < time.Minute {
		return "just now"
	}
	return span(now.Sub(t))
}

// span is a time in its largest fitting unit.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return plural.Of(int(d.Minutes()), "minute")
	case d < 2*day:
		return plural.Of(int(d.Hours()), "hour")
	}
	return plural.Of(int(d/day), "day")
}
