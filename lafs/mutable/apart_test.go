package mutable_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/lafs/grid"
	"tahoe/lafs/mutable"
)

// among is a gateway that reaches some of the servers.
func (w *world) among(servers []*grid.Server, log *bytes.Buffer) *mutable.Files {
	return w.files(func(c *mutable.Config) {
		c.Servers, c.Log = grid.Fixed(servers...), slog.New(slog.NewTextHandler(log, nil))
	})
}

// Writes go on while servers are away, and the log says when these may have a version of their own. The first write that reaches
// them again leaves nothing of it.
func TestWriteWhileServersAreAway(t *testing.T) {
	for _, c := range []struct {
		name  string
		away  int
		told  bool
		front bool // those that are asked first are away: more than a read asks, so that it cannot know
	}{{"two", 2, false, false}, {"three", 3, true, false}, {"seven", 7, true, false}, {"the first seven", 7, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			inFakeTime(t, 10, func(t *testing.T, w *world) {
				file := w.create(w.files(), caps.SDMF, []byte("old"))
				servers := grid.Fixed(w.servers...).Permuted(index(file)) // in the order in which they are asked
				if !c.front {
					slices.Reverse(servers)
				}
				var log bytes.Buffer
				here := w.same(w.among(servers[c.away:], &log), file)
				for _, s := range []string{"new", "newer"} {
					_, err := here.Overwrite(t.Context(), strings.NewReader(s), -1)
					must(t, err)
				}
				if told := strings.Count(log.String(), "may have enough shares of an older"); told != map[bool]int{true: 1}[c.told] {
					t.Errorf("the log tells %d times:\n%s", told, log.String())
				}
				if c.away >= 3 {
					wantContents(t, w.same(w.among(servers[:c.away], &log), file), []byte("old"))
				}
				all := w.same(w.files(), file)
				if !c.front {
					wantContents(t, all, []byte("newer"))
				}
				v, err := all.Modify(t.Context(), 100, func(old []byte) ([]byte, error) { return append(old, " still"...), nil })
				must(t, err)
				wantContents(t, here, []byte("newer still"))
				if got := w.audit(file); len(got) != 1 || got[v.Seqnum] < 10 {
					t.Errorf("got shares %v of version %v", got, v)
				}
			})
		})
	}
}

// What no writer can exclude: each of two who reach no server in common is done.
func TestWritersApart(t *testing.T) {
	inFakeTime(t, 10, func(t *testing.T, w *world) {
		file := w.create(w.files(), caps.SDMF, []byte("start"))
		var log bytes.Buffer
		servers := grid.Fixed(w.servers...).Permuted(index(file)) // in the order in which they are asked
		a, b := w.same(w.among(servers[3:], &log), file), w.same(w.among(servers[:3], &log), file)
		for _, write := range []struct {
			file *mutable.File
			text string
		}{{a, "A"}, {b, "B"}, {b, "B again"}} {
			_, err := write.file.Overwrite(t.Context(), strings.NewReader(write.text), -1)
			must(t, err)
		}
		wantContents(t, a, []byte("A"))
		all := w.same(w.files(), file)
		wantContents(t, all, []byte("B again"))
		_, err := all.Modify(t.Context(), 100, func(old []byte) ([]byte, error) { return append(old, " and on"...), nil })
		must(t, err)
		wantContents(t, a, []byte("B again and on"))
		wantContents(t, b, []byte("B again and on"))
		if told := strings.Count(log.String(), "may have enough shares of an older"); told != 2 {
			t.Errorf("the log tells %d times:\n%s", told, log.String())
		}
	})
}
