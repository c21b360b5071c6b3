package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/storage/share"
)

// slotServers is how many servers of ours keep the slots; of five shares three give a file back.
const slotServers = 5

// A slots is two clients of the original on storage nodes of ours.
type slots struct {
	servers []*peer
	a, b    *peer
}

// TestSlots has clients of the original make, read and change mutable files and directories that our servers keep.
func TestSlots(t *testing.T) {
	t.Parallel()
	needsOriginal(t)
	dir := t.TempDir()
	s := &slots{servers: make([]*peer, slotServers)}
	var start []func()
	for i := range s.servers {
		start = append(start, func() {
			s.servers[i] = newStorage(t, ours, filepath.Join(dir, "storage-"+strconv.Itoa(i+1)))
			s.servers[i].start()
		})
	}
	start = append(start, func() { s.a = newClient(t, original, filepath.Join(dir, "a")) },
		func() { s.b = newClient(t, original, filepath.Join(dir, "b")) })
	together(t, start...)
	for _, protocol := range protocols() {
		t.Run("client=original/servers=ours/introducer=none/protocol="+protocol, func(t *testing.T) {
			together(t, func() { s.startClient(s.a, protocol) }, func() { s.startClient(s.b, protocol) })
			for _, format := range []string{"SDMF", "MDMF"} {
				t.Run(format, func(t *testing.T) { s.file(t, format) })
				t.Run("leases of "+format, func(t *testing.T) { s.leases(t, format) })
				t.Run("directory in "+format, func(t *testing.T) { s.directory(t, format) })
				t.Run("two write "+format, func(t *testing.T) { s.collide(t, format) })
			}
			together(t, s.a.Stop, s.b.Stop)
		})
	}
}

func (s *slots) startClient(p *peer, protocol string) {
	p.set("client/shares.happy", "3", "client/shares.total", strconv.Itoa(slotServers), "client/force_foolscap", strconv.FormatBool(protocol == foolscap))
	p.knows(s.servers...)
	p.start()
	p.waitConnected(slotServers)
	p.mustSpeak(p.t, protocol)
}

// file makes a file, and has both clients write it longer and shorter, and in the middle, and read what the other wrote.
func (s *slots) file(t *testing.T, format string) {
	first := content("first "+format, 1000)
	cap := s.a.create(t, format, first)
	s.b.mustRead(t, cap, first)
	writer, reader := s.b, s.a
	for _, size := range []int{300_000, 0, 56, 3 << 20, 131072} {
		data := content(fmt.Sprint(format, size), size)
		writer.do(t, http.MethodPut, "uri/"+cap, data)
		reader.mustRead(t, cap, data)
		writer, reader = reader, writer
	}
	want := content(format+"131072", 131072)
	patch := content("patch", 70_000)
	for _, offset := range []int{1, 100_000, 170_000} { // inside, over the end, at the end
		s.a.do(t, http.MethodPut, fmt.Sprintf("uri/%s?offset=%d", cap, offset), patch)
		want = append(want[:offset], append(bytes.Clone(patch), want[min(len(want), offset+len(patch)):]...)...)
		s.b.mustRead(t, cap, want)
	}
	s.b.verify(t, cap, slotServers)

	readOnly := strings.TrimSpace(string(s.b.do(t, http.MethodGet, "uri/"+cap+"?t=readonly-uri", nil)))
	s.b.mustRead(t, readOnly, want)
	if a, err := s.b.ask(http.MethodPut, "uri/"+readOnly, first); err != nil || a.status/100 == 2 {
		t.Errorf("a write by the read-only capability: status %d (%v), want a refusal", a.status, err)
	}
	s.a.mustRead(t, cap, want)

	s.servers[0].Stop()
	s.servers[1].Kill()
	waitConnected(t, slotServers-2, s.a, s.b)
	s.b.mustRead(t, cap, want)
	together(t, s.servers[0].start, s.servers[1].start)
	waitConnected(t, slotServers, s.a, s.b)
	s.b.mustRead(t, cap, want)
}

// leases has a client that stored nothing add a lease, and the one that did renew its own.
func (s *slots) leases(t *testing.T, format string) {
	before := s.shares(t)
	cap := s.a.create(t, format, content("leases of "+format, 1000))
	s.leasesAre(t, before, 1)
	s.b.do(t, http.MethodPost, "uri/"+cap+"?t=check&add-lease=true&output=JSON", nil)
	old := s.leasesAre(t, before, 2)
	time.Sleep(1100 * time.Millisecond) // leases count in seconds
	s.a.do(t, http.MethodPost, "uri/"+cap+"?t=check&add-lease=true&output=JSON", nil)
	renewed := s.leasesAre(t, before, 2)
	for path, sum := range renewed {
		if sum <= old[path] {
			t.Errorf("share %s: a renewal made no lease end later", path)
		}
	}
}

// shares are the paths of all shares on all servers.
func (s *slots) shares(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, server := range s.servers {
		for _, path := range shareFiles(t, server) {
			out[path] = true
		}
	}
	return out
}

// leasesAre demands that each share that was not there before has n leases, and returns the sum of their ends.
func (s *slots) leasesAre(t *testing.T, before map[string]bool, n int) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for path := range s.shares(t) {
		if before[path] {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := bytes.NewReader(b)
		c, err := share.ReadMutable(r, int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		count := 0
		for l, err := range c.AllLeases(r) {
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if l.Owner != 0 {
				count++
				out[path] += l.Time().Unix()
			}
		}
		if count != n {
			t.Errorf("%s has %d leases, want %d", path, count, n)
		}
	}
	if len(out) != slotServers {
		t.Errorf("the file has %d shares, want %d", len(out), slotServers)
	}
	return out
}

// directory fills and changes a directory by one client, and lists it by the other.
func (s *slots) directory(t *testing.T, format string) {
	dir := strings.TrimSpace(string(s.a.do(t, http.MethodPost, "uri?t=mkdir&format="+format, nil)))
	small, large := content("small", 10), content("large "+format, 200_000)
	s.a.do(t, http.MethodPut, "uri/"+dir+"/small", small)
	s.b.do(t, http.MethodPut, "uri/"+dir+"/sub/large", large)
	s.a.do(t, http.MethodPut, "uri/"+dir+"/sub/slot?format="+format, small)
	s.b.do(t, http.MethodPut, "uri/"+dir+"/sub/slot", large)
	s.a.mustRead(t, dir+"/sub/large", large)
	s.a.mustRead(t, dir+"/sub/slot", large)
	s.lists(t, dir, "small", "sub")
	s.b.do(t, http.MethodPost, "uri/"+dir+"?t=rename&from_name=small&to_name=renamed", nil)
	s.lists(t, dir, "renamed", "sub")
	s.b.mustRead(t, dir+"/renamed", small)
	s.a.do(t, http.MethodDelete, "uri/"+dir+"/renamed", nil)
	s.lists(t, dir, "sub")
	checked := 0
	for line := range bytes.Lines(s.b.do(t, http.MethodPost, "uri/"+dir+"?t=stream-deep-check&verify=true&add-lease=true", nil)) {
		var unit struct {
			Type  string          `json:"type"`
			Cap   string          `json:"cap"`
			Check json.RawMessage `json:"check-results"`
		}
		if err := json.Unmarshal(line, &unit); err != nil {
			t.Fatalf("deep check: %v: %s", err, line)
		}
		if unit.Type != "stats" {
			checked++
			healthy(t, unit.Cap, slotServers, unit.Check)
		}
	}
	if checked != 4 {
		t.Errorf("the deep check saw %d objects, want 4: two directories, a file, a slot", checked)
	}
}

// lists demands of both clients that a directory has these children.
func (s *slots) lists(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, p := range []*peer{s.a, s.b} {
		var node []json.RawMessage
		var body struct {
			Children map[string]any `json:"children"`
		}
		text := p.do(t, http.MethodGet, "uri/"+dir+"?t=json", nil)
		if err := json.Unmarshal(text, &node); err != nil || len(node) != 2 || json.Unmarshal(node[1], &body) != nil {
			t.Fatalf("listing: %v: %s", err, text)
		}
		good := len(body.Children) == len(names)
		for _, n := range names {
			good = good && body.Children[n] != nil
		}
		if !good {
			t.Errorf("the directory lists %s, want %v", text, names)
		}
	}
}

// collide has both clients write the same file at the same time until one of them is told of the other. The file stays whole.
func (s *slots) collide(t *testing.T, format string) {
	cap := s.a.create(t, format, content("collide", 100))
	told := false
	for round := 0; round < 20 && !told; round++ {
		mine, theirs := content(fmt.Sprint("mine", round), 200_000), content(fmt.Sprint("theirs", round), 200_000)
		var answers [2]answer
		var errs [2]error
		together(t, func() { answers[0], errs[0] = s.a.ask(http.MethodPut, "uri/"+cap, mine) },
			func() { answers[1], errs[1] = s.b.ask(http.MethodPut, "uri/"+cap, theirs) })
		for i, a := range answers {
			switch {
			case errs[i] != nil:
				t.Fatal(errs[i])
			case a.status/100 == 2:
			case bytes.Contains(a.body, []byte("UncoordinatedWriteError")):
				told = true
			default:
				t.Fatalf("two writers at once: status %d: %s", a.status, a.body)
			}
		}
	}
	if !told {
		t.Error("no writer of 20 pairs at once got an UncoordinatedWriteError")
	}
	last := content("last", 5000)
	s.a.do(t, http.MethodPut, "uri/"+cap, last)
	s.b.mustRead(t, cap, last)
}
