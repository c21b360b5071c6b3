package health_test

import (
	"fmt"
	"slices"
	"testing"

	"tahoe/lafs/grid"
	"tahoe/lafs/health"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// TestHomeless: at[share] lists the servers that have it; server 9 is to be retired.
func TestHomeless(t *testing.T) {
	var servers []*grid.Server
	for i := range 10 {
		s, err := grid.NewServer(grid.Announcement{ID: grid.ServerID(fmt.Sprint(i)), FURL: "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:localhost:1/x"}, storagetest.NewMem(storagetest.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	servers[9].Retire(true)
	for _, c := range []struct {
		name             string
		at               [][]int
		free             int
		leaving, crowded []storage.ShareNum
	}{
		{"each has its own", [][]int{{0}, {1}, {2}}, 5, nil, nil},
		{"two on one server", [][]int{{0}, {0}, {2}}, 5, nil, []storage.ShareNum{1}},
		{"two on one server, and nobody free", [][]int{{0}, {0}, {2}}, 0, nil, nil},
		{"all on one, and two free", [][]int{{0}, {0}, {0}, {0}}, 2, nil, []storage.ShareNum{1, 2}},
		{"a choice that works out", [][]int{{0, 1}, {0}, {1, 2}}, 5, nil, nil},
		{"one leaves", [][]int{{0}, {9}, {2}}, 5, []storage.ShareNum{1}, nil},
		{"one leaves and is elsewhere", [][]int{{0}, {9, 1}, {2}}, 5, nil, nil},
		{"one leaves to a crowd", [][]int{{0}, {9, 0}, {2}}, 5, nil, []storage.ShareNum{1}},
		{"who leaves comes first", [][]int{{0}, {0}, {9}}, 1, []storage.ShareNum{2}, nil},
	} {
		var shares []health.Share
		for n, at := range c.at {
			s := health.Share{Num: storage.ShareNum(n)}
			for _, i := range at {
				s.Servers = append(s.Servers, servers[i])
			}
			shares = append(shares, s)
		}
		h := health.Homeless(shares, c.free)
		if !slices.Equal(h.Leaving, c.leaving) || !slices.Equal(h.Crowded, c.crowded) {
			t.Errorf("%s: got %v and %v, want %v and %v", c.name, h.Leaving, h.Crowded, c.leaving, c.crowded)
		}
	}
}
