package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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
		"sftpd/enabled": "true", "sftpd/port": free, "ftpd/enabled": "true", "ftpd/port": free, "ftpd/implicit.port": free,
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

// TestNode: everybody's programs find their files at every door of a node.
func TestNode(t *testing.T) {
	for _, program := range []string{"ssh-keygen", "sftp", "scp"} {
		need(t, program)
	}
	h := openHouse(t)
	large := noise(5_000_001)
	h.file("large.bin", large)
	h.file("a b", "blanks")
	h.file("empty", "")
	host, port, _ := net.SplitHostPort(h.tcp["SFTP"])

	t.Run("sftp with a key", func(t *testing.T) {
		out := h.sftp("put large.bin", `put "a b"`, "put empty", "mkdir docs", "rename empty docs/nothing", "ls -l", "df", "get large.bin back.bin")
		if !strings.Contains(out, "5000001") {
			t.Errorf("got %s", out)
		}
		if h.read("back.bin") != large {
			t.Error("what came back is not what went")
		}
		h.arrived()
		if h.onGrid("large.bin") != large || h.onGrid("docs/nothing") != "" || h.onGrid("a b") != "blanks" {
			t.Error("the grid has something else")
		}
	})
	t.Run("sftp with a password", func(t *testing.T) {
		for _, tc := range []struct {
			password string
			in       bool
		}{{password, true}, {"wrong", false}} {
			h.file("askpass", "#!/bin/sh\necho '"+tc.password+"'\n")
			out, err := h.run("", "env", "SSH_ASKPASS="+filepath.Join(h.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force",
				"sftp", "-F", "config", "bypassword:large.bin", "by-password.bin")
			if (err == nil) != tc.in {
				t.Errorf("with %q: %v %s", tc.password, err, out)
			}
		}
		if h.read("by-password.bin") != large {
			t.Error("what came back is not what went")
		}
	})
	t.Run("scp", func(t *testing.T) {
		for _, mode := range []string{"-s", "-O"} {
			h.must("", "scp", mode, "-F", "config", "large.bin", "grid:scp"+mode)
			h.must("", "scp", mode, "-F", "config", "grid:scp"+mode, "from"+mode)
			if h.read("from"+mode) != large {
				t.Errorf("%s: what came back is not what went", mode)
			}
		}
	})
	t.Run("rclone", func(t *testing.T) {
		need(t, "rclone")
		remote := fmt.Sprintf(":sftp,host=%s,port=%s,user=%s,key_file=%s,shell_type=none:rclone", host, port, user, filepath.Join(h.dir, "key"))
		h.file("tree/one", "1")
		h.file("tree/two/three", "3")
		h.must("", "rclone", "sync", "tree", remote)
		h.must("", "rclone", "check", "--download", "tree", remote)
	})
	t.Run("lftp", func(t *testing.T) {
		need(t, "lftp")
		h.must("", "lftp", "-e", fmt.Sprintf("set sftp:connect-program 'ssh -a -x -F %s'; open -u %s,x -p %s sftp://grid; mirror -R tree lftp; mirror lftp tree2; bye",
			filepath.Join(h.dir, "config"), user, port))
		if h.read("tree2/two/three") != "3" {
			t.Error("what came back is not what went")
		}
	})
	t.Run("curl", func(t *testing.T) {
		need(t, "curl")
		login := user + ":" + password
		for i, url := range []string{"ftp://" + h.tcp["FTP"], "ftps://" + h.tcp["FTPS"], "https://" + h.tcp["WebDAV"], h.grid.URL() + "dav"} {
			name := fmt.Sprint("curl", i)
			more := []string{"-sS", "--fail", "--cacert", h.world.cert, "-u", login}
			if strings.HasPrefix(url, "ftp:") {
				more = append(more, "--ssl-reqd")
			}
			h.must("", "curl", append(more, "-T", "a b", url+"/"+name)...)
			if got := h.must("", "curl", append(more, url+"/"+name)...); got != "blanks" {
				t.Errorf("%s: %q", url, got)
			}
			if out, err := h.run("", "curl", "-sS", "--fail", "--cacert", h.world.cert, "-u", user+":wrong", url+"/"+name); err == nil {
				t.Errorf("%s: in with a wrong password: %s", url, out)
			}
		}
	})
	t.Run("sshfs", func(t *testing.T) { h.sshfs(t, large) })
}

func (h *house) sshfs(t *testing.T, large string) {
	need(t, "sshfs")
	need(t, "fusermount3")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse")
	}
	mount := filepath.Join(h.dir, "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := h.run("", "sshfs", "-F", filepath.Join(h.dir, "config"), "grid:/", mount); err != nil {
		t.Skipf("sshfs cannot mount here: %s", out)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "fusermount3", "-u", mount).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v %s", err, out)
		}
	})
	if h.read("mount/large.bin") != large {
		t.Error("the file in the mount is another")
	}
	h.file("mount/made/here.new", "made in a mount")
	if err := os.Rename(filepath.Join(mount, "made/here.new"), filepath.Join(mount, "made/here")); err != nil {
		t.Fatal(err)
	}
	if h.read("mount/made/here") != "made in a mount" {
		t.Error("the file in the mount is another")
	}
}

// TestNodeKilled: what a client has closed arrives, though too few servers are there, and the node is killed in between.
func TestNodeKilled(t *testing.T) {
	for _, program := range []string{"ssh-keygen", "sftp"} {
		need(t, program)
	}
	h := openHouse(t)
	large := noise(3_000_001)
	h.file("large.bin", large)
	h.sftp("mkdir kept")
	for i := range 4 { // six are left, of which files are read, and an upload needs seven
		h.grid.Server[i].Stop()
	}
	h.grid.WaitConnected(6)
	if out := h.sftp("put large.bin kept/large.bin", "ls -l kept"); !strings.Contains(out, "3000001") {
		t.Errorf("the size of what waits: %s", out)
	}
	h.listed("kept/large.bin")
	h.grid.Client.Kill()
	h.grid.StartClient(nil)
	h.findDoors()
	h.listed("kept/large.bin")
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
	if page := h.must("", "curl", "-sS", h.grid.URL()); !strings.Contains(page, path) {
		h.T.Error("the home page does not show it")
	}
}
