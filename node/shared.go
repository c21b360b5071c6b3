package node

import (
	"log/slog"
	"runtime"

	"tahoe/reactor"
)

// Shared is what all nodes of a process have in common: its processors, its memory, its clock and its log.
type Shared struct {
	Pool   *reactor.Pool
	Budget *reactor.Budget // bytes of files on their way up or down
	Clock  reactor.Clock
	Log    *slog.Logger
}

// budget is the memory for files in flight. With it, the process stays well below 200 MiB however much is under way.
const budget = 96 << 20

// NewShared makes what a process shares, for as many processors as Go uses. A nil log is silent.
func NewShared(log *slog.Logger) *Shared {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Shared{
		Pool:   reactor.NewPool(runtime.GOMAXPROCS(0)),
		Budget: reactor.NewBudget(budget),
		Clock:  reactor.System(),
		Log:    log,
	}
}
