package ledger_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tahoe/reactor/reactortest"
	"tahoe/storage"
	"tahoe/storage/ledger"
	"tahoe/storage/share"
)

var t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, limits ledger.Limits) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(ledger.Config{Dir: dir, Limits: limits, Clock: reactortest.NewClock(t0)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func index(n int) storage.Index { return storage.Index{byte(n * 64), byte(n * 7), byte(n)} }

// TestLimits: what is left is what the limit leaves, for all and for each, and never less than nothing.
func TestLimits(t *testing.T) {
	l := open(t, t.TempDir(), ledger.Limits{Total: 1000, Clients: map[string]uint64{"alice": 300, "bob": 0}})
	l.Changed(share.Change{Index: index(1), Client: "alice", Shares: 1, Bytes: 200})
	l.Changed(share.Change{Index: index(2), Shares: 1, Bytes: 500, Kind: storage.KindMutable})
	for _, c := range []struct {
		client   string
		all, own uint64
	}{{"alice", 300, 100}, {"bob", 300, math.MaxUint64}, {"", 300, math.MaxUint64}} {
		if all, own := l.Left(c.client); all != c.all || own != c.own {
			t.Errorf("%q: got %d and %d left, want %d and %d", c.client, all, own, c.all, c.own)
		}
	}
	l.Changed(share.Change{Index: index(2), Bytes: 5000, Kind: storage.KindMutable})
	if all, _ := l.Left(""); all != 0 {
		t.Errorf("got %d left of a limit that is exceeded, want 0", all)
	}
}

// world is shares as they are, and who brought them.
type world map[storage.Index]map[storage.ShareNum]held

type held struct {
	client string
	bytes  int64
}

func (w world) usage() ledger.Usage {
	var u ledger.Usage
	for _, bucket := range w {
		for _, s := range bucket {
			u.Immutable.Shares++
			u.Immutable.Bytes += s.bytes
			if s.client != "" {
				if u.Clients == nil {
					u.Clients = map[string]ledger.Sum{}
				}
				sum := u.Clients[s.client]
				sum.Shares++
				sum.Bytes += s.bytes
				u.Clients[s.client] = sum
			}
		}
	}
	return u
}

// TestCensus: whatever changes in front of a census or behind it, and however wrong the ledger was before, it ends with what there is.
// Now and then the process stops, and another goes on.
func TestCensus(t *testing.T) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		dir, w := t.TempDir(), world{}
		l := open(t, dir, ledger.Limits{})
		for range 40 {
			w.change(rnd, l)
		}
		stop(t, l)
		if err := os.Remove(filepath.Join(dir, "usage.json")); err != nil { // all that was known is lost
			t.Fatal(err)
		}
		l = open(t, dir, ledger.Limits{})
		takeCensus(t, rnd, dir, w, &l)
		got, counted := l.Usage()
		for client, sum := range got.Clients {
			if sum == (ledger.Sum{}) {
				delete(got.Clients, client)
			}
		}
		if len(got.Clients) == 0 {
			got.Clients = nil
		}
		if want := w.usage(); !reflect.DeepEqual(got, want) || counted.IsZero() {
			t.Errorf("seed %d: got %+v, want %+v", seed, got, want)
		}
	}
}

// takeCensus goes through all prefixes, and changes the world meanwhile.
func takeCensus(t *testing.T, rnd *rand.Rand, dir string, w world, l **ledger.Ledger) {
	t.Helper()
	after := ""
	(*l).Begin(1, after)
	var prefixes []string
	for _, i := range indices() {
		prefixes = append(prefixes, i.String()[:2])
	}
	prefixes = slices.Compact(prefixes)
	for k := 0; k < len(prefixes); k++ {
		prefix, again := prefixes[k], false
		w.change(rnd, *l)
		must(t, (*l).Enter(prefix))
		for _, i := range w.list(prefix, after) {
			w.change(rnd, *l)
			(*l).Count(i, w.bucket(i))
			after = i.String()
			w.change(rnd, *l)
			if rnd.IntN(10) == 0 {
				must(t, (*l).Save())
				stop(t, *l)
				*l = open(t, dir, ledger.Limits{})
				(*l).Begin(1, after)
				again = true
				break
			}
		}
		if again {
			k--
		}
	}
	must(t, (*l).Finish())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// indices are those of the world, in the order of a walk.
func indices() []storage.Index {
	var out []storage.Index
	for n := range 12 {
		out = append(out, index(n))
	}
	slices.SortFunc(out, func(a, b storage.Index) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// list is the buckets with a prefix that come behind after.
func (w world) list(prefix, after string) []storage.Index {
	return slices.DeleteFunc(indices(), func(i storage.Index) bool {
		return len(w[i]) == 0 || !strings.HasPrefix(i.String(), prefix) || i.String() <= after
	})
}

func (w world) bucket(i storage.Index) share.Bucket {
	var b share.Bucket
	for n, s := range w[i] {
		b.Shares = append(b.Shares, share.Held{Share: n, FileBytes: s.bytes})
	}
	return b
}

// change brings a share or takes one away.
func (w world) change(rnd *rand.Rand, l *ledger.Ledger) {
	i, n := index(rnd.IntN(12)), storage.ShareNum(rnd.IntN(2))
	if old, ok := w[i][n]; ok {
		delete(w[i], n)
		l.Changed(share.Change{Index: i, Share: n, Client: old.client, Shares: -1, Bytes: -old.bytes})
		return
	}
	s := held{[]string{"", "alice", "bob"}[rnd.IntN(3)], int64(1 + rnd.IntN(100))}
	if w[i] == nil {
		w[i] = map[storage.ShareNum]held{}
	}
	w[i][n] = s
	l.Changed(share.Change{Index: i, Share: n, Client: s.client, Shares: 1, Bytes: s.bytes})
}

// stop lets the ledger write all that it knows.
func stop(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	ctx, cancel := contextThatEnded(t)
	defer cancel()
	must(t, l.Run(ctx, func() {}))
}
