package tests_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/tests/gridtest"
)

// long says that the full sizes run: ./check -long.
func long() bool { return os.Getenv("TAHOE_LONG") != "" }

func needsLong(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skip("full sizes: ./check -long runs this")
	}
}

func needsGrid(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a grid of processes: not in short mode")
	}
}

// A file of pseudo-random bytes that is never whole in memory.
func content(seed uint64, size int64) io.Reader {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	return io.LimitReader(rand.NewChaCha8(key), size)
}

func put(t testing.TB, g *gridtest.Grid, body io.Reader, size int64) string {
	t.Helper()
	cap, err := tryPut(g, body, size)
	if err != nil {
		t.Fatal(err)
	}
	return cap
}

func tryPut(g *gridtest.Grid, body io.Reader, size int64) (string, error) {
	req, err := http.NewRequest(http.MethodPut, g.URL()+"uri", body)
	if err != nil {
		return "", err
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = &wapi.Error{Status: resp.StatusCode, Text: string(text)}
	}
	return strings.TrimSpace(string(text)), err
}

// sameBytes downloads cap and compares it with what was stored.
func sameBytes(g *gridtest.Grid, cap string, want io.Reader) error {
	resp, err := http.Get(g.URL() + "uri/" + cap)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return &wapi.Error{Status: resp.StatusCode, Text: string(text)}
	}
	got, wanted := sha256.New(), sha256.New()
	n, err := io.Copy(got, resp.Body)
	m, _ := io.Copy(wanted, want)
	if err != nil || n != m || !bytes.Equal(got.Sum(nil), wanted.Sum(nil)) {
		return fmt.Errorf("got %d bytes of another file than the %d that were stored (%v)", n, m, err)
	}
	return nil
}

func sizes() []int64 {
	s := []int64{0, 1, 55, 56, 131071, 131072, 131073, 1<<20 - 1, 1 << 20, 1<<20 + 1}
	if long() {
		s = append(s, 1<<30)
	}
	return s
}

// Files survive the loss of seven of ten servers, and a loss of eight is told within 15 s, with what is missing and who
// was asked.
func TestLongLossOfServers(t *testing.T) { needsLong(t); lossOfServers(t) }
func TestLossOfServers(t *testing.T)     { needsGrid(t); lossOfServers(t) }

func lossOfServers(t *testing.T) {
	g := gridtest.New(t, gridtest.Config{})
	caps := map[int64]string{}
	for _, size := range sizes() {
		caps[size] = put(t, g, content(uint64(size), size), size)
		if err := sameBytes(g, caps[size], content(uint64(size), size)); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for i := range 7 {
		if i%2 == 0 {
			g.Server[i].Kill()
		} else {
			g.Server[i].Stop()
		}
	}
	for size, cap := range caps {
		if err := sameBytes(g, cap, content(uint64(size), size)); err != nil {
			t.Errorf("%d bytes with seven of ten servers stopped: %v", size, err)
		}
	}
	g.Server[7].Kill()
	begin := time.Now()
	err := sameBytes(g, caps[1<<20], nil)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the loss was told after %v, want at most 15 s", took)
	}
	lost, ok := errors.AsType[*wapi.Error](err)
	if !ok || lost.Status != http.StatusGone {
		t.Fatalf("with eight of ten servers stopped: %v, want status 410", err)
	}
	t.Logf("with eight of ten servers stopped: %s", lost.Text)
	for _, want := range []string{"2", "3", "storage-9", "storage-10"} {
		if !strings.Contains(lost.Text, want) {
			t.Errorf("%q does not say %q", lost.Text, want)
		}
	}
	g.StartServer(0)
	g.WaitConnected(3)
	if err := sameBytes(g, caps[1<<20], content(1<<20, 1<<20)); err != nil {
		t.Errorf("after a server came back: %v", err)
	}
}

// Many uploads at once share the byte budget, and none fails.
func TestLongManyUploads(t *testing.T) { needsLong(t); manyUploads(t, 100, 10<<20) }
func TestManyUploads(t *testing.T)     { needsGrid(t); manyUploads(t, 40, 1<<20) }

func manyUploads(t *testing.T, uploads int, size int64) {
	g := gridtest.New(t, gridtest.Config{})
	caps, errs := make([]string, uploads), make([]error, uploads)
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() { caps[i], errs[i] = tryPut(g, content(uint64(i), size), size) })
	}
	all.Wait()
	for i, cap := range caps {
		if err := errs[i]; err != nil {
			t.Fatalf("upload %d: %v", i, err)
		}
		if i%7 == 0 {
			if err := sameBytes(g, cap, content(uint64(i), size)); err != nil {
				t.Errorf("upload %d: %v", i, err)
			}
		}
	}
	const most = 300 << 20
	peak := g.Client.PeakMemory()
	t.Logf("%d uploads of %d bytes at once: peak memory of the client %d MiB", uploads, size, peak>>20)
	if peak > most {
		t.Errorf("peak memory of the client is %d MiB, want at most %d", peak>>20, most>>20)
	}
}

// The memory of the client does not grow with the file.
func TestLongMemory(t *testing.T) {
	needsLong(t)
	var peaks [2][2]int64
	for i, size := range []int64{1 << 30, 8 << 30} {
		g := gridtest.New(t, gridtest.Config{})
		cap := put(t, g, content(9, size), size)
		peaks[i][0] = g.Client.PeakMemory()
		g.Client.Stop()
		g.StartClient(nil)
		if err := sameBytes(g, cap, content(9, size)); err != nil {
			t.Error(err)
		}
		peaks[i][1] = g.Client.PeakMemory()
		g.Client.Stop()
		for _, s := range g.Server {
			t.Logf("peak memory of a storage node: %d MiB", s.PeakMemory()>>20)
			s.Stop()
		}
		_ = os.RemoveAll(g.Dir)
	}
	for way, name := range []string{"up", "down"} {
		small, large := peaks[0][way], peaks[1][way]
		t.Logf("%s: peak memory of the client %d MiB for 1 GiB, %d MiB for 8 GiB", name, small>>20, large>>20)
		const hashes = 32 << 20 // 1.1 MiB a GiB of file, their trees, and what the garbage collector leaves of them
		if large > 200<<20 || large > small+hashes {
			t.Errorf("%s: peak memory %d MiB for 8 GiB, %d MiB for 1 GiB: want under 200 and the same but for hashes", name, large>>20, small>>20)
		}
	}
}

// An idle grid costs next to nothing.
func TestLongIdle(t *testing.T) {
	needsLong(t)
	g := gridtest.New(t, gridtest.Config{})
	cpu := func() (sum time.Duration) {
		for _, s := range g.Server {
			sum += s.CPU()
		}
		return sum + g.Client.CPU()
	}
	put(t, g, content(1, 1<<20), 1<<20)
	time.Sleep(2 * time.Second)
	before := cpu()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	<-ctx.Done()
	used := cpu() - before
	t.Logf("ten storage nodes and a client, idle for 20 s: %v of processor time", used)
	if used > 100*time.Millisecond {
		t.Errorf("an idle grid used %v of processor time in 20 s, want under 0.1 s", used)
	}
}
