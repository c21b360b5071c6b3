package crawler

// leaseState is lease_checker.state.json.
//
// The original, stopped in mid-cycle, cannot go on from any lease-age-histogram but an empty dictionary: it writes a list, and dies of it
// at each later start. So that is what it gets; ours is kept beside it, under a name that it carries along, and both are added up.
type leaseState struct {
	position
	ToDate *cycleState `json:"cycle-to-date,omitempty"`
}

type cycleState struct {
	Tally
	Ages    Ages `json:"lease-age-histogram"`
	OwnAges Ages `json:"lease-age-histogram-so-far,omitempty"`
}

// saved is a state as it is written.
type saved struct {
	position
	ToDate savedCycle `json:"cycle-to-date"`
}

type savedCycle struct {
	Tally
	Ages    struct{} `json:"lease-age-histogram"`
	OwnAges Ages     `json:"lease-age-histogram-so-far"`
}

func (l *Leases) load() {
	var s leaseState
	if !readState(l.path, &s, l.c.Log) || !s.valid() {
		s = leaseState{position: position{Version: stateVersion}}
	}
	l.pos, l.tally = s.position, newTally()
	if s.ToDate != nil {
		l.tally = s.ToDate.Tally
		l.tally.Ages = s.ToDate.Ages
		l.tally.fill()
		for day, n := range s.ToDate.OwnAges {
			l.tally.Ages[day] += n
		}
	}
	if !readState(historyPath(l.c.Dir), &l.history, l.c.Log) {
		l.history = History{}
	}
	l.history.cycles()
	for key, past := range l.history {
		past.fill()
		l.history[key] = past
	}
}

func (l *Leases) save(p position) error {
	l.mu.Lock()
	t := l.tally.clone()
	l.mu.Unlock()
	if err := l.census.Save(); err != nil {
		return err
	}
	return writeState(l.path, saved{p, savedCycle{Tally: t, OwnAges: t.Ages}})
}

// Report is what the lease checker knows.
type Report struct {
	Progress Progress
	Policy   Policy
	Current  *Tally    // of the cycle that is under way
	Whole    Estimates // what that cycle will have found when it ends
	Left     Estimates // what it will find from now on
	History  History
	Reads    int // buckets of the cycle that were read; the others stood in the index
	position position
}

// Estimates are guesses by the part of the cycle that is done; nil is not known.
type Estimates map[string]*float64

// Report says what the lease checker knows.
func (l *Leases) Report() Report {
	p := l.Progress()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Progress: p, Policy: l.policy, History: l.history, Reads: l.reads, position: l.pos}
	if l.pos.Current == nil {
		return r
	}
	t := l.tally.clone()
	r.Current = &t
	r.Whole, r.Left = estimate(t.Space, p.Percentage)
	return r
}

func estimate(so Recovered, percentage *float64) (whole, left Estimates) {
	whole, left = Estimates{}, Estimates{}
	for _, name := range recoveredNames() {
		whole[name], left[name] = nil, nil
		if percentage != nil && *percentage > 0 {
			done := *percentage / 100
			more := float64(so[name]) * (1 - done) / done
			left[name], whole[name] = &more, new(float64(so[name])+more)
		}
	}
	return whole, left
}

// State is what the original tells about its lease checker, to be written as JSON.
func (r Report) State() any {
	type toDate struct {
		Tally
		Enabled bool  `json:"expiration-enabled"`
		Mode    []any `json:"configured-expiration-mode"`
	}
	type estimated struct {
		Space Estimates `json:"space-recovered"`
	}
	s := struct {
		position
		ToDate  *toDate    `json:"cycle-to-date,omitempty"`
		Left    *estimated `json:"estimated-remaining-cycle,omitempty"`
		Whole   *estimated `json:"estimated-current-cycle,omitempty"`
		History History    `json:"history"`
	}{position: r.position, History: r.History}
	if r.Current != nil {
		s.ToDate = &toDate{*r.Current, r.Policy.Enabled, r.Policy.describe()}
		s.Left, s.Whole = &estimated{r.Left}, &estimated{r.Whole}
	}
	return s
}
