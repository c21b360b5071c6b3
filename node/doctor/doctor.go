// Package doctor looks at a node from outside, while it runs or not, and says in one sentence each what is wrong and what to do
// about it: directory, settings, keys and certificates, disk, ports, introducers, servers, clock, leases. It is for the command
// "tahoe doctor".
//
// The invariant: it changes nothing that a node reads. What it tries on a disk, it removes; to others it speaks as a stranger, by a
// certificate of the moment, because a node must not meet its own Tub on a connection. No finding holds a secret: it is made of
// names, numbers, and errors that quote none.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tahoe/node/basedir"
	"tahoe/node/config"
	"tahoe/reactor"
)

// A Level says how bad a finding is.
type Level string

// The levels. A Problem keeps the node from something that it is for; a Warning will, or may.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Problem Level = "problem"
)

// A Finding is one thing that was looked at. It is only ever extended.
type Finding struct {
	Area   string `json:"area"`
	Level  Level  `json:"level"`
	Text   string `json:"text"`             // one sentence: how it is
	Advice string `json:"advice,omitempty"` // one sentence: what to do
}

// A Report is what was found. It is only ever extended.
type Report struct {
	Dir      string    `json:"directory"`
	Running  bool      `json:"running"`
	Findings []Finding `json:"findings"`
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
}

// Config adjusts an examination. Its zero value works.
type Config struct {
	Clock reactor.Clock // the system's
	// Patience is how long introducers and servers may take to answer; DefaultPatience.
	Patience time.Duration
}

// DefaultPatience is more than a server needs that is worth using.
const DefaultPatience = 10 * time.Second

// The areas, in the order in which they are looked at.
const (
	areaDirectory    = "directory"
	areaSettings     = "settings"
	areaDisk         = "disk"
	areaCertificates = "certificates"
	areaPorts        = "ports"
	areaIntroducers  = "introducers"
	areaServers      = "servers"
	areaHelper       = "helper"
	areaClock        = "clock"
	areaLeases       = "leases"
)

// An examination is what one look at a node knows.
type examination struct {
	c        Config
	log      *slog.Logger
	dir      basedir.Dir
	kind     basedir.Kind
	file     *config.File
	settings config.Settings
	serverID string // of the node itself; "": it has no keys that can be read
	report   *Report
}

// Examine looks at the node of a directory.
func Examine(ctx context.Context, path string, c Config) *Report {
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Patience <= 0 {
		c.Patience = DefaultPatience
	}
	x := &examination{c: c, log: slog.New(slog.DiscardHandler), report: &Report{Dir: path, Findings: []Finding{}}}
	if x.directory(path) {
		for _, look := range []func(context.Context){x.disk, x.certificates, x.ports, x.grid, x.leases} {
			look(ctx)
		}
	}
	for _, f := range x.report.Findings {
		switch f.Level {
		case Problem:
			x.report.Problems++
		case Warning:
			x.report.Warnings++
		}
	}
	return x.report
}

func (x *examination) add(level Level, area, text, advice string) {
	x.report.Findings = append(x.report.Findings, Finding{Area: area, Level: level, Text: text, Advice: advice})
}

func (x *examination) ok(area, format string, a ...any) {
	x.add(OK, area, fmt.Sprintf(format, a...), "")
}

// directory looks at what the node is, and whether its settings can be read: without these there is nothing more to look at.
func (x *examination) directory(path string) bool {
	var err error
	if x.dir, x.kind, err = basedir.Open(path); err != nil {
		x.add(Problem, areaDirectory, oneLine(err)+".", "")
		return false
	}
	x.report.Dir = string(x.dir)
	pid, running := x.dir.Running()
	x.report.Running = running
	switch {
	case running && pid > 0:
		x.ok(areaDirectory, "%s is the directory of a node (%s), which runs as process %d.", x.dir, x.kind, pid)
	case running:
		x.ok(areaDirectory, "%s is the directory of a node (%s), which runs.", x.dir, x.kind)
	default:
		x.add(Note, areaDirectory, fmt.Sprintf("%s is the directory of a node (%s), which does not run.", x.dir, x.kind), "Run it with: tahoe run "+string(x.dir))
	}
	load := config.Load
	if x.kind == basedir.Introducer {
		load = config.LoadIntroducer
	}
	if x.file, x.settings, err = load(string(x.dir)); err != nil {
		x.add(Problem, areaSettings, oneLine(err)+".", "Correct it: the node does not start like this.")
		return false
	}
	x.ok(areaSettings, "%s can be read.", x.dir.Path("tahoe.cfg"))
	for _, ignored := range x.settings.Ignored {
		x.add(Warning, areaSettings, "tahoe.cfg asks in vain: "+ignored+".", "Take the line out, so that nobody counts on it.")
	}
	return true
}
