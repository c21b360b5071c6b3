package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestHelper uploads through a helper of each maker, with clients of both: the capabilities are those of direct uploads, and a helper
// that is killed in the middle goes on with what it had.
func TestHelper(t *testing.T) {
	t.Parallel()
	needsOriginal(t)
	helped(t, false, 300_000, 8<<20)
}

func TestLongHelper(t *testing.T) {
	needsLong(t)
	needsOriginal(t)
	helped(t, true, 5_000_000, 300_000_000)
}

// helped tries each maker's helper with the other's client, and with those of both makers if all are to be tried.
func helped(t *testing.T, all bool, small, large int) {
	dir := t.TempDir()
	var servers []*peer
	for i := range 3 {
		p := newStorage(t, ours, filepath.Join(dir, fmt.Sprintf("storage-%d", i)))
		p.start()
		servers = append(servers, p)
	}
	for _, m := range makers {
		t.Run("helper="+string(m), func(t *testing.T) {
			t.Parallel()
			h := newHelper(t, m, filepath.Join(dir, "helper-"+string(m)), servers)
			for _, of := range makers {
				if of == m && !all {
					continue
				}
				c := newHelped(t, of, filepath.Join(dir, fmt.Sprintf("client-%s-%s", m, of)), servers)
				c.set("client/helper.furl", h.private("helper.furl"))
				c.start()
				c.waitConnected(len(servers))
				c.waitHelped(t, h)
				h.check(t, c, fmt.Sprint(m, of), small, large)
			}
		})
	}
}

// newHelper runs a node that is nothing but a helper.
func newHelper(t *testing.T, m maker, dir string, servers []*peer) *peer {
	t.Helper()
	port := freePort(t)
	command(t, m.program(t), "create-node", "--nickname="+filepath.Base(dir), "--webport=tcp:0:interface=127.0.0.1", "--no-storage", "--helper",
		fmt.Sprintf("--port=tcp:%d:interface=127.0.0.1", port), fmt.Sprintf("--location=tcp:127.0.0.1:%d", port), dir)
	h := &peer{maker: m, dir: dir, t: t}
	h.set("client/shares.happy", "3", "client/shares.total", "3")
	h.knows(servers...)
	h.start()
	h.waitConnected(len(servers))
	return h
}

func newHelped(t *testing.T, m maker, dir string, servers []*peer) *peer {
	t.Helper()
	c := newClient(t, m, dir)
	c.set("client/shares.needed", "2", "client/shares.happy", "3", "client/shares.total", "3")
	c.setPrivate("convergence", "fqfl2bjy3khd3vhxz4hujm62fvzy4mbzc57cwz6zfsgsc6dqjobq")
	c.knows(servers...)
	return c
}

// waitHelped waits until a client uploads through a helper.
func (p *peer) waitHelped(t *testing.T, h *peer) {
	t.Helper()
	n := 0
	waitFor(t, "an upload through the helper", func() error {
		before := h.helperStat(t, "upload_requests")
		n++
		p.put(t, content(fmt.Sprint(p.dir, before, n), 100))
		if h.helperStat(t, "upload_requests") == before {
			return fmt.Errorf("%d went by without it", n)
		}
		return nil
	})
}

// helperStat is one of the helper's statistics.
func (p *peer) helperStat(t *testing.T, name string) int64 {
	t.Helper()
	var all map[string]float64
	if err := json.Unmarshal(p.do(t, http.MethodGet, "helper_status?t=json", nil), &all); err != nil {
		t.Fatal(err)
	}
	v, ok := all["chk_upload_helper."+name]
	if !ok {
		t.Fatalf("the helper of %s has no statistic %s: %v", p.maker, name, all)
	}
	return int64(v)
}

func (p *peer) check(t *testing.T, c *peer, name string, small, large int) {
	t.Helper()
	data := content(name, small)
	before := p.helperStat(t, "upload_already_present")
	cap := c.put(t, data)
	c.mustRead(t, cap, data)
	if again := c.put(t, data); again != cap || p.helperStat(t, "upload_already_present") != before+1 {
		t.Errorf("client of %s: a file that is there gets another capability, or is sent again", c.maker)
	}
	if t.Failed() {
		return
	}
	data = content(name, large)
	resumed := p.killInTheMiddle(t, c, data)
	c.mustRead(t, resumed, data)
	sent := p.helperStat(t, "fetched_bytes") // since it was started again
	if sent >= int64(large) || p.helperStat(t, "resumes") != 1 {
		t.Errorf("client of %s: the helper fetched %d of %d bytes after it was killed, and resumed %d files; want less, and 1",
			c.maker, sent, large, p.helperStat(t, "resumes"))
	}
	t.Logf("client of %s: %d bytes, of which %d were fetched after the helper was killed", c.maker, large, sent)

	// Without the helper, the same client stores the same files under the same capabilities.
	c.set("client/helper.furl", "None")
	c.restart()
	c.waitConnected(3)
	if got := c.put(t, data); got != resumed {
		t.Errorf("client of %s: a direct upload gives another capability than the helper", c.maker)
	}
	if got := c.put(t, content(name, small)); got != cap {
		t.Errorf("client of %s: a direct upload gives another capability than the helper", c.maker)
	}
}

// killInTheMiddle stores a file, and kills the helper when some of it has come, and runs it again. A client of the original has to be
// asked again.
func (p *peer) killInTheMiddle(t *testing.T, c *peer, data []byte) string {
	t.Helper()
	type put struct {
		answer
		err error
	}
	done := make(chan put, 1)
	go func() {
		a, err := c.ask(http.MethodPut, "uri", data)
		done <- put{a, err}
	}()
	waitFor(t, "some of the ciphertext", func() error {
		files, _ := filepath.Glob(filepath.Join(p.dir, "helper", "CHK_incoming", "*"))
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && info.Size() > int64(len(data)/4) {
				return nil
			}
		}
		return fmt.Errorf("there are %d files", len(files))
	})
	p.Kill()
	p.start()
	p.waitConnected(3)
	a := <-done
	if a.err == nil && a.status/100 == 2 {
		return string(a.body)
	}
	if c.maker == ours {
		t.Fatalf("our client: status %s, %v: %s", strconv.Itoa(a.status), a.err, a.body)
	}
	c.waitHelped(t, p)
	return c.put(t, data)
}
