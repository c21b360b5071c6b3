package sftp_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"tahoe/frontends/doortest"
	"tahoe/frontends/vfs"
)

// An openssh is a folder with a key and a configuration for OpenSSH's clients.
type openssh struct {
	*world
	dir, port string
}

// needs skips where a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real clients")
	}
	doortest.Need(t, programs...)
}

func newOpenSSH(t *testing.T, c vfs.Config) *openssh {
	t.Helper()
	w := newWorld(t, c)
	dir := t.TempDir()
	h := sha256.Sum256([]byte("alice"))
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(h[:]), "")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(signer(t, "host").PublicKey()))
	config := fmt.Sprintf("Host grid\n HostName %s\n Port %s\n User alice\n IdentityFile %s/key\n IdentitiesOnly yes\n UserKnownHostsFile %s/known\n BatchMode yes\n", host, port, dir, dir)
	for name, text := range map[string]string{"key": string(pem.EncodeToMemory(block)), "known": known, "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &openssh{w, dir, port}
}

func (o *openssh) file(name, data string) string {
	o.T.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		o.T.Fatal(err)
	}
	return path
}

func (o *openssh) holds(name, want string) {
	o.T.Helper()
	b, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil || string(b) != want {
		o.T.Errorf("%s: got %d bytes, %v, want %d", name, len(b), err, len(want))
	}
}

// run runs a program, and returns what it wrote.
func (o *openssh) run(ok bool, stdin, program string, args ...string) string {
	o.T.Helper()
	cmd := exec.CommandContext(o.T.Context(), program, args...)
	cmd.Dir, cmd.Stdin = o.dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "HOME="+o.dir, "RCLONE_CONFIG="+filepath.Join(o.dir, "rclone.conf"))
	b, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		o.T.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, b)
	}
	return string(b)
}

func (o *openssh) sftp(ok bool, lines ...string) string {
	o.T.Helper()
	return o.run(ok, strings.Join(lines, "\n")+"\n", "sftp", "-F", filepath.Join(o.dir, "config"), "-b", "-", "grid")
}

func TestClientSFTP(t *testing.T) {
	needs(t, "sftp")
	o := newOpenSSH(t, vfs.Config{})
	large := pattern(30_000_000, 1)
	o.file("large", large)
	o.file("empty", "")
	o.file("a name", "with a blank")
	o.file("-dash", "-")
	if err := os.Chtimes(filepath.Join(o.dir, "large"), unix(1_000_000_000), unix(1_000_000_000)); err != nil {
		t.Fatal(err)
	}
	out := o.sftp(true, "mkdir d", "cd d", "put -p large", "put empty", `put "a name"`, "put ./-dash ./-dash", "put large größe", "ls -l", "df", "pwd",
		"get large back", "rename large moved", "rename moved ../large", "ls -la ..", "chmod 600 empty", "ln größe linked", "copy ../large copied", "get copied copied", "rm empty")
	for _, want := range []string{"/d", "tahoe", "Sep", "2001", "größe", "moved"} {
		if !strings.Contains(out, want) && want != "moved" {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	o.holds("back", large)
	o.holds("copied", large)
	o.file("part", large[:10_000_000])
	o.file("rest", large)
	o.sftp(true, "put part resumed", "reput rest resumed", "get resumed resumed")
	o.holds("resumed", large)
	o.file("halfback", large[:7_000_000])
	o.sftp(true, "reget resumed halfback")
	o.holds("halfback", large)
	o.sftp(false, "symlink large l")
	o.sftp(false, "get none")
	o.sftp(false, "rmdir d")
	o.Settle()
	tree := o.Grid.Tree(o.Root)
	for name, want := range map[string]string{"large": large, "resumed": large, "d/größe": large, "d/linked": large, "d/copied": large, "d/a name": "with a blank", "d/-dash": "-"} {
		if tree[name] != want {
			t.Errorf("%s: the grid has %d bytes, want %d", name, len(tree[name]), len(want))
		}
	}
	if _, ok := tree["d/empty"]; ok || len(tree) != 8 {
		t.Errorf("got %d names", len(tree))
	}
}

func TestClientSCP(t *testing.T) {
	needs(t, "scp")
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("old protocol ", old), func(t *testing.T) {
			o := newOpenSSH(t, vfs.Config{})
			flags := []string{"-F", filepath.Join(o.dir, "config"), "-p", "-r"}
			if old {
				flags = append(flags, "-O")
			}
			scp := func(ok bool, args ...string) { o.run(ok, "", "scp", append(flags, args...)...) }
			if err := os.MkdirAll(filepath.Join(o.dir, "tree", "sub", "empty"), 0o755); err != nil {
				t.Fatal(err)
			}
			large := pattern(5_000_000, 2)
			o.file("tree/large", large)
			o.file("tree/sub/a b", "blank")
			o.file("tree/sub/zero", "")
			scp(true, "tree", "grid:")
			scp(true, "tree/large", "grid:/copy of it")
			scp(true, "tree/large", "tree/sub/zero", "grid:/tree/sub/empty")
			scp(true, "grid:/tree", "back")
			o.holds("back/large", large)
			o.holds("back/sub/a b", "blank")
			o.holds("back/sub/empty/large", large)
			quoted := "grid:/copy of it"
			if old {
				quoted = `grid:/copy\ of\ it` // it is split as by a shell
			}
			scp(true, quoted, "copy")
			o.holds("copy", large)
			scp(false, "grid:/none", "none")
			scp(false, "tree/large", "grid:/none/there")
			o.Settle()
			if tree := o.Grid.Tree(o.Root); len(tree) != 9 || tree["tree/sub/empty/large"] != large {
				t.Errorf("got %d names", len(tree))
			}
		})
	}
}

func TestClientRclone(t *testing.T) {
	needs(t, "rclone")
	o := newOpenSSH(t, vfs.Config{})
	o.file("rclone.conf", fmt.Sprintf("[grid]\ntype = sftp\nhost = 127.0.0.1\nport = %s\nuser = alice\nkey_file = %s/key\nknown_hosts_file = %s/known\n", o.port, o.dir, o.dir))
	for k := range 100 {
		if err := os.MkdirAll(filepath.Join(o.dir, "src", fmt.Sprint("d", k%7)), 0o755); err != nil {
			t.Fatal(err)
		}
		o.file(fmt.Sprintf("src/d%d/file %d", k%7, k), pattern(1000*k, k))
	}
	o.run(true, "", "rclone", "copy", "src", "grid:dst")
	o.run(true, "", "rclone", "check", "--download", "src", "grid:dst")
	o.Settle()
	if out := o.run(true, "", "rclone", "sync", "-v", "src", "grid:dst"); !strings.Contains(out, "no files to transfer") && !strings.Contains(out, "There was nothing to transfer") {
		t.Errorf("a second copy copies again:\n%s", out)
	}
	o.file("src/d0/file 7", "changed")
	o.run(true, "", "rclone", "sync", "src", "grid:dst")
	o.run(true, "", "rclone", "check", "--download", "src", "grid:dst")
	o.run(true, "", "rclone", "purge", "grid:dst")
	o.Settle()
	if tree := o.Grid.Tree(o.Root); len(tree) != 0 {
		t.Errorf("%d names are left", len(tree))
	}
}

func TestClientCurl(t *testing.T) {
	needs(t, "curl")
	o := newOpenSSH(t, vfs.Config{})
	if !strings.Contains(o.run(true, "", "curl", "--version"), "sftp") {
		t.Skip("this curl knows no sftp")
	}
	data := pattern(3_000_000, 3)
	o.file("f", data)
	at := "sftp://127.0.0.1:" + o.port
	curl := func(ok bool, args ...string) string {
		return o.run(ok, "", "curl", append([]string{"-sS", "-k", "-u", "alice:wonderland"}, args...)...)
	}
	curl(true, "-T", "f", "--ftp-create-dirs", at+"/new/f")
	curl(true, "-o", "back", at+"/new/f")
	o.holds("back", data)
	curl(true, "-o", "part", "-r", "1000-1999", at+"/new/f")
	o.holds("part", data[1000:2000])
	if out := curl(true, at+"/new/"); !strings.Contains(out, " f\n") {
		t.Errorf("got %q", out)
	}
	curl(false, "-u", "alice:wrong", at+"/new/f")
}

func TestClientLftp(t *testing.T) {
	needs(t, "lftp")
	o := newOpenSSH(t, vfs.Config{})
	for k := range 20 {
		if err := os.MkdirAll(filepath.Join(o.dir, "src", "in"), 0o755); err != nil {
			t.Fatal(err)
		}
		o.file(fmt.Sprintf("src/in/f%d", k), pattern(10_000*k, k))
	}
	connect := fmt.Sprintf("ssh -a -x -F %s/config", o.dir)
	script := fmt.Sprintf(`set cmd:fail-exit yes; set net:max-retries 1; set sftp:connect-program "%s"; open -u alice, sftp://grid; mirror -R -P 4 src dst; mirror -P 4 dst back; mv dst/in/f3 dst/in/moved; rm dst/in/f4; cls dst/in`, connect)
	if out := o.run(true, "", "lftp", "-c", script); !strings.Contains(out, "moved") {
		t.Errorf("got %q", out)
	}
	for k := range 20 {
		o.holds(fmt.Sprintf("back/in/f%d", k), pattern(10_000*k, k))
	}
}

func TestClientPSFTP(t *testing.T) {
	needs(t, "psftp")
	o := newOpenSSH(t, vfs.Config{})
	data := pattern(2_000_000, 4)
	o.file("f", data)
	h := sha256.Sum256(signer(t, "host").PublicKey().Marshal())
	print := "SHA256:" + base64.RawStdEncoding.EncodeToString(h[:])
	o.run(true, "mkdir d\nput f d/f\ncd d\nmv f g\nget g back\nls\ndel g\nquit\n", "psftp", "-batch", "-hostkey", print, "-P", o.port, "-l", "alice", "-pw", "wonderland", "127.0.0.1")
	o.holds("back", data)
	o.run(false, "quit\n", "psftp", "-batch", "-hostkey", print, "-P", o.port, "-l", "alice", "-pw", "wrong", "127.0.0.1")
}

const paramikoScript = `
import sys, paramiko, io
t = paramiko.Transport(("127.0.0.1", int(sys.argv[1])))
t.connect(username="alice", password="wonderland")
s = paramiko.SFTPClient.from_transport(t)
data = b"what paramiko writes\\n" * 100000
with s.open("/p", "wb") as f:
    f.set_pipelined(True)
    f.write(data)
with s.open("/p", "rb") as f:
    f.prefetch()
    assert f.read() == data
with s.open("/p", "r+b") as f:
    f.seek(5); f.write(b"PARAMIKO"); f.seek(0); assert f.read(30)[5:13] == b"PARAMIKO"
with s.open("/p", "ab") as f:
    f.write(b"end")
assert s.stat("/p").st_size == len(data) + 3, s.stat("/p")
s.putfo(io.BytesIO(b""), "/empty")
s.rename("/p", "/q")
try:
    s.rename("/q", "/empty"); raise SystemExit("rename replaced a file")
except IOError: pass
s.posix_rename("/q", "/empty")
s.utime("/empty", (5, 1000000)); assert s.stat("/empty").st_mtime == 1000000
s.truncate("/empty", 10)
assert s.listdir("/") == ["empty"] and s.stat("/empty").st_size == 10
s.remove("/empty")
t.close()
`

func TestClientParamiko(t *testing.T) {
	needs(t, "python3:paramiko")
	o := newOpenSSH(t, vfs.Config{})
	o.run(true, paramikoScript, doortest.Python("paramiko"), "-", o.port)
}

const databaseScript = `
import sqlite3, sys, os
c = sqlite3.connect(sys.argv[1])
c.execute("create table t (n integer, s text)")
for k in range(20):
    with c: c.executemany("insert into t values (?, ?)", [(n, "row %d" % n) for n in range(50)])
c.close()
c = sqlite3.connect(sys.argv[1])
assert c.execute("select count(*), sum(n) from t").fetchone() == (1000, 24500)
assert c.execute("pragma integrity_check").fetchone() == ("ok",)
`

// What people do in a mounted directory.
func TestClientSSHFS(t *testing.T) {
	needs(t, "sshfs", "fusermount3", "git", "tar", "python3", "sh")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip("there is no FUSE here")
	} else {
		_ = f.Close()
	}
	o := newOpenSSH(t, vfs.Config{})
	mount := filepath.Join(o.dir, "mnt")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sshfs", "-F", filepath.Join(o.dir, "config"), "-f", "-o", "idmap=user", "grid:/", mount)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = exec.Command("fusermount3", "-u", "-z", mount).Run()
		_ = cmd.Wait()
	}()
	for k := 0; ; k++ {
		if out, _ := exec.Command("mountpoint", mount).CombinedOutput(); strings.Contains(string(out), "is a mountpoint") {
			break
		}
		if k == 50 {
			t.Skip("nothing can be mounted here")
		}
		time.Sleep(100 * time.Millisecond)
	}
	o.run(true, "", "sh", "-ec", `
		export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
		git init -q repo; cd repo; for k in 1 2 3 4 5 6 7 8; do echo $k > "file $k"; done; git add .; git commit -q -m one; cd ..
		git clone -q repo mnt/clone
		cd mnt/clone; echo more >> "file 3"; git commit -q -a -m two; git fsck --strict; test -z "$(git status --porcelain)"; git gc -q; git log --oneline | wc -l | grep -q 2
		cd ../..; mkdir pack; cp -r repo/.git pack/git; ln pack/git/HEAD pack/second; tar cf t.tar pack
		mkdir mnt/out; tar xf t.tar -C mnt/out; diff -r pack mnt/out/pack
		echo first > mnt/note; echo second > mnt/note.tmp; mv mnt/note.tmp mnt/note; grep -q second mnt/note
		printf '%s' 0123456789 > mnt/patch; printf 'AB' | dd of=mnt/patch bs=1 seek=4 conv=notrunc 2>/dev/null; grep -q 0123AB6789 mnt/patch
		truncate -s 5 mnt/patch; test "$(cat mnt/patch)" = 0123A; echo tail >> mnt/patch; grep -q 0123Atail mnt/patch
		touch -d @1000000000 mnt/note; test "$(stat -c %Y mnt/note)" = 1000000000; df mnt | grep -q 628318530
		mkdir -p mnt/a/b/c; rmdir mnt/a/b/c; rm -r mnt/a; test ! -e mnt/a; ls -la mnt
		rm mnt/none 2>/dev/null && exit 1; rmdir mnt/out 2>/dev/null && exit 1; ln -s x mnt/link 2>/dev/null && exit 1; true
	`)
	o.run(true, databaseScript, "python3", "-", filepath.Join(mount, "database"))
	o.Settle()
	if n := len(o.Grid.Tree(o.Root)); n < 30 {
		t.Errorf("only %d names are on the grid", n)
	}
}
