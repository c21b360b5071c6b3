package mutable

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"tahoe/lafs/grid"
	"tahoe/reactor"
	"tahoe/storage"
)

// An Encoding says how a file is cut into shares: Total of them, of which any Needed rebuild it.
type Encoding struct{ Needed, Total int }

// DefaultEncoding is 3 of 10 shares.
func DefaultEncoding() Encoding { return Encoding{Needed: 3, Total: 10} }

// Validate says what is wrong with e, in words for whoever configured it.
func (e Encoding) Validate() error {
	switch {
	case e.Needed < 1:
		return fmt.Errorf("encoding needs %d shares to rebuild a file; it has to be at least 1", e.Needed)
	case e.Total > storage.MaxShares-1:
		return fmt.Errorf("encoding makes %d shares in total; of a mutable file there can be at most %d", e.Total, storage.MaxShares-1)
	case e.Needed > e.Total:
		return fmt.Errorf("encoding needs %d shares to rebuild a file, but makes only %d in total", e.Needed, e.Total)
	}
	return nil
}

// Config is what Files work with. Servers and Lease are required; what else is zero has a default.
type Config struct {
	Servers  grid.Servers
	Lease    func(i storage.Index, tub [20]byte) storage.LeaseSecrets
	Pool     *reactor.Pool   // for hashing, encryption, signing and encoding; a pool of its own
	Budget   *reactor.Budget // bounds the memory of all transfers together; DefaultBudget bytes of its own
	Encoding Encoding        // of new files; DefaultEncoding
	Keys     *KeyPool        // for new files; one without keys made ahead
	Clock    reactor.Clock   // for the pauses of writers, and to see who keeps others waiting; the system's
	Log      *slog.Logger    // discards
	SpoolDir string          // for sources of large files; the system's folder for temporary files

	Hedge        time.Duration // how long a server may keep a read waiting until others are asked too; DefaultHedge
	QueryTimeout time.Duration // how long a server may take to answer a read; DefaultQueryTimeout
	WriteTimeout time.Duration // how long a server may take to accept a share; DefaultWriteTimeout
	Remember     int64         // bytes of contents of idle files kept in memory; DefaultRemember; negative: none
}

// The defaults of a Config.
const (
	DefaultBudget       = 64 << 20
	DefaultHedge        = 2 * time.Second
	DefaultQueryTimeout = 6 * time.Second
	DefaultWriteTimeout = 15 * time.Second
	DefaultRemember     = 16 << 20
)

// Format hides what the config leads to, whatever the verb.
func (Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "mutable files config") }

// prepare fills in the defaults.
func (c *Config) prepare() {
	if c.Pool == nil {
		c.Pool = reactor.NewPool(0)
	}
	if c.Budget == nil {
		c.Budget = reactor.NewBudget(DefaultBudget)
	}
	if c.Encoding == (Encoding{}) {
		c.Encoding = DefaultEncoding()
	}
	if c.Keys == nil {
		c.Keys = NewKeyPool(0, 0, c.Pool)
	}
	if c.Clock == nil {
		c.Clock = reactor.System()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.Hedge, DefaultHedge)
	orDefault(&c.QueryTimeout, DefaultQueryTimeout)
	orDefault(&c.WriteTimeout, DefaultWriteTimeout)
	if c.Remember == 0 {
		c.Remember = DefaultRemember
	}
}

func orDefault(v *time.Duration, value time.Duration) {
	if *v <= 0 {
		*v = value
	}
}
