package crawler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"tahoe/storage"
	"tahoe/storage/share"
)

// Recovered is what was looked at and what was or would be removed: buckets, shares and bytes, by the original's names, such as
// "actual-shares-mutable".
type Recovered map[string]int64

// The parts of the names.
var (
	recoveredWhat  = []string{"examined", "original", "configured", "actual"}
	recoveredUnits = []string{"buckets", "shares", "sharebytes", "diskbytes"}
	recoveredKinds = []string{"", "-mutable", "-immutable"}
)

func recoveredNames() []string {
	var out []string
	for _, a := range recoveredWhat {
		for _, b := range recoveredUnits {
			for _, c := range recoveredKinds {
				out = append(out, a+"-"+b+c)
			}
		}
	}
	return out
}

func (r Recovered) add(what, unit string, k storage.Kind, n int64) {
	r[what+"-"+unit] += n
	r[what+"-"+unit+"-"+k.String()] += n
}

func (r Recovered) addShare(what string, s share.Held) {
	r.add(what, "shares", s.Kind, 1)
	r.add(what, "sharebytes", s.Kind, s.FileBytes)
	r.add(what, "diskbytes", s.Kind, s.DiskBytes)
}

// Ages is how many leases are so many days old.
type Ages map[int64]int64

const secondsADay = 24 * 60 * 60

// MarshalJSON writes a list of beginnings, ends and counts, in seconds.
func (a Ages) MarshalJSON() ([]byte, error) {
	rows := [][3]int64{}
	for _, day := range slices.Sorted(maps.Keys(a)) {
		rows = append(rows, [3]int64{day * secondsADay, (day + 1) * secondsADay, a[day]})
	}
	return json.Marshal(rows)
}

// UnmarshalJSON reads that list, or what the original makes of its pickles: a dictionary with keys "beginning,end". It adds to what is
// there.
func (a *Ages) UnmarshalJSON(b []byte) error {
	if *a == nil {
		*a = Ages{}
	}
	var rows [][]float64
	if json.Unmarshal(b, &rows) == nil {
		for _, row := range rows {
			if len(row) != 3 {
				return fmt.Errorf("a row of lease-age-histogram has %d numbers", len(row))
			}
			(*a)[int64(row[0])/secondsADay] += int64(row[2])
		}
		return nil
	}
	var table map[string]float64
	if err := json.Unmarshal(b, &table); err != nil {
		return err
	}
	for key, n := range table {
		var from, to float64
		if _, err := fmt.Sscanf(key, "%g,%g", &from, &to); err != nil {
			return fmt.Errorf("a key of lease-age-histogram is %q", key)
		}
		(*a)[int64(from)/secondsADay] += int64(n)
	}
	return nil
}

// CorruptShare names a file that has a share's name and is none. It is written as a list of both.
type CorruptShare struct {
	Index string
	Share int
}

// MarshalJSON writes the list.
func (c CorruptShare) MarshalJSON() ([]byte, error) { return json.Marshal([]any{c.Index, c.Share}) }

// UnmarshalJSON reads it.
func (c *CorruptShare) UnmarshalJSON(b []byte) error {
	var pair []any
	if err := json.Unmarshal(b, &pair); err != nil || len(pair) != 2 {
		return fmt.Errorf("a corrupt share is no pair")
	}
	index, _ := pair[0].(string)
	n, _ := pair[1].(float64)
	*c = CorruptShare{index, int(n)}
	return nil
}

// A Tally is what a cycle has found.
type Tally struct {
	Corrupt  []CorruptShare   `json:"corrupt-shares"`
	Space    Recovered        `json:"space-recovered"`
	Ages     Ages             `json:"lease-age-histogram"`
	PerShare map[string]int64 `json:"leases-per-share-histogram"`
}

// maxCorrupt is how many corrupt shares are named.
const maxCorrupt = 1000

func newTally() Tally {
	t := Tally{Corrupt: []CorruptShare{}, Space: Recovered{}, Ages: Ages{}, PerShare: map[string]int64{}}
	for _, name := range recoveredNames() {
		t.Space[name] = 0
	}
	return t
}

func (t Tally) clone() Tally {
	return Tally{Corrupt: slices.Clone(t.Corrupt), Space: maps.Clone(t.Space), Ages: maps.Clone(t.Ages), PerShare: maps.Clone(t.PerShare)}
}

// fill adds what another program left out.
func (t *Tally) fill() {
	n := newTally()
	maps.Copy(n.Space, t.Space)
	t.Space = n.Space
	if t.Ages == nil {
		t.Ages = n.Ages
	}
	if t.PerShare == nil {
		t.PerShare = n.PerShare
	}
	if t.Corrupt == nil {
		t.Corrupt = n.Corrupt
	}
}

// bucket counts a bucket, of which the shares in removed have gone.
func (t *Tally) bucket(i storage.Index, b share.Bucket, p Policy, now time.Time, removed map[storage.ShareNum]bool) {
	for _, n := range b.Corrupt {
		if len(t.Corrupt) < maxCorrupt {
			t.Corrupt = append(t.Corrupt, CorruptShare{i.String(), int(n)})
		}
	}
	gone := map[string]int{}
	for _, s := range b.Shares {
		t.share(s, p, now, removed[s.Share], gone)
	}
	if len(b.Shares) == 0 {
		t.Space["examined-buckets"]++
		return
	}
	kind := b.Shares[len(b.Shares)-1].Kind
	t.Space.add("examined", "buckets", kind, 1)
	for what, n := range gone {
		if n == len(b.Shares) && len(b.Corrupt) == 0 {
			t.Space.add(what, "buckets", kind, 1)
			t.Space.add(what, "diskbytes", kind, b.DiskBytes)
		}
	}
}

// share counts a share, and in gone what it is gone by.
func (t *Tally) share(s share.Held, p Policy, now time.Time, removed bool, gone map[string]int) {
	for _, expires := range s.Leases {
		age := now.Sub(time.Unix(int64(expires), 0).Add(-share.LeaseDuration))
		t.Ages[int64(age/time.Second)/secondsADay]++
	}
	t.PerShare[strconv.Itoa(len(s.Leases))]++
	t.Space.addShare("examined", s)
	configured, original := p.dead(s, now)
	for what, is := range map[string]bool{"original": original, "configured": configured, "actual": removed} {
		if is {
			t.Space.addShare(what, s)
			gone[what]++
		}
	}
}
