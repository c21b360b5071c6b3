package node

import (
	"log/slog"
	"runtime"

	"tahoe/reactor"
)

// Shared is what all nodes of a process have in common: its processors, its memory, its clock and its log.
type Shared struct {
	Pool        *reactor.Pool
	Uploads     *reactor.Budget // bytes of files on their way up
	Downloads   *reactor.Budget // bytes of files on their way down
	Mutable     *reactor.Budget // bytes of mutable files and directories on their way up or down
	Directories *reactor.Budget // bytes of immutable directories on their way down
	Doors       *reactor.Budget // bytes read ahead for people who came in by SFTP, FTP or WebDAV
	Clock       reactor.Clock
	Log         *slog.Logger
}

// The memory for files in flight. A transfer holds its part until it ends, and how soon a download ends is up to its
// reader: with a budget of their own, readers that stall keep no upload waiting. Mutable files have their own because a write may
// be all that an upload waits for, or the other way round. With all, the process stays well below 300 MiB however much is
// under way.
const (
	uploadBudget    = 64 << 20
	downloadBudget  = 48 << 20
	mutableBudget   = 48 << 20
	directoryBudget = 16 << 20
	doorBudget      = 32 << 20
)

// NewShared makes what a process shares, for as many processors as Go uses. A nil log is silent.
func NewShared(log *slog.Logger) *Shared {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Shared{
		Pool:        reactor.NewPool(runtime.GOMAXPROCS(0)),
		Uploads:     reactor.NewBudget(uploadBudget),
		Downloads:   reactor.NewBudget(downloadBudget),
		Mutable:     reactor.NewBudget(mutableBudget),
		Directories: reactor.NewBudget(directoryBudget),
		Doors:       reactor.NewBudget(doorBudget),
		Clock:       reactor.System(),
		Log:         log,
	}
}
