package clients_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/vfs/staging"
	"tahoe/node/basedir"
)

func long() bool { return os.Getenv("TAHOE_LONG") != "" }

func needLong(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skip("TAHOE_LONG is not set")
	}
}

// TestLongPrograms: 1 GiB and 1,000 small files by every program.
func TestLongPrograms(t *testing.T) {
	needLong(t)
	h := openHouse(t)
	h.patience = 20 * time.Minute
	h.everyProgram(t, load{1 << 30, 1000})
}

// TestLongGuesses: passwords are guessed at each door, 10,000 in all.
func TestLongGuesses(t *testing.T) {
	needLong(t)
	h := openHouse(t)
	h.admit(h.programs(), nil)
	h.guesses(t, 12)
	h.siege(t, 10_000)
}

// TestLongCrowd: 200 sessions with ten transfers each, beside a client that opens 100,000 handles, and others of its kind.
func TestLongCrowd(t *testing.T) {
	needLong(t)
	h := openHouse(t)
	h.crowd(t, 200, 10, 100_000)
	h.vanished(t)
}

// TestLongKills kills the node again and again, at any moment about the close of some files. After each restart every file whose close was
// answered is there, whole, and nothing is there whose close was not asked for. It goes on for eight minutes; a package form with each single step
// is in frontends/vfs.
func TestLongKills(t *testing.T) {
	needLong(t)
	h := openHouse(t)
	runs, closed := 0, make(map[string][]byte)
	for end := time.Now().Add(8 * time.Minute); time.Now().Before(end) && !t.Failed(); runs++ {
		h.killOnce(t, rand.New(rand.NewPCG(uint64(runs), 11)), runs, closed)
	}
	h.arrived()
	for name, want := range closed {
		if got := h.onGrid(name); got != string(want) {
			t.Errorf("%s: the grid has %d bytes, want %d", name, len(got), len(want))
		}
	}
	h.grid.Client.Stop()
	dir, _, err := basedir.Open(h.grid.ClientDir())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := dir.LeaseSecret()
	if err != nil {
		t.Fatal(err)
	}
	if err := staging.Audit(dir.Path("private", "staging"), secret); err != nil {
		t.Error(err)
	}
	t.Logf("%d runs, %d files", runs, len(closed))
}

// killOnce closes files, some of which may be on their way while others are opened, and kills the node.
func (h *house) killOnce(t *testing.T, r *rand.Rand, run int, closed map[string][]byte) {
	s, leave, err := h.session("127.0.0.1", user, "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	mine, asked := make(map[string][]byte), make(map[string][]byte)
	var all sync.WaitGroup
	for k := range 1 + r.IntN(4) {
		name, data := fmt.Sprintf("k%05d-%d", run, k), []byte(noise(1+r.IntN(200_000)))
		ends := r.IntN(4) > 0
		all.Go(func() {
			f, err := s.Create("/" + name)
			if err != nil {
				return
			}
			if _, err = f.Write(data); err != nil || !ends {
				return
			}
			mu.Lock()
			asked[name] = data
			mu.Unlock()
			if f.Close() == nil {
				mu.Lock()
				mine[name] = data
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(r.IntN(250)) * time.Millisecond)
	h.grid.Client.Kill()
	all.Wait()
	leave()
	h.grid.StartClient(nil)
	h.findDoors()
	h.afterKill(t, run, mine, asked)
	maps.Copy(closed, mine)
}

func (h *house) afterKill(t *testing.T, run int, mine, asked map[string][]byte) {
	s, leave, err := h.session("127.0.0.1", user, "")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	entries, err := s.ReadDir("/")
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for _, e := range entries {
		there[e.Name()] = true
		var of, k int
		if n, _ := fmt.Sscanf(e.Name(), "k%05d-%d", &of, &k); n == 2 && of == run && asked[e.Name()] == nil {
			t.Errorf("run %d: %s is there, which was not closed", run, e.Name())
		}
	}
	for name, want := range asked {
		if !there[name] {
			if mine[name] != nil {
				t.Errorf("run %d: %s was closed, and is not there", run, name)
			}
			continue
		}
		f, err := s.Open("/" + name)
		if err != nil {
			t.Errorf("run %d: %s: %v", run, name, err)
			continue
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("run %d: %s has %d bytes, want %d: %v", run, name, len(got), len(want), err)
		}
		_ = f.Close()
	}
}
