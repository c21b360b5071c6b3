package ristorage

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// A Server offers a storage.Server at a Tub, as the object that a storage FURL names.
type Server struct{ s storage.Server }

var _ foolscap.Interface = (*Server)(nil)

// NewServer makes the object. It is for Tub.Register.
func NewServer(s storage.Server) *Server { return &Server{s} }

// RemoteInterface is the interface's name on the wire.
func (s *Server) RemoteInterface() string { return serverInterface }

// Call answers a client.
func (s *Server) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodVersion:
		return bind(args, func(*reading, []foolscap.Value) foolscap.Later { return s.version })
	case methodAllocate:
		return bind(args, s.allocate, "storage_index", "renew_secret", "cancel_secret", "sharenums", "allocated_size", "canary")
	case methodAddLease:
		return bind(args, s.addLease, "storage_index", "renew_secret", "cancel_secret")
	case methodBuckets:
		return bind(args, s.buckets, "storage_index")
	case methodReadSlot:
		return bind(args, s.readSlot, "storage_index", "shares", "readv")
	case methodSlot:
		return bind(args, s.testAndWrite, "storage_index", "secrets", "tw_vectors", "r_vector")
	case methodAdvise:
		return bind(args, s.advise, "share_type", "storage_index", "shnum", "reason")
	}
	return nil, noMethod(serverInterface)
}

func noMethod(name string) error {
	return &foolscap.CallError{Type: violation, Message: name + " has no such method"}
}

// bind reads the arguments of a call, and leaves what waits for the storage server for later.
func bind(args foolscap.Args, read func(*reading, []foolscap.Value) foolscap.Later, names ...string) (foolscap.Value, error) {
	values, err := args.Bind(names)
	if err != nil {
		return nil, err
	}
	r := &reading{}
	later := read(r, values)
	if r.err != nil {
		return nil, failed(r.err)
	}
	return foolscap.Later(func(ctx context.Context) (foolscap.Value, error) {
		v, err := later(ctx)
		if err != nil {
			return nil, failed(err)
		}
		return v, nil
	}), nil
}

func (s *Server) version(ctx context.Context) (foolscap.Value, error) {
	v, err := s.s.Version(ctx)
	if err != nil {
		return nil, err
	}
	text := func(s string, v foolscap.Value) foolscap.Pair { return foolscap.Pair{Key: []byte(s), Value: v} }
	return foolscap.Dict{
		text(versionKey, foolscap.Dict{
			text(keyMaxImmutable, sizeValue(v.MaxImmutableShare)),
			text(keyMaxMutable, sizeValue(v.MaxMutableShare)),
			text(keyAvailable, sizeValue(v.Available)),
			text("tolerates-immutable-read-overrun", true),
			text("delete-mutable-shares-with-zero-length-writev", true),
			text("fills-holes-with-zero-bytes", true),
			text("prevents-read-past-end-of-share-data", true),
		}),
		text(keyApplication, []byte(v.Application)),
	}, nil
}

func (s *Server) addLease(r *reading, args []foolscap.Value) foolscap.Later {
	i, l := r.index(args[0]), r.lease(args[1], args[2])
	return func(ctx context.Context) (foolscap.Value, error) {
		return nil, unlessAbsent(s.s.AddLease(ctx, i, l))
	}
}

func (r *reading) lease(renew, cancel foolscap.Value) storage.LeaseSecrets {
	return storage.LeaseSecrets{Renew: r.secret(renew), Cancel: r.secret(cancel)}
}

func (s *Server) readSlot(r *reading, args []foolscap.Value) foolscap.Later {
	i, spans := r.index(args[0]), r.spans(args[2])
	shares := r.shares(r.list(args[1], "the list of shares", storage.MaxShares), "the list of shares")
	if len(shares) == 0 {
		shares = nil // means all
	}
	return func(ctx context.Context) (foolscap.Value, error) {
		if err := s.checkAnswer(ctx, i, shares, spans); err != nil {
			return nil, err
		}
		data, err := s.s.ReadSlot(ctx, i, shares, spans)
		return dataValue(data), err
	}
}

// checkAnswer refuses reads that would take too much memory.
func (s *Server) checkAnswer(ctx context.Context, i storage.Index, shares []storage.ShareNum, spans []storage.Span) error {
	var each int64
	for _, span := range spans {
		each += min(span.Size, maxSlotAnswer+1)
	}
	if shares == nil && each > maxSlotAnswer/storage.MaxShares {
		held, err := s.s.Slot(ctx, i)
		if err != nil {
			return err
		}
		shares = held
	}
	if len(shares) > 0 && each > maxSlotAnswer/int64(len(shares)) {
		return fmt.Errorf("reading %d bytes of each of %d shares, more than %d: %w", each, len(shares), maxSlotAnswer, storage.ErrTooLarge)
	}
	return nil
}

func (s *Server) testAndWrite(r *reading, args []foolscap.Value) foolscap.Later {
	i, secrets := r.index(args[0]), r.tuple(args[1], "the secrets", 3)
	w := storage.SlotWrite{
		WriteEnabler: r.secret(secrets[0]),
		Lease:        r.lease(secrets[1], secrets[2]),
		Shares:       r.slotShares(args[2]),
		Reads:        r.spans(args[3]),
	}
	return func(ctx context.Context) (foolscap.Value, error) {
		if err := s.checkAnswer(ctx, i, nil, w.Reads); err != nil {
			return nil, err
		}
		got, err := s.s.TestAndWrite(ctx, i, w)
		return foolscap.Tuple{got.Wrote, dataValue(got.Data)}, err
	}
}

func (s *Server) advise(r *reading, args []foolscap.Value) foolscap.Later {
	c := storage.Corruption{Index: r.index(args[1]), Share: r.share(args[2]), Reason: r.reason(args[3])}
	switch kind := r.bytes(args[0], "the kind of share", math.MaxInt64); string(kind) {
	case storage.KindImmutable.String():
	case storage.KindMutable.String():
		c.Kind = storage.KindMutable
	default:
		r.failf("the kind of share is neither %s nor %s", storage.KindImmutable, storage.KindMutable)
	}
	return s.adviseLater(c)
}

func (s *Server) adviseLater(c storage.Corruption) foolscap.Later {
	return func(ctx context.Context) (foolscap.Value, error) {
		return nil, unlessAbsent(s.s.AdviseCorrupt(ctx, c))
	}
}

// reason reads the reason of an advice. One that is too long is cut: it is for people.
func (r *reading) reason(v foolscap.Value) string {
	b := r.bytes(v, "the reason", math.MaxInt64)
	return strings.ToValidUTF8(string(b[:min(len(b), storage.MaxReason)]), "?")
}

// unlessAbsent drops the error about a share that is not held: in Foolscap's protocol, nobody hears of it.
func unlessAbsent(err error) error {
	if isAbsent(err) {
		return nil
	}
	return err
}

func (s *Server) buckets(r *reading, args []foolscap.Value) foolscap.Later {
	i := r.index(args[0])
	return func(ctx context.Context) (foolscap.Value, error) {
		held, err := s.s.Buckets(ctx, i)
		if err != nil {
			return nil, err
		}
		out := make(foolscap.Dict, 0, len(held))
		for _, n := range slices.Sorted(maps.Keys(held)) {
			out = append(out, foolscap.Pair{Key: int64(n), Value: &bucketReader{s: s, r: held[n], index: i, share: n}})
		}
		return out, nil
	}
}
