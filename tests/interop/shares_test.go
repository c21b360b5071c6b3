package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tahoe/storage/share"
)

// TestShareFiles has a client of each maker store the same files on a server of each maker, always on the same node directory, and
// compares what is then on the disk. The original's tools are to accept what our client stored on our server.
func TestShareFiles(t *testing.T) {
	t.Parallel()
	program := needsOriginal(t)
	dir := t.TempDir()
	server := newStorage(t, original, filepath.Join(dir, "storage"))
	server.start()
	clients := map[maker]*peer{}
	for _, m := range makers {
		p := newClient(t, m, filepath.Join(dir, "client-"+string(m)))
		p.set("client/shares.happy", "1")
		p.setPrivate("secret", "wmxd4rjtwrfzlgzpxeqk7dlh2okcbgdoj5pjncdhmzsi3auhdzlq") // leases derive from it
		p.setPrivate("convergence", "fqfl2bjy3khd3vhxz4hujm62fvzy4mbzc57cwz6zfsgsc6dqjobq")
		p.knows(server)
		clients[m] = p
	}
	var first map[string][]byte
	var caps []string
	for _, by := range []maker{original, ours} {
		server.Stop()
		server.maker = by
		server.start()
		for _, protocol := range protocols() {
			startClients(t, clients, protocol)
			for _, m := range makers {
				t.Run(fmt.Sprintf("client=%s/servers=%s/introducer=none/protocol=%s", m, by, protocol), func(t *testing.T) {
					dropShares(t, server)
					caps = nil
					for _, size := range []int{100, 131072, 3<<20 + 1} {
						caps = append(caps, clients[m].put(t, content(fmt.Sprint("share files", size), size)))
					}
					got := withoutLeaseTimes(t, server)
					if first == nil {
						first = got
					}
					compare(t, first, got)
				})
			}
		}
	}
	t.Run("tools", func(t *testing.T) { toolsAccept(t, program, server, clients, caps) })
}

// startClients has the clients of a server speak a protocol.
func startClients(t *testing.T, clients map[maker]*peer, protocol string) {
	t.Helper()
	var start []func()
	for _, p := range clients {
		p.set("client/force_foolscap", strconv.FormatBool(protocol == foolscap))
		start = append(start, func() {
			if p.Process != nil {
				p.Stop()
			}
			p.start()
			p.waitConnected(1)
			p.mustSpeak(t, protocol)
		})
	}
	together(t, start...)
}

func sharesOf(server *peer) string { return filepath.Join(server.dir, "storage", "shares") }

// dropShares removes all finished shares.
func dropShares(t *testing.T, server *peer) {
	t.Helper()
	for _, path := range shareFiles(t, server) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
}

// withoutLeaseTimes reads all share files of a server, with the times of their one lease made zero.
func withoutLeaseTimes(t *testing.T, server *peer) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, path := range shareFiles(t, server) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := share.ParseImmutable(b, int64(len(b)))
		if err != nil || c.Leases != 1 {
			t.Fatalf("%s: %d leases (%v), want 1", path, c.Leases, err)
		}
		clear(b[len(b)-4:])
		name, _ := filepath.Rel(sharesOf(server), path)
		out[name] = b
	}
	return out
}

// shareFiles are the paths of all finished shares.
func shareFiles(t *testing.T, server *peer) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(sharesOf(server), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.Contains(path, "incoming") {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compare(t *testing.T, want, got map[string][]byte) {
	t.Helper()
	if len(got) != len(want) || len(got) != 30 {
		t.Errorf("got %d share files, want those of 3 files: %d", len(got), len(want))
	}
	for name, b := range got {
		if !bytes.Equal(b, want[name]) {
			t.Errorf("share file %s: got %d bytes, others than the %d of the original", name, len(b), len(want[name]))
		}
	}
}

func toolsAccept(t *testing.T, program string, server *peer, clients map[maker]*peer, caps []string) {
	verify := map[string]bool{}
	for _, cap := range caps {
		var file []any
		if err := json.Unmarshal(clients[ours].do(t, "GET", "uri/"+cap+"?t=json", nil), &file); err != nil {
			t.Fatal(err)
		}
		verify[file[1].(map[string]any)["verify_uri"].(string)] = false
	}
	files := shareFiles(t, server)
	for i := 0; i < len(files); i += 10 {
		out := command(t, program, "debug", "dump-share", files[i])
		for v := range verify {
			verify[v] = verify[v] || strings.Contains(out, v)
		}
	}
	for v, seen := range verify {
		if !seen {
			t.Errorf("dump-share did not print %s for any of its shares", v)
		}
	}
	catalog := strings.TrimSpace(command(t, program, "debug", "catalog-shares", server.dir))
	if lines := strings.Split(catalog, "\n"); len(lines) != len(files) {
		t.Errorf("catalog-shares describes %d shares, want %d:\n%s", len(lines), len(files), catalog)
	}
	for line := range strings.Lines(catalog) {
		if !strings.HasPrefix(line, "CHK ") {
			t.Errorf("catalog-shares: %s", line)
		}
	}
	var check []func()
	for _, cap := range caps {
		check = append(check, func() {
			healthy(t, cap, 10, []byte(command(t, program, "-d", clients[original].dir, "check", "--verify", "--raw", cap)))
		})
	}
	together(t, check...)
}

// verify has the client check all bytes of all shares of a file, and demands that n are good and none is bad.
func (p *peer) verify(t *testing.T, cap string, n int) {
	t.Helper()
	healthy(t, cap, n, p.do(t, "POST", "uri/"+cap+"?t=check&verify=true&output=JSON", nil))
}

func healthy(t *testing.T, cap string, n int, report []byte) {
	t.Helper()
	var r struct {
		Results struct {
			Healthy bool `json:"healthy"`
			Good    int  `json:"count-shares-good"`
			Corrupt int  `json:"count-corrupt-shares"`
		} `json:"results"`
	}
	if err := json.Unmarshal(report, &r); err != nil {
		t.Fatalf("check of %.40s…: %v:\n%s", cap, err, report)
	}
	if !r.Results.Healthy || r.Results.Good != n || r.Results.Corrupt != 0 {
		t.Errorf("check of %.40s…: %d good and %d corrupt shares, want %d and 0:\n%s", cap, r.Results.Good, r.Results.Corrupt, n, report)
	}
}
