package happiness_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tahoe/lafs/immutable/happiness"
)

func TestMeasure(t *testing.T) {
	for _, c := range []struct {
		name  string
		holds [][]int
		want  int
	}{
		{"nothing", nil, 0},
		{"empty servers", [][]int{{}, {}}, 0},
		{"one each", [][]int{{0}, {1}, {2}}, 3},
		{"all on one server", [][]int{{0, 1, 2, 3}}, 1},
		{"the same share everywhere", [][]int{{4}, {4}, {4}}, 1},
		{"three shares on ten servers", [][]int{{0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, 3},
		{"needs rearranging", [][]int{{0, 1}, {0}}, 2},
		{"long rearrangement", [][]int{{0, 1}, {1, 2}, {2, 3}, {0}}, 4},
		{"rich and poor", [][]int{{1, 2, 3, 4}, {6}, {3}, {4}, {2}}, 5},
		{"doubled numbers", [][]int{{1, 1, 1}, {1, 1}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := happiness.Measure(c.holds); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	const no = happiness.Nowhere
	rw := happiness.Server{Writable: true}
	for _, c := range []struct {
		name    string
		servers []happiness.Server
		total   int
		want    []int
	}{
		{"no servers", nil, 3, []int{no, no, no}},
		{"one each, in order", []happiness.Server{rw, rw, rw}, 3, []int{0, 1, 2}},
		{"more servers than shares", []happiness.Server{rw, rw, rw}, 2, []int{0, 1}},
		{"fewer servers than shares", []happiness.Server{rw, rw}, 5, []int{0, 1, 0, 1, 0}},
		{"only read-only ones", []happiness.Server{{Holds: []int{1}}, {}}, 2, []int{no, 0}},
		{"a share stays", []happiness.Server{rw, {Holds: []int{0}, Writable: true}}, 2, []int{1, 0}},
		{
			"a read-only holder frees a writable one",
			[]happiness.Server{{Holds: []int{0}, Writable: true}, {Holds: []int{0}}}, 2, []int{1, 0},
		},
		{"spare shares stay where they are", []happiness.Server{{Holds: []int{0, 1, 2}, Writable: true}}, 3, []int{0, 0, 0}},
		{
			"a share held elsewhere is doubled only for happiness",
			[]happiness.Server{{Holds: []int{0, 1, 2}}, rw}, 3, []int{0, 1, 0},
		},
		{
			"a missing share goes first",
			[]happiness.Server{{Holds: []int{0, 1}}, rw}, 3, []int{0, 0, 1},
		},
		{
			"promised room is used though the server takes no more",
			[]happiness.Server{{Granted: []int{1}}, rw}, 2, []int{1, 0},
		},
		{
			"promised room does not move a share",
			[]happiness.Server{{Holds: []int{1}, Granted: []int{0}, Writable: true}, {Granted: []int{1}, Writable: true}}, 2, []int{1, 0},
		},
		{
			"but it may, for more happiness",
			[]happiness.Server{{Holds: []int{0}, Granted: []int{1}}, {Granted: []int{0}}}, 2, []int{1, 0},
		},
		{
			"refused shares go elsewhere",
			[]happiness.Server{{Writable: true, Refused: []int{0, 3}}, {Writable: true, Refused: []int{1}}, rw}, 4, []int{1, 0, 2, 1},
		},
		{"what all refuse has no place", []happiness.Server{{Writable: true, Refused: []int{0}}}, 2, []int{no, 0}},
		{"shares of another encoding do not count", []happiness.Server{{Holds: []int{7}}, rw}, 2, []int{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := happiness.Place(c.servers, c.total); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// bruteMatching is the size of a maximum matching, by trying everything.
func bruteMatching(holds [][]int, used map[int]bool) int {
	if len(holds) == 0 {
		return 0
	}
	best := bruteMatching(holds[1:], used)
	for _, share := range holds[0] {
		if !used[share] {
			used[share] = true
			best = max(best, 1+bruteMatching(holds[1:], used))
			used[share] = false
		}
	}
	return best
}

func drawShares(t *rapid.T, total int, name string) []int {
	return rapid.SliceOfNDistinct(rapid.IntRange(0, total-1), 0, total, rapid.ID[int]).Draw(t, name)
}

func TestMeasureIsMaximum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 6).Draw(t, "total")
		holds := make([][]int, rapid.IntRange(0, 6).Draw(t, "servers"))
		for s := range holds {
			holds[s] = drawShares(t, total, "holds")
		}
		if got, want := happiness.Measure(holds), bruteMatching(holds, map[int]bool{}); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// after is what each server would hold once p is carried out, and how many shares of p have to be sent for it.
func after(servers []happiness.Server, p []int) (holds [][]int, sent int) {
	holds = make([][]int, len(servers))
	for s := range servers {
		holds[s] = slices.Clone(servers[s].Holds)
	}
	for share, s := range p {
		if s != happiness.Nowhere && !slices.Contains(holds[s], share) {
			holds[s] = append(holds[s], share)
			sent++
		}
	}
	return holds, sent
}

// brutePlace is the best happiness that any placement reaches.
func brutePlace(servers []happiness.Server, total int) int {
	edges := make([][]int, len(servers))
	for s, server := range servers {
		edges[s] = append(slices.Clone(server.Holds), server.Granted...)
		for share := range total {
			if server.Writable {
				edges[s] = append(edges[s], share)
			}
		}
	}
	return bruteMatching(edges, map[int]bool{})
}

func drawServers(t *rapid.T, total int) []happiness.Server {
	servers := make([]happiness.Server, rapid.IntRange(0, 5).Draw(t, "servers"))
	for s := range servers {
		servers[s] = happiness.Server{
			Holds:    drawShares(t, total, "holds"),
			Granted:  drawShares(t, total, "granted"),
			Writable: rapid.Bool().Draw(t, "writable"),
		}
	}
	return servers
}

func TestPlaceIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 5).Draw(t, "total")
		servers := drawServers(t, total)
		p := happiness.Place(servers, total)
		for share, s := range p {
			checkPlaced(t, servers, share, s)
		}
		holds, _ := after(servers, p)
		if got, want := happiness.Measure(holds), brutePlace(servers, total); got != want {
			t.Fatalf("placement %v: happiness %v, want %v", p, got, want)
		}
	})
}

func checkPlaced(t *rapid.T, servers []happiness.Server, share, s int) {
	if s == happiness.Nowhere {
		for _, server := range servers {
			if server.Writable || slices.Contains(server.Holds, share) || slices.Contains(server.Granted, share) {
				t.Fatalf("share %d is nowhere, though %+v could have it", share, server)
			}
		}
		return
	}
	x := servers[s]
	if !x.Writable && !slices.Contains(x.Holds, share) && !slices.Contains(x.Granted, share) {
		t.Fatalf("share %d is placed on server %d, which does not take it: %+v", share, s, x)
	}
}

// TestPlaceSettles: once a placement is carried out, placing again asks for nothing new.
func TestPlaceSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 5).Draw(t, "total")
		servers := drawServers(t, total)
		holds, _ := after(servers, happiness.Place(servers, total))
		for s := range servers {
			servers[s].Holds, servers[s].Granted = holds[s], nil
		}
		if _, sent := after(servers, happiness.Place(servers, total)); sent != 0 {
			t.Fatalf("a second placement sends %d more shares: %+v", sent, servers)
		}
	})
}

func BenchmarkPlace256(b *testing.B) {
	servers := make([]happiness.Server, 512)
	for s := range servers {
		servers[s] = happiness.Server{Holds: []int{s % 256, s % 7}, Writable: s%3 > 0}
	}
	b.ReportAllocs()
	for b.Loop() {
		happiness.Place(servers, 256)
	}
}
