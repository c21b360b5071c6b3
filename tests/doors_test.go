package tests_test

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/tests/gridtest"
)

// TestDoorsOfANode says that a node with WebDAV and FTP takes files from people with a password, and that none that was taken is lost when
// the node is killed.
func TestDoorsOfANode(t *testing.T) {
	needsGrid(t)
	dav, ftp := freePort(t), freePort(t)
	settings := map[string]string{
		"webdav/enabled": "true", "webdav/port": "tcp:" + dav + ":interface=127.0.0.1", "webdav/accounts.file": "private/accounts",
		"ftpd/enabled": "true", "ftpd/port": "tcp:" + ftp + ":interface=127.0.0.1", "ftpd/accounts.file": "private/accounts", "ftpd/plain_passwords": "loopback",
	}
	g := gridtest.New(t, gridtest.Config{})
	c := exec.CommandContext(t.Context(), gridtest.Binary(t), "-d", g.ClientDir(), "account", "add", "alice", "--password")
	c.Stdin = strings.NewReader("correct horse\ncorrect horse\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.Client.Stop()
	g.StartClient(settings)
	want := "127.0.0.1:" + ftp
	if out := g.Client.Output(); !strings.Contains(out, "ftpd port: "+want) {
		t.Errorf("got %s", out)
	}
	for k := range 2 {
		name := "/f" + strconv.Itoa(k)
		body := strings.Repeat(name, 100_000)
		if status, _ := ask(t, "PUT", "http://127.0.0.1:"+dav+name, body); status != http.StatusCreated {
			t.Fatalf("got %d\n%s", status, g.Client.Output())
		}
		g.Client.Kill()
		g.StartClient(nil)
		if status, got := ask(t, "GET", "http://127.0.0.1:"+dav+name, ""); status != http.StatusOK || got != body {
			t.Errorf("%s: got %d, %d bytes", name, status, len(got))
		}
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+ftp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "USER alice\r\nPASS correct horse\r\nSIZE f1\r\nQUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), "\r\n213 300000\r\n221 ") {
		t.Errorf("got %q, %v", b, err)
	}
}

func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("alice", "correct horse")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(b)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
