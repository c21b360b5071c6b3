package disk

import (
	"context"
	"fmt"

	"tahoe/storage"
)

// A Grant says for whom the server works, and what it does for that client.
type Grant struct {
	Client   string // whom the ledger charges; "" is whoever comes by the announced address
	ReadOnly bool   // no new immutable shares
	Frozen   bool   // mutable shares neither come nor change
}

// For is the server as the client of a grant sees it. All views share all shares; what is read needs no grant of its own, because
// an index is known to those alone who may read it.
func (s *Server) For(g Grant) storage.Server {
	g.ReadOnly = g.ReadOnly || s.cfg.ReadOnly
	g.Frozen = g.Frozen || s.cfg.Frozen
	return view{s, g}
}

type view struct {
	*Server
	grant Grant
}

func (v view) Allocate(ctx context.Context, i storage.Index, a storage.Allocation) (storage.Allocated, error) {
	return v.allocate(ctx, i, a, v.grant)
}

func (v view) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	return v.testAndWrite(ctx, i, w, v.grant)
}

func (v view) Version(ctx context.Context) (storage.Version, error) { return v.version(ctx, v.grant) }

// own is the grant of whoever uses the server directly.
func (s *Server) own() Grant { return Grant{ReadOnly: s.cfg.ReadOnly, Frozen: s.cfg.Frozen} }

func frozen(i storage.Index) error {
	return fmt.Errorf("change slot of %s: %w", i.Abbrev(), storage.ErrReadOnly)
}
