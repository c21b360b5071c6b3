package rihelper

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"tahoe/internal/foolscap"
	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/helper"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// foundResults is what a client is told of a file that is on the grid.
func foundResults(f *immutable.Find) foolscap.Value {
	return results(map[string]foolscap.Value{
		attrUEBHash: f.UEBHash[:], attrUEB: uebValue(f.UEB), attrSharemap: sharemapValue(f.Sharemap),
		attrPreexisting: int64(len(f.Sharemap)), attrPushed: int64(0),
	})
}

// placedResults is what a client is told of a file whose shares were placed.
func placedResults(r *helper.Result) foolscap.Value {
	hash := taghash.UEB(r.UEB)
	values := map[string]foolscap.Value{
		attrUEBHash: hash[:], attrPreexisting: int64(r.Preexisting), attrPushed: int64(r.Pushed),
		"file_size": r.Size, "ciphertext_fetched": r.Fetched,
	}
	if ueb, err := layout.ParseUEB(r.UEB); err == nil { // it is ours
		values[attrUEB] = uebValue(ueb)
	}
	where := map[storage.ShareNum][]grid.ServerID{}
	for n, servers := range r.Sharemap {
		for _, s := range servers {
			where[n] = append(where[n], s.ID())
		}
	}
	values[attrSharemap] = sharemapValue(where)
	var servermap foolscap.Dict
	for _, id := range slices.Sorted(maps.Keys(r.Servermap)) {
		var shares foolscap.Set
		for _, n := range r.Servermap[id] {
			shares = append(shares, int64(n))
		}
		servermap = append(servermap, foolscap.Pair{Key: []byte(id), Value: shares})
	}
	values["servermap"] = servermap
	values["timings"] = foolscap.Dict{
		{Key: "cumulative_fetch", Value: r.Fetching.Seconds()}, {Key: "total_fetch", Value: r.Fetching.Seconds()},
		{Key: "peer_selection", Value: r.Timings.Placing.Seconds()}, {Key: "cumulative_sending", Value: r.Timings.Pushing.Seconds()},
	}
	return results(values)
}

// results are the attributes of results: all that the original's clients look at.
func results(values map[string]foolscap.Value) foolscap.Value {
	all := map[string]foolscap.Value{
		"timings": foolscap.Dict{}, attrSharemap: foolscap.Dict{}, "servermap": foolscap.Dict{}, "file_size": nil,
		"ciphertext_fetched": nil, "uri": nil, attrPreexisting: nil, attrPushed: nil,
	}
	maps.Copy(all, values)
	out := foolscap.Copyable{Class: resultsClass}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.State = append(out.State, foolscap.Attribute{Name: name, Value: all[name]})
	}
	return out
}

func uebValue(u layout.UEB) foolscap.Value {
	return foolscap.Dict{
		{Key: "codec_name", Value: []byte(u.CodecName)}, {Key: "codec_params", Value: []byte(u.CodecParams)},
		{Key: "tail_codec_params", Value: []byte(u.TailCodecParams)},
		{Key: "size", Value: u.Size}, {Key: "segment_size", Value: u.SegmentSize}, {Key: "num_segments", Value: u.Segments},
		{Key: "needed_shares", Value: u.Needed}, {Key: "total_shares", Value: u.Total},
		{Key: "crypttext_hash", Value: u.CiphertextHash[:]}, {Key: "crypttext_root_hash", Value: u.CiphertextRoot[:]},
		{Key: "share_root_hash", Value: u.ShareRoot[:]},
	}
}

func sharemapValue(where map[storage.ShareNum][]grid.ServerID) foolscap.Value {
	var out foolscap.Dict
	for _, n := range slices.Sorted(maps.Keys(where)) {
		var servers foolscap.Set
		for _, id := range where[n] {
			servers = append(servers, []byte(id))
		}
		out = append(out, foolscap.Pair{Key: int64(n), Value: servers})
	}
	return out
}

var errResults = errors.New("the helper's answer is not understood")

// readResults reads what a helper says that it did with a file, and compares what it says about the file with what it is. What it
// says about servers is for people.
func readResults(v foolscap.Value, f immutable.Sealed) (*immutable.Helped, error) {
	c, ok := v.(foolscap.Copyable)
	if !ok || c.Class != resultsClass {
		return nil, fmt.Errorf("%w: it holds no results", errResults)
	}
	state := map[string]foolscap.Value{}
	for _, a := range c.State {
		state[a.Name] = a.Value
	}
	hash, ok := state[attrUEBHash].([]byte)
	if !ok || len(hash) != len(taghash.Hash{}) {
		return nil, fmt.Errorf("%w: it lacks the hash of the URI extension block", errResults)
	}
	ueb, _ := state[attrUEB].(foolscap.Dict)
	for key, want := range map[string]int64{
		"needed_shares": int64(f.Encoding.Needed), "total_shares": int64(f.Encoding.Total), "segment_size": f.Encoding.MaxSegment, "size": f.Size,
	} {
		if got, _ := ueb.Get(key); got != want {
			return nil, fmt.Errorf("the helper says that the file's %s is %v, and it is %d", key, number(got), want)
		}
	}
	return &immutable.Helped{
		UEBHash: taghash.Hash(hash), Pushed: count(state[attrPushed]), Preexisting: count(state[attrPreexisting]),
		Sharemap: readSharemap(state[attrSharemap]),
	}, nil
}

// number is a value for an error, if it is a number.
func number(v foolscap.Value) any {
	if n, ok := v.(int64); ok {
		return n
	}
	return "no number"
}

func count(v foolscap.Value) int {
	n, _ := v.(int64)
	return int(min(max(n, 0), storage.MaxShares))
}

// readSharemap reads who has which share. What is not understood is left out: helpers of former times name servers otherwise.
func readSharemap(v foolscap.Value) map[storage.ShareNum][]grid.ServerID {
	out := map[storage.ShareNum][]grid.ServerID{}
	d, _ := v.(foolscap.Dict)
	for _, p := range d {
		n, ok := p.Key.(int64)
		if !ok || n < 0 || n >= storage.MaxShares {
			continue
		}
		var servers []foolscap.Value
		switch s := p.Value.(type) {
		case foolscap.Set:
			servers = s
		case foolscap.FrozenSet:
			servers = s
		}
		for _, id := range servers {
			if b, ok := id.([]byte); ok && len(b) <= maxServerID {
				out[storage.ShareNum(n)] = append(out[storage.ShareNum(n)], grid.ServerID(b))
			}
		}
	}
	return out
}
