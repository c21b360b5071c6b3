package rihelper

import (
	"bytes"
	"testing"

	"tahoe/internal/foolscap"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// FuzzResults: results come back as they were made, whatever a helper says is taken or refused without harm, and never is there more
// in it than a file can have.
func FuzzResults(f *testing.F) {
	f.Add(int64(1000), int64(1002), int64(3), int64(10), int64(1000), bytes.Repeat([]byte{7}, 32), int64(4), []byte("v0-abc"), int64(10), false)
	f.Add(int64(1), int64(1), int64(1), int64(1), int64(2), []byte("short"), int64(-1), []byte{}, int64(-7), true)
	f.Fuzz(func(t *testing.T, size, segment, k, n, said int64, hash []byte, share int64, id []byte, pushed int64, frozen bool) {
		sealed := immutable.Sealed{Size: size, Encoding: immutable.Encoding{Needed: int(k), Total: int(n), MaxSegment: segment}}
		servers := foolscap.Value(foolscap.Set{id, "text", nil})
		if frozen {
			servers = foolscap.FrozenSet{id}
		}
		got, err := readResults(results(map[string]foolscap.Value{
			attrUEBHash: hash, attrUEB: uebValue(layout.UEB{Size: said, SegmentSize: segment, Needed: k, Total: n}),
			attrSharemap: foolscap.Dict{{Key: share, Value: servers}, {Key: "text", Value: servers}}, attrPushed: pushed,
		}), sealed)
		if (err == nil) != (said == size && len(hash) == 32) {
			t.Fatalf("got %v for size %d of %d and a hash of %d bytes", err, said, size, len(hash))
		}
		if err != nil {
			return
		}
		if !bytes.Equal(got.UEBHash[:], hash) || got.Pushed < 0 || got.Pushed > storage.MaxShares || len(got.Sharemap) > 1 {
			t.Fatalf("got %+v", got)
		}
		if at := got.Sharemap[storage.ShareNum(share)]; 0 <= share && share < storage.MaxShares && len(id) <= maxServerID && (len(at) != 1 || at[0] != grid.ServerID(id)) {
			t.Fatalf("got share %d at %q, want %q", share, at, id)
		}
	})
}

// TestOddResults: answers that are none.
func TestOddResults(t *testing.T) {
	for _, v := range []foolscap.Value{nil, int64(3), foolscap.Copyable{Class: "other"}, foolscap.Copyable{Class: resultsClass}, foolscap.Tuple{}} {
		if got, err := readResults(v, immutable.Sealed{}); err == nil {
			t.Errorf("%T: got %+v, want an error", v, got)
		}
	}
}
