package clients_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/doortest"
)

func TestCurl(t *testing.T) {
	doortest.Need(t, "curl")
	w := open(t)
	big := noise(5_000_000)
	up := w.file("up", big)
	for _, tc := range []struct {
		name string
		url  string
		args []string
	}{
		{"ftp", "ftp://" + w.ftp, nil},
		{"ftp, active", "ftp://" + w.ftp, []string{"--ftp-port", "127.0.0.1"}},
		{"ftp, PASV", "ftp://" + w.ftp, []string{"--disable-epsv"}},
		{"ftp, explicit TLS", "ftp://" + w.ftp, []string{"--ssl-reqd", "--cacert", w.cert}},
		{"ftps", "ftps://" + w.ftps, []string{"--cacert", w.cert}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			curl := func(args ...string) (string, error) {
				return w.run("", "curl", append(append([]string{"-sS", "--ftp-create-dirs", "--max-time", "60", "-u", user + ":" + password}, tc.args...), args...)...)
			}
			do := func(args ...string) string {
				t.Helper()
				out, err := curl(args...)
				if err != nil {
					t.Fatalf("%q: %v %s", args, err, out)
				}
				return out
			}
			do("-T", up, tc.url+"/made/here/a%20b")
			do("-o", filepath.Join(w.dir, "down"), tc.url+"/made/here/a%20b")
			if w.read("down") != big {
				t.Error("what came back is different")
			}
			w.file("part", big[:1_000_000])
			do("-C", "-", "-o", filepath.Join(w.dir, "part"), tc.url+"/made/here/a%20b")
			if w.read("part") != big {
				t.Error("what was resumed is different")
			}
			do("-T", w.file("first", big[:2_000_000]), tc.url+"/resumed")
			do("-C", "-", "-T", up, tc.url+"/resumed")
			do("-a", "-T", w.file("more", "more"), tc.url+"/resumed")
			do("-T", w.file("zero", ""), tc.url+"/zero")
			if out := do(tc.url+"/", "-l"); out != "made\nresumed\nzero\n" && out != "made\r\nresumed\r\nzero\r\n" {
				t.Errorf("got %q", out)
			}
			do(tc.url+"/", "-Q", "RNFR zero", "-Q", "RNTO -zero", "-Q", "MFMT 20200202020202 -zero")
			if out := do("-I", tc.url+"/-zero"); !strings.Contains(out, "Last-Modified: Sun, 02 Feb 2020 02:02:02 GMT") {
				t.Errorf("got %q", out)
			}
			do(tc.url+"/", "-Q", "DELE -zero")
			w.has(map[string]string{"made/": "", "made/here/": "", "made/here/a b": big, "resumed": big + "more"})
			do(tc.url+"/", "-Q", "DELE resumed", "-Q", "DELE made/here/a b", "-Q", "RMD made/here", "-Q", "RMD made")
			if out, err := curl("-u", user+":wrong", tc.url+"/"); err == nil {
				t.Errorf("a wrong password let somebody in: %s", out)
			}
			w.has(map[string]string{})
		})
	}
}

// TestCurlIsKilled says that an upload whose client died is not published.
func TestCurlIsKilled(t *testing.T) {
	doortest.Need(t, "curl")
	w := open(t)
	for _, args := range [][]string{{"ftp://" + w.ftp + "/f"}, {"--ssl-reqd", "--cacert", w.cert, "ftp://" + w.ftp + "/f"}, {"http://" + w.dav + "/f"}} {
		c := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "-T", "-", "-u", user + ":" + password}, args...)...)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(make([]byte, 500_000)); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // it was killed
		time.Sleep(200 * time.Millisecond)
		w.has(map[string]string{})
	}
}

// TestLongLFTP mirrors by each protocol; the programs of TestNode do the same with few files.
func TestLongLFTP(t *testing.T) {
	needLong(t)
	doortest.Need(t, "lftp")
	w := open(t)
	all := w.sample("up", 40)
	old := time.Date(2015, 5, 5, 5, 5, 5, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(w.dir, "up", "large.bin"), old, old); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, set, url string }{
		{"ftp", "set ftp:ssl-allow no;", "ftp://" + w.ftp},
		{"ftp, explicit TLS", "set ftp:ssl-force yes; set ssl:ca-file " + w.cert + "; set ssl:check-hostname no;", "ftp://" + w.ftp},
		{"ftps", "set ssl:ca-file " + w.cert + "; set ssl:check-hostname no;", "ftps://" + w.ftps},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lftp := func(script string) (string, error) {
				return w.run("", "lftp", "-c", "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; "+tc.set+"open -u '"+user+","+password+"' "+tc.url+"; "+script)
			}
			do := func(script string) string {
				t.Helper()
				out, err := lftp(script)
				if err != nil {
					t.Fatalf("%s: %v %s", script, err, out)
				}
				return out
			}
			do("mirror -R --parallel=4 up remote")
			w.has(inTree("remote", all))
			down := t.TempDir()
			do("mirror --parallel=4 remote " + down)
			for name, content := range all {
				if b, err := os.ReadFile(filepath.Join(down, name)); err != nil || string(b) != content {
					t.Errorf("%q: got %d bytes, %v", name, len(b), err)
				}
			}
			if i, err := os.Stat(filepath.Join(down, "large.bin")); err != nil || !i.ModTime().Equal(old) {
				t.Errorf("got %v, %v", i, err)
			}
			if out := do("mirror -R --verbose=3 up remote"); strings.Contains(out, "Transferring") {
				t.Errorf("files that are there are sent again: %s", out)
			}
			do("cd remote; mv large.bin 'moved here.bin'; rm -- -dash; mkdir new; pget -n 4 'moved here.bin' -o " + filepath.Join(down, "pieces"))
			if b, _ := os.ReadFile(filepath.Join(down, "pieces")); string(b) != all["large.bin"] {
				t.Error("a file that came in pieces is different")
			}
			do("rm -r remote")
			w.has(map[string]string{})
			if out, err := w.run("", "lftp", "-c", tc.set+"set net:max-retries 1; open -u "+user+",wrong "+tc.url+"; ls"); err == nil {
				t.Errorf("a wrong password let somebody in: %s", out)
			}
		})
	}
}

const ftplibScript = `
import ftplib, io, ssl, sys
host, port, cert, secure = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "yes"
if secure:
    f = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=cert), encoding="utf-8")
else:
    f = ftplib.FTP(encoding="utf-8")
f.connect(host, port, timeout=20)
try:
    f.login("alice", "wrong")
    sys.exit("a wrong password let somebody in")
except ftplib.error_perm as e:
    assert str(e).startswith("530"), e
f.login("alice", "correct horse")
if secure:
    f.prot_p()
f.mkd("d")
f.cwd("d")
assert f.pwd() == "/d"
data = bytes(range(256)) * 5000
f.storbinary("STOR ü.bin", io.BytesIO(data))
f.storbinary("STOR  x ", io.BytesIO(b""))
assert f.size("ü.bin") == len(data)
got = []
f.retrbinary("RETR ü.bin", got.append)
assert b"".join(got) == data
got = []
f.retrbinary("RETR ü.bin", got.append, rest=1000000)
assert b"".join(got) == data[1000000:]
f.storbinary("STOR ü.bin", io.BytesIO(data[500:]), rest=500)
assert f.size("ü.bin") == len(data)
assert sorted(f.nlst()) == [" x ", "ü.bin"], f.nlst()
facts = dict(f.mlsd(facts=["type", "size"]))
assert facts["ü.bin"]["size"] == str(len(data)), facts
lines = []
f.dir(lines.append)
assert len(lines) == 2 and lines[1].endswith(" ü.bin"), lines
f.storlines("STOR lines", io.BytesIO(b"one\ntwo\n"))
lines = []
f.retrlines("RETR lines", lines.append)
assert lines == ["one", "two"], lines
f.rename("ü.bin", "lines")
f.sendcmd("MFMT 20200202020202 lines")
assert f.sendcmd("MDTM lines") == "213 20200202020202"
conn = f.transfercmd("STOR broken")
conn.sendall(b"x" * 100000)
assert f.abort().startswith("4"), "abort"
f.getresp()
conn.close()
try:
    f.size("broken")
    sys.exit("an upload that was aborted is there")
except ftplib.error_perm:
    pass
f.delete(" x ")
f.delete("lines")
f.cwd("..")
f.rmd("d")
f.quit()
`

func TestFtplib(t *testing.T) {
	doortest.Need(t, "python3:ftplib")
	w := open(t)
	script := w.file("script.py", ftplibScript)
	host, port, err := net.SplitHostPort(w.ftp)
	if err != nil {
		t.Fatal(err)
	}
	for _, secure := range []string{"no", "yes"} {
		t.Run("TLS "+secure, func(t *testing.T) {
			w.must("", doortest.Python("ftplib"), script, host, port, w.cert, secure)
			w.has(map[string]string{})
		})
	}
}

func TestNcftp(t *testing.T) {
	doortest.Need(t, "ncftpput")
	w := open(t)
	all := w.sample("up", 20)
	_, port, err := net.SplitHostPort(w.ftp)
	if err != nil {
		t.Fatal(err)
	}
	login := []string{"-u", user, "-p", password, "-P", port}
	w.must("", "ncftpput", append(login, "-R", "-m", "127.0.0.1", "/", "up")...)
	w.has(inTree("up", all))
	down := t.TempDir()
	w.must("", "ncftpget", append(login, "-R", "127.0.0.1", down, "/up")...)
	for name, content := range all {
		if b, err := os.ReadFile(filepath.Join(down, "up", name)); err != nil || string(b) != content {
			t.Errorf("%q: got %d bytes, %v", name, len(b), err)
		}
	}
	if out := w.must("", "ncftpls", append(login, "ftp://127.0.0.1/up/")...); !strings.Contains(out, "with blanks in it") {
		t.Errorf("got %q", out)
	}
}

func TestTnftp(t *testing.T) {
	doortest.Need(t, "tnftp")
	w := open(t)
	w.file("local", "text")
	host, port, _ := net.SplitHostPort(w.ftp)
	script := fmt.Sprintf("open %s %s\nuser %s \"%s\"\nbinary\nmkdir d\ncd d\nput local \"a b\"\nreget \"a b\" back\nrename \"a b\" c\nls\nquit\n", host, port, user, password)
	out := w.must(script, "tnftp", "-n", "-v")
	if w.read("back") != "text" || !strings.Contains(out, " c\n") {
		t.Errorf("got %s", out)
	}
	w.has(map[string]string{"d/": "", "d/c": "text"})
}
