package node_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

func openDemo(t *testing.T, dir string) *node.Demo {
	t.Helper()
	d, err := node.OpenDemo(dir, shared(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDemo stores a file, reads it with seven of ten servers stopped, is refused with eight, and reads it again after a
// restart at which a port had been taken by somebody else.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("makes twelve RSA keys")
	}
	dir := filepath.Join(t.TempDir(), "grid")
	d := openDemo(t, dir)
	stop := start(t, d)
	data := randomBytes(300_000)
	checkSignIn(t, d.Access())
	capability := put(t, d.WebURL(), data)
	for i := range 7 {
		if on, err := d.Switch(i + 1); on || err != nil {
			t.Fatalf("Switch(%d) = %v, %v", i+1, on, err)
		}
	}
	checkGet(t, d.WebURL(), capability, data)
	if _, err := d.Switch(8); err != nil {
		t.Fatal(err)
	}
	waitStopped(t, dir, 8)
	if status, answer := request(t, http.MethodGet, d.WebURL()+"uri/"+capability, nil); status != http.StatusGone {
		t.Errorf("with two servers: %d %s, want 410", status, answer)
	}
	if on, err := d.Switch(8); !on || err != nil || d.Running() != 3 {
		t.Fatalf("Switch(8) = %v, %v, and %d run", on, err, d.Running())
	}
	waitFor(t, func() bool {
		s, _ := request(t, http.MethodGet, d.WebURL()+"uri/"+capability, nil)
		return s == http.StatusOK
	})
	if _, err := d.Switch(11); err == nil {
		t.Error("there is a storage node 11")
	}
	before := d.WebURL()
	stop()

	taken := occupy(t, node.DemoStorage(dir, 2))
	defer taken.Close()
	d = openDemo(t, dir)
	stop = start(t, d)
	if d.WebURL() != before {
		t.Errorf("the web port moved from %s to %s", before, d.WebURL())
	}
	checkGet(t, d.WebURL(), capability, data)
	stop()
	checkPrepare(t, dir)
}

// checkSignIn: the account that was made leads to its files.
func checkSignIn(t *testing.T, a node.DemoAccess) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(a.Login, url.Values{"name": {a.Name}, "password": {a.Password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/home/" || len(resp.Cookies()) != 1 {
		t.Errorf("sign in: %d, leads to %q, %d cookies", resp.StatusCode, got, len(resp.Cookies()))
	}
}

// occupy listens on the storage port of a node that does not run.
func occupy(t *testing.T, dir string) net.Listener {
	t.Helper()
	_, s, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", s.Tub.Listen[0].Address())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func waitStopped(t *testing.T, dir string, i int) {
	t.Helper()
	waitFor(t, func() bool {
		_, err := os.Stat(filepath.Join(node.DemoStorage(dir, i), "running.process"))
		return errors.Is(err, os.ErrNotExist)
	})
}

func waitFor(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatal("waited for 20 seconds in vain")
}

// checkPrepare: what is there is left as it is, and what a crash left half made is made again.
func checkPrepare(t *testing.T, dir string) {
	t.Helper()
	prepare := func() {
		t.Helper()
		if err := node.PrepareDemo(dir, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	prepare()
	before := names(t, dir)
	if len(before) != node.DemoServers+2 || !slices.Contains(before, "storage-10") {
		t.Errorf("the grid is %q", before)
	}
	kept := []string{"client/private/introducers.yaml", "client/tahoe.cfg", "introducer/private/introducer.furl", "storage-4/private/storage.furl", "storage-4/my_nodeid"}
	old := texts(t, dir, kept)
	prepare()
	if now := texts(t, dir, kept); !slices.Equal(now, old) {
		t.Error("preparing it again changed the grid")
	}
	half := node.DemoStorage(dir, 7)
	for _, name := range names(t, half) {
		if name != "private" && name != "tahoe.cfg" {
			if err := os.RemoveAll(filepath.Join(half, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	prepare()
	if now := texts(t, dir, kept); !slices.Equal(now, old) {
		t.Error("making a node again changed another one")
	}
	if now := texts(t, dir, []string{"client/private/introducers.yaml", "storage-7/private/introducers.yaml"}); now[0] != now[1] {
		t.Error("the node that was made again does not know the introducer")
	}
}

func texts(t *testing.T, dir string, files []string) []string {
	t.Helper()
	var all []string
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func TestPrepareDemoLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "thesis.txt"), "x")
	err := node.PrepareDemo(dir, time.Now())
	if _, ok := errors.AsType[*basedir.NotEmptyError](err); !ok {
		t.Errorf("got %v, want a NotEmptyError", err)
	}
	if got := fmt.Sprint(names(t, dir)); got != "[thesis.txt]" {
		t.Errorf("the directory holds %s", got)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
