package interop_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// inTurns has both clients add children to one directory, one after the other, and take some away.
func (g *gateways) inTurns(t *testing.T) {
	for _, m := range makers {
		p := g.clients[m]
		dir := p.mkdir(t, "t=mkdir", nil)
		want := children{}
		for i := range 6 {
			name := fmt.Sprint("child ", i)
			cap := string(p.do(t, http.MethodPut, "uri/"+dir+"/child%20"+fmt.Sprint(i), fmt.Append(nil, i)))
			want[name] = link("", cap, "")
			if p = g.clients[p.maker.other()]; i%3 == 2 {
				p.do(t, http.MethodDelete, "uri/"+dir+"/child%20"+fmt.Sprint(i-1), nil)
				delete(want, fmt.Sprint("child ", i-1))
			}
		}
		mustHold(t, g.list(t, dir), want)
	}
}

// atOnce has both clients add children to one directory at the same time. Ours loses nothing that the original has done. The reverse
// cannot be asked for: when the original tries again, it begins with the version that it read first, and what others wrote since is
// gone. When it rests, ours adds many at once, and all of them stay.
func (g *gateways) atOnce(t *testing.T) {
	dir := g.clients[ours].mkdir(t, "t=mkdir", nil)
	var mu sync.Mutex
	var done []string
	var writers []func()
	for _, m := range makers {
		writers = append(writers, func() {
			for i := range 3 {
				name := fmt.Sprint(m, i)
				a, err := g.clients[m].ask(http.MethodPut, "uri/"+dir+"/"+name, []byte(m))
				if !told(t, m, a, err) && m == original {
					mu.Lock()
					done = append(done, name)
					mu.Unlock()
				}
			}
		})
	}
	together(t, writers...)
	before := g.list(t, dir)
	for _, name := range done {
		if before[name] == nil {
			t.Errorf("child %s, which the original has added, is lost", name)
		}
	}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			a, err := g.clients[ours].ask(http.MethodPut, fmt.Sprintf("uri/%s/alone-%d", dir, i), []byte("alone"))
			if err != nil || a.status != http.StatusCreated {
				t.Errorf("adding a child while the other rests: status %d (%v): %s", a.status, err, a.body)
			}
		})
	}
	all.Wait()
	after := g.list(t, dir)
	if len(after) != len(before)+10 {
		t.Errorf("the directory has %d children, want the %d that it had and 10 more", len(after), len(before))
	}
	for name := range before {
		if after[name] == nil {
			t.Errorf("child %s is lost", name)
		}
	}
}

// told says whether a writer was told of another one. Any other failure is one of the test. When the original reads what it is about to
// change while another one writes, it says that the version it began with is gone.
func told(t *testing.T, m maker, a answer, err error) bool {
	t.Helper()
	switch {
	case err != nil:
		t.Errorf("%s client: %v", m, err)
	case a.status/100 == 2:
	case a.status == http.StatusInternalServerError && bytes.Contains(a.body, []byte("UncoordinatedWriteError")):
		return true
	case m == original && a.status == http.StatusGone && bytes.Contains(a.body, []byte("NotEnoughSharesError")):
		return true
	default:
		t.Errorf("%s client, two writers at once: status %d: %s", m, a.status, a.body)
	}
	return false
}

// fileAtOnce has both clients write one file at the same time until one is told of the other. It is always one of the versions, and
// who writes it alone has written it.
func (g *gateways) fileAtOnce(t *testing.T) {
	for _, format := range []string{"SDMF", "MDMF"} {
		cap := g.clients[ours].create(t, format, content("at once", 100))
		found := false
		for round := 0; round < 20 && !found; round++ {
			var mu sync.Mutex
			var writers []func()
			for _, m := range makers {
				writers = append(writers, func() {
					a, err := g.clients[m].ask(http.MethodPut, "uri/"+cap, content(fmt.Sprint(m, round), 200_000))
					mu.Lock()
					defer mu.Unlock()
					found = told(t, m, a, err) || found
				})
			}
			together(t, writers...)
		}
		if !found {
			t.Errorf("no writer of 20 pairs at once in %s was told of the other", format)
		}
		for _, m := range makers {
			last := g.clients[m].overwrite(t, cap, content("last by "+string(m), 5000))
			g.clients[m.other()].mustRead(t, cap, last)
		}
		g.clients[original].verify(t, cap, gatewayServers)
	}
}
