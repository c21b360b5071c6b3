package clients_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/doortest"
)

// TestLongRclone moves a hundred files by each protocol; the programs of TestNode do the same with few.
func TestLongRclone(t *testing.T) {
	needLong(t)
	doortest.Need(t, "rclone")
	w := open(t)
	all := w.sample("up", 100)
	old := time.Date(2015, 5, 5, 5, 5, 5, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(w.dir, "up", "large.bin"), old, old); err != nil {
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
		t.Run(tc.name, func(t *testing.T) {
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
			do("copy", "up", tc.remote+"remote")
			w.has(inTree("remote", all))
			do("check", "--download", "up", tc.remote+"remote")
			if out := do("sync", "-v", "up", tc.remote+"remote"); tc.times && strings.Contains(out, "Copied") {
				t.Errorf("files that are there are sent again: %s", out)
			}
			down := t.TempDir()
			do("sync", tc.remote+"remote", down)
			for name, content := range all {
				if b, err := os.ReadFile(filepath.Join(down, name)); err != nil || string(b) != content {
					t.Errorf("%q: got %d bytes, %v", name, len(b), err)
				}
			}
			if i, err := os.Stat(filepath.Join(down, "large.bin")); err != nil || tc.times && !i.ModTime().Equal(old) {
				t.Errorf("got %v, %v", i, err)
			}
			do("moveto", tc.remote+"remote/sub", tc.remote+"remote/sub 2")
			do("copyto", tc.remote+"remote/large.bin", tc.remote+"remote/copy.bin")
			do("deletefile", tc.remote+"remote/large.bin")
			if out := do("cat", "--offset", "3000000", tc.remote+"remote/copy.bin"); out != all["large.bin"][3_000_000:] {
				t.Errorf("got %q", out)
			}
			if out := do("lsf", tc.remote+"remote/sub 2/deep"); out != "file.txt\n" {
				t.Errorf("got %q", out)
			}
			if tc.about {
				if out := do("about", "--json", tc.remote); !strings.Contains(out, "3221225472") {
					t.Errorf("got %s", out)
				}
			}
			do("purge", tc.remote+"remote")
			w.has(map[string]string{})
		})
	}
}
