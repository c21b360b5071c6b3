package ristorage

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"tahoe/internal/foolscap"
	"tahoe/storage"
)

// A reading takes values apart, and keeps the first thing that is wrong with them: what follows then yields nothing.
type reading struct{ err error }

func (r *reading) failf(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %w", fmt.Errorf(format, a...), storage.ErrMalformed)
	}
}

// bytes reads a string of bytes of at most limit.
func (r *reading) bytes(v foolscap.Value, what string, limit int64) []byte {
	b, ok := v.([]byte)
	switch {
	case !ok:
		r.failf("%s is %s, not bytes", what, kindOf(v))
	case int64(len(b)) > limit:
		r.failf("%s has %d bytes, more than %d", what, len(b), limit)
	default:
		return b
	}
	return nil
}

// number reads an integer from 0 to limit.
func (r *reading) number(v foolscap.Value, what string, limit int64) int64 {
	switch n := v.(type) {
	case int64:
		if 0 <= n && n <= limit {
			return n
		}
		r.failf("%s is %d, not from 0 to %d", what, n, limit)
	case *big.Int:
		r.failf("%s is a number of %d bits, not from 0 to %d", what, n.BitLen(), limit)
	default:
		r.failf("%s is %s, not a number", what, kindOf(v))
	}
	return 0
}

// size reads a size that may be larger than anything; it is clipped.
func (r *reading) size(v foolscap.Value, what string) uint64 {
	switch n := v.(type) {
	case int64:
		if n >= 0 {
			return uint64(n)
		}
	case *big.Int:
		if n.IsUint64() {
			return n.Uint64()
		}
		if n.Sign() > 0 {
			return math.MaxUint64
		}
	}
	r.failf("%s is no size", what)
	return 0
}

func (r *reading) share(v foolscap.Value) storage.ShareNum {
	return storage.ShareNum(r.number(v, "a share number", storage.MaxShares-1))
}

func (r *reading) index(v foolscap.Value) (i storage.Index) {
	if b := r.bytes(v, "the storage index", storage.IndexSize); r.err == nil {
		if copy(i[:], b) < len(i) {
			r.failf("the storage index has %d bytes, not %d", len(b), len(i))
		}
	}
	return i
}

func (r *reading) secret(v foolscap.Value) storage.Secret {
	b := r.bytes(v, "a secret", storage.SecretSize)
	if r.err != nil {
		return storage.Secret{}
	}
	s, err := storage.ParseSecret(b)
	if err != nil {
		r.err = err
	}
	return s
}

// list reads a list of at most limit values.
func (r *reading) list(v foolscap.Value, what string, limit int) []foolscap.Value {
	l, ok := v.([]foolscap.Value)
	switch {
	case !ok:
		r.failf("%s is %s, not a list", what, kindOf(v))
	case len(l) > limit:
		r.failf("%s has %d entries, more than %d", what, len(l), limit)
	default:
		return l
	}
	return nil
}

// tuple reads a tuple of n values. It yields n values even if there is none.
func (r *reading) tuple(v foolscap.Value, what string, n int) []foolscap.Value {
	t, ok := v.(foolscap.Tuple)
	switch {
	case !ok:
		r.failf("%s is %s, not a tuple", what, kindOf(v))
	case len(t) != n:
		r.failf("%s has %d entries, not %d", what, len(t), n)
	default:
		return t
	}
	return make([]foolscap.Value, n)
}

// dict reads a dictionary by share number.
func (r *reading) dict(v foolscap.Value, what string, each func(n storage.ShareNum, v foolscap.Value)) {
	d, ok := v.(foolscap.Dict)
	switch {
	case !ok:
		r.failf("%s is %s, not a dictionary", what, kindOf(v))
	case len(d) > storage.MaxShares:
		r.failf("%s has %d entries, more than %d", what, len(d), storage.MaxShares)
	}
	if r.err != nil {
		return
	}
	var seen [storage.MaxShares]bool
	for _, pair := range d {
		n := r.share(pair.Key)
		if r.err == nil && seen[n] {
			r.failf("%s has share %d twice", what, n)
		}
		if r.err != nil {
			return
		}
		seen[n] = true
		each(n, pair.Value)
	}
}

// shareSet reads a set of share numbers, of either kind of set; they are ascending.
func (r *reading) shareSet(v foolscap.Value, what string) []storage.ShareNum {
	var out []storage.ShareNum
	switch s := v.(type) {
	case foolscap.Set:
		out = r.shares(s, what)
	case foolscap.FrozenSet:
		out = r.shares(s, what)
	default:
		r.failf("%s is %s, not a set", what, kindOf(v))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *reading) shares(v []foolscap.Value, what string) []storage.ShareNum {
	if len(v) > storage.MaxShares {
		r.failf("%s has %d entries, more than %d", what, len(v), storage.MaxShares)
		return nil
	}
	out := make([]storage.ShareNum, 0, len(v))
	for _, n := range v {
		out = append(out, r.share(n))
	}
	return out
}

// remote reads a reference to an object at the other end.
func (r *reading) remote(v foolscap.Value, what string) *foolscap.Remote {
	o, ok := v.(*foolscap.Remote)
	if !ok {
		r.failf("%s is %s, not a reference", what, kindOf(v))
	}
	return o
}

// kindOf names the kind of a value and says nothing of what it holds, which may be secret.
func kindOf(v foolscap.Value) string {
	switch v.(type) {
	case nil:
		return "None"
	case bool:
		return "a boolean"
	case int64, *big.Int, float64:
		return "a number"
	case []byte:
		return "bytes"
	case string:
		return "text"
	case []foolscap.Value:
		return "a list"
	case foolscap.Tuple:
		return "a tuple"
	case foolscap.Dict:
		return "a dictionary"
	case foolscap.Set, foolscap.FrozenSet:
		return "a set"
	}
	return "an object"
}

func secretValue(s storage.Secret) foolscap.Value {
	b := s.Bytes()
	return b[:]
}

func shareValues(shares []storage.ShareNum) []foolscap.Value {
	out := make([]foolscap.Value, len(shares))
	for k, n := range shares {
		out[k] = int64(n)
	}
	return out
}

// sizeValue is a size on the wire.
func sizeValue(n uint64) foolscap.Value {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return new(big.Int).SetUint64(n)
}
