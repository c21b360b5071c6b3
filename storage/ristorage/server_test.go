package ristorage_test

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"

	"tahoe/internal/foolscap"
	"tahoe/storage"
	"tahoe/storage/ristorage"
	"tahoe/storage/storagetest"
)

type (
	list  = []foolscap.Value
	tuple = foolscap.Tuple
	dict  = foolscap.Dict
	pair  = foolscap.Pair
)

const violation = "foolscap.tokens.Violation"

var (
	anIndex  = make([]byte, storage.IndexSize)
	aSecret  = []byte(strings.Repeat("s", storage.SecretSize))
	bSecret  = []byte(strings.Repeat("b", storage.SecretSize))
	eSecret  = []byte(strings.Repeat("e", storage.SecretSize))
	secrets  = tuple{eSecret, aSecret, bSecret}
	noShares = foolscap.Set{}
)

// call calls a method of an object of ours, and waits for its answer.
func call(ctx context.Context, o foolscap.Object, method string, args ...foolscap.Value) (foolscap.Value, error) {
	v, err := o.Call(ctx, method, foolscap.Positional(args...))
	if later, ok := v.(foolscap.Later); ok && err == nil {
		return later(ctx)
	}
	return v, err
}

func TestArgumentsAreChecked(t *testing.T) {
	writes := func(v foolscap.Value) foolscap.Value { return dict{{Key: int64(0), Value: v}} }
	huge := new(big.Int).Lsh(big.NewInt(1), 80)
	for _, c := range []struct {
		name   string
		method string
		args   list
	}{
		{"no such method", "renew_lease", list{anIndex, aSecret}},
		{"too many arguments", "get_version", list{anIndex}},
		{"too few arguments", "get_buckets", nil},
		{"short index", "get_buckets", list{anIndex[1:]}},
		{"long index", "get_buckets", list{append([]byte{0}, anIndex...)}},
		{"index as text", "get_buckets", list{"0123456789abcdef"}},
		{"short secret", "add_lease", list{anIndex, aSecret[1:], bSecret}},
		{"no canary", "allocate_buckets", list{anIndex, aSecret, bSecret, noShares, int64(1), nil}},
		{"shares of text", "allocate_buckets", list{anIndex, aSecret, bSecret, foolscap.FrozenSet{"1"}, int64(1), nil}},
		{"shares in a list", "allocate_buckets", list{anIndex, aSecret, bSecret, list{}, int64(1), nil}},
		{"list for a tuple", "slot_readv", list{anIndex, list{}, list{list{int64(0), int64(1)}}}},
		{"read of three numbers", "slot_readv", list{anIndex, list{}, list{tuple{int64(0), int64(1), int64(1)}}}},
		{"negative offset", "slot_readv", list{anIndex, list{}, list{tuple{int64(-1), int64(1)}}}},
		{"endless offset", "slot_readv", list{anIndex, list{}, list{tuple{huge, int64(1)}}}},
		{"share 256", "slot_readv", list{anIndex, list{int64(256)}, list{}}},
		{"too many shares", "slot_readv", list{anIndex, make(list, 257), list{}}},
		{"two secrets", "slot_testv_and_readv_and_writev", list{anIndex, secrets[:2], dict{}, list{}}},
		{"share twice", "slot_testv_and_readv_and_writev", list{anIndex, secrets, dict{
			{Key: int64(1), Value: tuple{list{}, list{}, nil}}, {Key: int64(1), Value: tuple{list{}, list{}, nil}}}, list{}}},
		{"no vectors", "slot_testv_and_readv_and_writev", list{anIndex, secrets, writes(tuple{}), list{}}},
		{"other operator", "slot_testv_and_readv_and_writev", list{anIndex, secrets,
			writes(tuple{list{tuple{int64(0), int64(1), []byte("lt"), []byte("x")}}, list{}, nil}), list{}}},
		{"negative length", "slot_testv_and_readv_and_writev", list{anIndex, secrets, writes(tuple{list{}, list{}, int64(-1)}), list{}}},
		{"data as text", "slot_testv_and_readv_and_writev", list{anIndex, secrets, writes(tuple{list{}, list{tuple{int64(0), "x"}}, nil}), list{}}},
		{"advice about nothing", "advise_corrupt_share", list{[]byte("directory"), anIndex, int64(0), []byte("no")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := call(t.Context(), ristorage.NewServer(storagetest.NewMem(storagetest.Config{})), c.method, c.args...)
			if e, ok := errors.AsType[*foolscap.CallError](err); !ok || e.Type != violation {
				t.Errorf("got %v, want a violation", err)
			}
		})
	}
}

// TestOriginalsForms: what the original's clients send is understood.
func TestOriginalsForms(t *testing.T) {
	s := ristorage.NewServer(storagetest.NewMem(storagetest.Config{}))
	v, err := call(t.Context(), s, "slot_testv_and_readv_and_writev", anIndex, secrets, dict{{Key: int64(3), Value: tuple{
		list{tuple{int64(0), int64(1), []byte("eq"), []byte("")}},
		list{tuple{int64(0), []byte("data")}},
		nil,
	}}}, list{tuple{int64(0), int64(10)}})
	if got, ok := v.(tuple); err != nil || !ok || len(got) != 2 || got[0] != true || len(got[1].(dict)) != 0 {
		t.Fatalf("writing: got %v, %v", v, err)
	}
	v, err = call(t.Context(), s, "slot_readv", anIndex, list{}, list{tuple{int64(1), int64(10)}})
	if got, ok := v.(dict); err != nil || !ok || len(got) != 1 || got[0].Key != int64(3) || string(got[0].Value.(list)[0].([]byte)) != "ata" {
		t.Errorf("reading: got %v, %v", v, err)
	}
	if v, err = call(t.Context(), s, "add_lease", make([]byte, 16), aSecret, bSecret); v != nil || err != nil {
		t.Errorf("lease: got %v, %v; want nothing", v, err)
	}
	other := append(make([]byte, 15), 1)
	if v, err = call(t.Context(), s, "add_lease", other, aSecret, bSecret); v != nil || err != nil {
		t.Errorf("lease on nothing: got %v, %v; want nothing", v, err)
	}
	if v, err = call(t.Context(), s, "advise_corrupt_share", []byte("immutable"), other, int64(0), []byte("x")); v != nil || err != nil {
		t.Errorf("advice about nothing: got %v, %v; want nothing", v, err)
	}
	v, err = call(t.Context(), s, "get_version")
	if err != nil {
		t.Fatal(err)
	}
	sizes, _ := v.(dict).Get("http://allmydata.org/tahoe/protocols/storage/v1")
	if yes, _ := sizes.(dict).Get("fills-holes-with-zero-bytes"); yes != true {
		t.Errorf("version: got %v", v)
	}
	for _, p := range append(v.(dict), sizes.(dict)...) {
		if _, ok := p.Key.([]byte); !ok {
			t.Errorf("version: key %v is not bytes", p.Key)
		}
	}
}

func TestFailuresHaveTheOriginalsNames(t *testing.T) {
	s := ristorage.NewServer(storagetest.NewMem(storagetest.Config{}))
	vectors := dict{{Key: int64(3), Value: tuple{list{}, list{tuple{int64(0), []byte("data")}}, nil}}}
	if _, err := call(t.Context(), s, "slot_testv_and_readv_and_writev", anIndex, secrets, vectors, list{}); err != nil {
		t.Fatal(err)
	}
	_, err := call(t.Context(), s, "slot_testv_and_readv_and_writev", anIndex, tuple{aSecret, aSecret, bSecret}, vectors, list{})
	e, ok := errors.AsType[*foolscap.CallError](err)
	if !ok || e.Type != "allmydata.interfaces.BadWriteEnablerError" {
		t.Errorf("wrong write enabler: got %v", err)
	}
	if ok && strings.Contains(e.Message, string(eSecret)) {
		t.Errorf("the failure tells the secret: %q", e.Message)
	}
}

// TestAnswersAreLimited: asking for more than fits into memory is refused before it is read.
func TestAnswersAreLimited(t *testing.T) {
	s := ristorage.NewServer(storagetest.NewMem(storagetest.Config{}))
	vectors := dict{}
	for n := range int64(200) {
		vectors = append(vectors, pair{Key: n, Value: tuple{list{}, list{tuple{int64(0), []byte("data")}}, nil}})
	}
	if _, err := call(t.Context(), s, "slot_testv_and_readv_and_writev", anIndex, secrets, vectors, list{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		shares list
		spans  list
		want   bool
	}{
		{"all, little", list{}, list{tuple{int64(0), int64(512 << 10)}}, true},
		{"all, much", list{}, list{tuple{int64(0), int64(1 << 20)}}, false},
		{"one, much", list{int64(7)}, list{tuple{int64(0), int64(64 << 20)}}, true},
		{"one, more than much", list{int64(7)}, list{tuple{int64(0), int64(1 << 62)}, tuple{int64(0), int64(1 << 62)}, tuple{int64(0), int64(1 << 62)}}, false},
	} {
		_, err := call(t.Context(), s, "slot_readv", anIndex, c.shares, c.spans)
		if (err == nil) != c.want {
			t.Errorf("%s: got %v, want no error: %v", c.name, err, c.want)
		}
	}
}

// FuzzServer makes calls of bytes. Whatever they are, the answer is a value or a failure.
func FuzzServer(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x03\x04bbbb\x08abcdefg\x01\x02\x03\x04\x05\x06\x07"))
	methods := []string{"get_version", "allocate_buckets", "add_lease", "get_buckets", "slot_readv",
		"slot_testv_and_readv_and_writev", "advise_corrupt_share", "other"}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := ristorage.NewServer(storagetest.NewMem(storagetest.Config{}))
		m := &maker{b: b}
		method := methods[m.next()%len(methods)]
		var args list
		for range m.next() % 7 {
			args = append(args, m.value(4))
		}
		if _, err := call(t.Context(), s, method, args...); err != nil {
			if _, ok := errors.AsType[*foolscap.CallError](err); !ok {
				t.Errorf("%s: got %v, not a failure of the call", method, err)
			}
		}
	})
}

// A maker makes values of bytes, those that calls have most of all.
type maker struct{ b []byte }

func (m *maker) next() int {
	if len(m.b) == 0 {
		return 0
	}
	n := int(m.b[0])
	m.b = m.b[1:]
	return n
}

func (m *maker) value(depth int) foolscap.Value {
	kind := m.next() % 13
	if depth == 0 {
		kind %= 8
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return m.next()%2 == 0
	case 2:
		return int64(m.next())
	case 3:
		return int64(m.next()-128) << 55
	case 4:
		return new(big.Int).Lsh(big.NewInt(int64(m.next()-128)), 70)
	case 5:
		return make([]byte, m.next())
	case 6:
		return anIndex
	case 7:
		return aSecret
	case 8:
		return list(m.values(depth))
	case 9:
		return tuple(m.values(depth))
	case 10:
		return foolscap.Set(m.values(depth))
	case 11:
		out := dict{}
		for _, v := range m.values(depth) {
			out = append(out, pair{Key: int64(len(out)), Value: v})
		}
		return out
	}
	return tuple{secrets, list{}, nil}[m.next()%3]
}

func (m *maker) values(depth int) []foolscap.Value {
	var out []foolscap.Value
	for range m.next() % 5 {
		out = append(out, m.value(depth-1))
	}
	return out
}
