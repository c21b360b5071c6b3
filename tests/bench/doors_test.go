package bench_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web/wapi"
	"tahoe/tests/gridtest"
)

// A door is a grid whose client has SFTP, and OpenSSH's sftp to use it.
type door struct {
	g      *gridtest.Grid
	config string
}

func openDoor(b *testing.B) *door {
	b.Helper()
	for _, program := range []string{"sftp", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skipf("%s is not installed", program)
		}
	}
	dir := b.TempDir()
	d := &door{config: filepath.Join(dir, "config")}
	d.g = gridtest.New(b, gridtest.Config{Dir: memoryDir(b), Client: map[string]string{"sftpd/enabled": "true", "sftpd/port": "tcp:0:interface=127.0.0.1"}})
	key := filepath.Join(dir, "key")
	d.run(b, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	d.run(b, "", gridtest.Binary(b), "-d", d.g.ClientDir(), "account", "add", "alice", "--key", key+".pub")
	_, after, _ := strings.Cut(d.g.Client.Output(), "SFTP port: ")
	addr, _, _ := strings.Cut(after, "\n")
	host, port, err := net.SplitHostPort(strings.TrimSpace(addr))
	if err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("Host grid\n HostName %s\n Port %s\n User alice\n UserKnownHostsFile /dev/null\n StrictHostKeyChecking no\n LogLevel ERROR\n IdentityFile %s\n IdentitiesOnly yes\n BatchMode yes\n",
		host, port, key)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return d
}

func (d *door) run(b *testing.B, stdin, program string, args ...string) string {
	b.Helper()
	c := exec.CommandContext(b.Context(), program, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// sftp does one thing, and says how long it took.
func (d *door) sftp(b *testing.B, line string) time.Duration {
	b.Helper()
	began := time.Now()
	d.run(b, line+"\n", "sftp", "-q", "-F", d.config, "-b", "-", "grid")
	return time.Since(began)
}

// arrived waits until nothing is on its way to the grid.
func (d *door) arrived(b *testing.B) {
	b.Helper()
	for {
		var all struct{ Status wapi.Status }
		out := d.run(b, "", gridtest.Binary(b), "-d", d.g.ClientDir(), "status", "--json")
		if err := json.Unmarshal([]byte(out), &all); err != nil || all.Status.Waiting == nil {
			b.Fatalf("%v: %s", err, out)
		}
		if len(all.Status.Waiting.Files) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// forgetFiles removes the shares of files, and leaves those of directories.
func (d *door) forgetFiles(b *testing.B) {
	b.Helper()
	for i := range d.g.Server {
		err := filepath.WalkDir(filepath.Join(d.g.ServerDir(i), "storage", "shares"), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if info, err := e.Info(); err != nil || info.Size() < 1<<20 {
				return err
			}
			return os.Remove(path)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// OpenSSH's sftp at a node, and the node's own web port, take turns: 100 MiB, or 1 GiB with TAHOE_LONG. What a put does not wait for, that the
// file arrives on the grid, is told as arrived-s/op. What
// a session takes in which nothing is moved is told as session-s/op, and not counted.
func BenchmarkSFTP(b *testing.B) {
	d := openDoor(b)
	size := int64(100 << 20)
	if os.Getenv("TAHOE_LONG") != "" {
		size = 1 << 30
	}
	s, buf := newSource(size), make([]byte, 256<<10)
	local, back := filepath.Join(memoryDir(b), "file"), filepath.Join(memoryDir(b), "back")
	var put, get, up, down, arrived, session time.Duration
	b.SetBytes(2 * size)
	for b.Loop() {
		began := time.Now()
		c := upload(b, d.g, d.g.URL(), s)
		up += time.Since(began)
		began = time.Now()
		download(b, d.g.URL(), c, size, buf)
		down += time.Since(began)
		d.forgetFiles(b)

		f, err := os.Create(local)
		if err == nil {
			_, err = io.Copy(f, s.next())
		}
		if err != nil || f.Close() != nil {
			b.Fatal(err)
		}
		empty := d.sftp(b, "pwd")
		session += empty
		began = time.Now()
		put += d.sftp(b, "put "+local+" file") - empty
		d.arrived(b)
		arrived += time.Since(began)
		get += d.sftp(b, "get file "+back) - empty
		if i, err := os.Stat(back); err != nil || i.Size() != size {
			b.Fatalf("what came back is not what went: %v", err)
		}
		d.forgetFiles(b)
	}
	n := float64(b.N)
	b.ReportMetric(float64(size)/1e6*n/put.Seconds(), "put-MB/s")
	b.ReportMetric(float64(size)/1e6*n/get.Seconds(), "get-MB/s")
	b.ReportMetric(up.Seconds()/put.Seconds(), "put/web-upload")
	b.ReportMetric(down.Seconds()/get.Seconds(), "get/web-download")
	b.ReportMetric(session.Seconds()/n, "session-s/op")
	b.ReportMetric(up.Seconds()/arrived.Seconds(), "arrived/web-upload")
}
