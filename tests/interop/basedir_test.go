package interop_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNodeDirectories has each maker's program run the node directories that the other's made, and the first one again.
func TestNodeDirectories(t *testing.T) {
	t.Parallel()
	needsOriginal(t)
	for _, by := range makers {
		t.Run("made by="+string(by), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, by)
			h.use(by)
			cap := h.client.put(t, content("first", 300_000))
			slot := strings.TrimSpace(string(h.writer.do(t, http.MethodPut, "uri?format=MDMF", content("slot", 1000))))
			h.client.setPrivate("aliases", "tahoe: URI:DIR2:p5zzn2wpi4qc7lqkwpnlzgkpnu:dcrc6mnkfmnuwqjz5o5wlsdxpjlmymg3i6ffwxyhuyrhbcx5tj6q")
			for _, runner := range []maker{by.other(), by} {
				t.Run("run by="+string(runner), func(t *testing.T) { h.moves(t, runner, cap, slot) })
			}
		})
	}
}

// A house is the directories of a storage node and of a client, which any program may run, and a client of the original, which
// can write what ours cannot yet.
type house struct{ storage, client, writer *peer }

func newHouse(t *testing.T, by maker) *house {
	t.Helper()
	h, dir := &house{}, t.TempDir()
	together(t,
		func() { h.storage = newStorage(t, by, filepath.Join(dir, "storage")); h.storage.start() },
		func() { h.client = newClient(t, by, filepath.Join(dir, "client")) },
		func() { h.writer = newClient(t, original, filepath.Join(dir, "writer")) })
	for _, p := range []*peer{h.client, h.writer} {
		p.set("client/shares.happy", "1")
		p.knows(h.storage)
	}
	h.writer.set("client/force_foolscap", strconv.FormatBool(by == ours)) // one protocol for each of the two houses
	h.writer.start()
	h.storage.Stop()
	return h
}

// use starts the nodes with the program of a maker.
func (h *house) use(runner maker) {
	h.storage.maker, h.client.maker = runner, runner
	together(h.storage.t, h.storage.start, h.client.start)
	waitConnected(h.storage.t, 1, h.client, h.writer)
}

// moves stops the nodes and has another program run them: nothing is lost, and nobody else notices.
func (h *house) moves(t *testing.T, runner maker, cap, slot string) {
	together(t, h.storage.Stop, h.client.Stop)
	h.writer.waitConnected(0)
	before := [2]map[string][]byte{lasting(t, h.storage.dir), lasting(t, h.client.dir)}
	h.use(runner)
	for i, p := range []*peer{h.storage, h.client} {
		unchanged(t, p, before[i])
	}
	h.client.mustRead(t, cap, content("first", 300_000))
	if again := h.client.put(t, content("first", 300_000)); again != cap {
		t.Errorf("the same file got the capability %s, before that %s", again, cap)
	}
	h.writer.verify(t, cap, 10)

	data := content(fmt.Sprint("new by", runner), 200_000)
	fresh := h.client.put(t, data)
	h.writer.mustRead(t, fresh, data)
	h.writer.verify(t, fresh, 10)

	slotData := content(fmt.Sprint("slot of", runner), 150_000)
	h.writer.do(t, http.MethodPut, "uri/"+slot, slotData)
	h.writer.mustRead(t, slot, slotData)
	h.writer.verify(t, slot, 10)
}

// passing are the files that a node writes anew, or counts in, each time that it runs.
var passing = []string{"node.url", "running.process", "running.process.lock", "api_auth_token", "logport.furl", "announcement-seqnum",
	"bucket_counter.state.json", "lease_checker.state.json", "lease_checker.history.json", "storage-for-clients.yaml",
	"usage.json", "space.json", "keeper.sqlite", "keeper.sqlite-wal", "keeper.sqlite-shm"}

// copied are the folders of what can be made again from the shares.
var copied = []string{"lease-index", "owners"}

// lasting reads the files of a directory that stay as they are, whoever runs it: settings, keys, secrets, shares with their leases.
func lasting(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || slices.Contains(passing, e.Name()) || strings.Contains(path, "twistd") ||
			slices.Contains(copied, filepath.Base(filepath.Dir(path))) {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unchanged(t *testing.T, p *peer, before map[string][]byte) {
	t.Helper()
	after := lasting(t, p.dir)
	for path, b := range before {
		if !bytes.Equal(after[path], b) {
			t.Errorf("%s changed %s", p.maker, strings.TrimPrefix(path, p.dir))
		}
	}
	for path := range after {
		if before[path] == nil {
			t.Errorf("%s made %s, which was not there", p.maker, strings.TrimPrefix(path, p.dir))
		}
	}
}
