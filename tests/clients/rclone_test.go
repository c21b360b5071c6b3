package clients_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/frontends/doortest"
)

// TestLongRclone moves a hundred files by each protocol; the programs of TestNode do the same with few.
func TestLongRclone(t *testing.T) {
	needLong(t)
	doortest.Need(t, "rclone")
	w := open(t)
	all := w.sample("up", 100)
	if err := os.Chtimes(filepath.Join(w.dir, "up", "large.bin"), longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	pass := strings.TrimSpace(w.must("", "rclone", "obscure", password))
	ftpOf := func(addr, more string) string {
		host, port, _ := net.SplitHostPort(addr)
		return ":ftp,host=" + host + ",port=" + port + ",user=" + user + ",pass=" + pass + ",no_check_certificate=true" + more + ":"
	}
	davOf := func(url, more string) string {
		return ":webdav,url='" + url + "',user=" + user + ",pass=" + pass + more + ":"
	}
	for _, tc := range []struct {
		name, remote string
		times        bool
		about        bool
	}{
		{"ftp", ftpOf(w.ftp, ""), true, false},
		{"ftp, explicit TLS", ftpOf(w.ftp, ",explicit_tls=true"), true, false},
		{"ftps", ftpOf(w.ftps, ",tls=true"), true, false},
		{"WebDAV", davOf("http://"+w.dav, ""), false, true},
		{"WebDAV, TLS, as ownCloud", davOf("https://"+w.davs, ",vendor=owncloud"), true, true},
	} {
		t.Run(tc.name, func(t *testing.T) { w.moveByRclone(t, tc.remote, all, tc.times, tc.about) })
	}
}

// moveByRclone does with files what rclone does: times says that the remote keeps their times, about that it tells how much room there is.
func (w *world) moveByRclone(t *testing.T, remote string, all map[string]string, times, about bool) {
	rclone := func(args ...string) (string, error) {
		return w.run("", "rclone", append([]string{"--retries", "1", "--low-level-retries", "1", "--ca-cert", w.cert, "--timeout", "30s"}, args...)...)
	}
	do := func(args ...string) string {
		t.Helper()
		out, err := rclone(args...)
		if err != nil {
			t.Fatalf("%q: %v %s", args, err, out)
		}
		return out
	}
	do("copy", "up", remote+"remote")
	w.has(inTree("remote", all))
	do("check", "--download", "up", remote+"remote")
	if out := do("sync", "-v", "up", remote+"remote"); times && strings.Contains(out, "Copied") {
		t.Errorf("files that are there are sent again: %s", out)
	}
	down := t.TempDir()
	do("sync", remote+"remote", down)
	for name, content := range all {
		if b, err := os.ReadFile(filepath.Join(down, name)); err != nil || string(b) != content {
			t.Errorf("%q: got %d bytes, %v", name, len(b), err)
		}
	}
	if i, err := os.Stat(filepath.Join(down, "large.bin")); err != nil || times && !i.ModTime().Equal(longAgo) {
		t.Errorf("got %v, %v", i, err)
	}
	do("moveto", remote+"remote/sub", remote+"remote/sub 2")
	do("copyto", remote+"remote/large.bin", remote+"remote/copy.bin")
	do("deletefile", remote+"remote/large.bin")
	if out := do("cat", "--offset", "3000000", remote+"remote/copy.bin"); out != all["large.bin"][3_000_000:] {
		t.Errorf("got %q", out)
	}
	if out := do("lsf", remote+"remote/sub 2/deep"); out != "file.txt\n" {
		t.Errorf("got %q", out)
	}
	if about {
		if out := do("about", "--json", remote); !strings.Contains(out, "3221225472") {
			t.Errorf("got %s", out)
		}
	}
	do("purge", remote+"remote")
	w.has(map[string]string{})
}
