package clients_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/doortest"
	"tahoe/frontends/web/wapi"
	"tahoe/tests/gridtest"
)

// A house is a grid of real nodes whose client has all doors open, and alice's account.
type house struct {
	*world
	grid *gridtest.Grid
	tcp  map[string]string // addresses of doors
}

func openHouse(t *testing.T) *house {
	t.Helper()
	if testing.Short() {
		t.Skip("starts twelve nodes")
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	const free = "tcp:0:interface=127.0.0.1"
	h := &house{world: &world{World: &doortest.World{T: t}, dir: t.TempDir()}}
	h.grid = gridtest.New(t, gridtest.Config{Client: map[string]string{
		"sftpd/enabled": "true", "sftpd/port": free, "ftpd/enabled": "true", "ftpd/plain": "loopback", "ftpd/port": free, "ftpd/implicit.port": free,
		"webdav/enabled": "true", "webdav/port": free,
	}})
	h.world.cert = filepath.Join(h.grid.ClientDir(), "private", "doors.pem")
	h.findDoors()
	h.must("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key")
	h.tahoe(password+"\n", "account", "add", user, "--key", filepath.Join(h.dir, "key.pub"), "--password")
	h.file("askpass", "#!/bin/sh\necho '"+password+"'\n")
	if err := os.Chmod(filepath.Join(h.dir, "askpass"), 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

// findDoors reads where the node says that it is, and which key it has.
func (h *house) findDoors() {
	h.T.Helper()
	h.tcp = map[string]string{}
	for line := range strings.Lines(h.grid.Client.Output()) {
		if name, addr, ok := strings.Cut(strings.TrimSpace(line), " port: "); ok {
			h.tcp[name] = addr
		}
	}
	h.configure()
}

// configure tells OpenSSH's programs where SFTP is.
func (h *house) configure() {
	h.T.Helper()
	host, port, err := net.SplitHostPort(h.tcp["SFTP"])
	if err != nil {
		h.T.Fatalf("the node names no SFTP port: %s", h.grid.Client.Output())
	}
	key := h.read(filepath.Join(h.grid.ClientDir(), "private", "ssh_host_ed25519_key.pub"))
	h.file("known", fmt.Sprintf("[%s]:%s %s", host, port, key))
	const common = "Host %s\n HostName %s\n Port %s\n User %s\n UserKnownHostsFile %s\n StrictHostKeyChecking yes\n IdentityAgent none\n"
	known := filepath.Join(h.dir, "known")
	h.file("config", fmt.Sprintf(common+" IdentityFile %s\n IdentitiesOnly yes\n BatchMode yes\n", "grid", host, port, user, known, filepath.Join(h.dir, "key"))+
		fmt.Sprintf(common+" PubkeyAuthentication no\n NumberOfPasswordPrompts 1\n", "bypassword", host, port, user, known))
}

// read reads a file of this machine; a name that is not absolute begins in the folder of the test.
func (h *house) read(name string) string {
	h.T.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(h.dir, name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		h.T.Fatal(err)
	}
	return string(b)
}

func (h *house) tahoe(stdin string, args ...string) string {
	h.T.Helper()
	return h.must(stdin, gridtest.Binary(h.T), append([]string{"-d", h.grid.ClientDir()}, args...)...)
}

// sftp runs a batch of commands.
func (h *house) sftp(batch ...string) string {
	h.T.Helper()
	return h.must(strings.Join(batch, "\n")+"\n", "sftp", "-F", "config", "-b", "-", "grid")
}

// waiting is what the node says of files on their way.
func (h *house) waiting() wapi.Waiting {
	h.T.Helper()
	var all struct{ Status wapi.Status }
	out := h.tahoe("", "status", "--json")
	if err := json.Unmarshal([]byte(out), &all); err != nil || all.Status.Waiting == nil {
		h.T.Fatalf("%v: %s", err, out)
	}
	return *all.Status.Waiting
}

// arrived waits until nothing is on its way any more.
func (h *house) arrived() {
	h.T.Helper()
	end := time.Now().Add(90 * time.Second)
	for w := h.waiting(); len(w.Files) > 0; w = h.waiting() {
		if time.Now().After(end) {
			h.T.Fatalf("still on their way: %+v", w)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// onGrid reads a file of alice's by her capability, past all doors.
func (h *house) onGrid(path string) string {
	h.T.Helper()
	fields := strings.Fields(h.read(filepath.Join(h.grid.ClientDir(), "private", "accounts")))
	root := fields[len(fields)-1]
	return h.tahoe("", "get", root+"/"+path)
}

// TestNode: everybody's programs find their files at every door of a node; so they do in a crowd, and after all that may happen to it.
func TestNode(t *testing.T) {
	for _, program := range []string{"ssh-keygen", "sftp"} {
		doortest.Need(t, program)
	}
	h := openHouse(t)
	t.Run("programs", func(t *testing.T) { h.everyProgram(t, load{1_500_001, 8}) })
	t.Run("cut", func(t *testing.T) { h.cut(t) })
	t.Run("crowd", func(t *testing.T) {
		h.crowd(t, 20, 3, 5000)
		h.vanished(t)
	})
	t.Run("killed", func(t *testing.T) {
		h.T = t
		h.killed(t)
	})
	h.T = t
}

// killed: what a client has closed arrives, though too few servers are there, or none, and the node is killed in between; and who finds
// the disk full is told, and costs nobody anything.
func (h *house) killed(t *testing.T) {
	large := noise(3_000_001)
	h.file("large.bin", large)
	h.file("larger.bin", noise(9_000_001))
	h.sftp("mkdir kept")
	for i := range h.grid.Server {
		h.grid.Server[i].Stop()
	}
	h.grid.WaitConnected(0)
	if out := h.sftp("put large.bin kept/large.bin", "ls -l kept"); !strings.Contains(out, "3000001") {
		t.Errorf("the size of what waits: %s", out)
	}
	h.listed("kept/large.bin")
	for i := 4; i < len(h.grid.Server); i++ { // of six, files are read, and an upload needs seven
		h.grid.StartServer(i)
	}
	h.grid.Client.Kill()
	h.grid.StartClient(map[string]string{"doors/staging.limit": "8M"})
	h.findDoors()
	h.listed("kept/large.bin")
	if out, err := h.run("put larger.bin kept/larger.bin\n", "sftp", "-F", "config", "-b", "-", "grid"); err == nil || !strings.Contains(out, "Failure") { // for which SFTP has no other word
		t.Errorf("a full disk: %v, %s", err, out)
	}
	h.sftp("get kept/large.bin waiting.bin")
	if h.read("waiting.bin") != large {
		t.Error("what waits reads otherwise")
	}
	for i := range 4 {
		h.grid.StartServer(i)
	}
	h.arrived()
	if h.onGrid("kept/large.bin") != large {
		t.Error("what arrived is something else")
	}
	if out := h.sftp("ls kept"); strings.Contains(out, "larger") {
		t.Errorf("what did not come to its end is there: %s", out)
	}
}

// listed fails unless a file waits, and people are told.
func (h *house) listed(path string) {
	h.T.Helper()
	w := h.waiting()
	if len(w.Files) != 1 || strings.TrimPrefix(w.Files[0].Path, "/") != path || w.Files[0].Account != user {
		h.T.Fatalf("got %+v", w)
	}
	if out := h.tahoe("", "status"); !strings.Contains(out, "On their way to the grid") || !strings.Contains(out, path) {
		h.T.Errorf("tahoe status: %s", out)
	}
	if page := h.must("", "curl", "-sS", h.grid.URL()); !strings.Contains(page, "On their way to the grid") || strings.Contains(page, path) {
		h.T.Error("the home page does not tell of it, or names it to everybody")
	}
}
