package clients_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/doortest"
)

// A mount is a folder of this machine that is alice's tree.
type mount struct {
	name  string
	needs []string
	// start mounts at a folder, in a process that ends when the folder is unmounted.
	start func(at string) *exec.Cmd
	stop  []string // what unmounts, before the folder
	wrong func(at string) (string, error)
}

func (h *house) mounts() []mount {
	sshfs := func(name, pw, at string) *exec.Cmd {
		c := exec.Command("sshfs", "-f", "-F", filepath.Join(h.dir, "config"), "-o", "password_stdin", name+"@bypassword:/", at)
		c.Stdin = strings.NewReader(pw + "\n")
		return c
	}
	rclone := func(name, pw, at string) *exec.Cmd {
		return exec.Command("rclone", "mount", h.remote("sftp", name, pw), at, "--vfs-cache-mode", "full", "--dir-cache-time", "1s", "--cache-dir", filepath.Join(h.dir, "rclone-cache"))
	}
	davfs := func(name, pw, at string) *exec.Cmd {
		conf := h.file("davfs2.conf", "delay_upload 0\nask_auth 1\nuse_locks 1\n")
		c := exec.Command("mount.davfs", h.grid.URL()+"dav/", at, "-o", "conf="+conf)
		c.Stdin = strings.NewReader(name + "\n" + pw + "\n")
		return c
	}
	fails := func(start func(name, pw, at string) *exec.Cmd, name string) func(at string) (string, error) {
		return func(at string) (string, error) {
			c := start(name, "wrong", at)
			var out bytes.Buffer
			c.Stdout, c.Stderr, c.WaitDelay = &out, &out, time.Second
			stop := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
			defer stop.Stop()
			err := c.Run()
			return out.String(), err
		}
	}
	of := func(start func(name, pw, at string) *exec.Cmd, name string, needs []string, stop ...string) mount {
		return mount{name, needs, func(at string) *exec.Cmd { return start(name, password, at) }, stop, fails(start, name)}
	}
	all := []mount{
		of(sshfs, "sshfs", []string{"sshfs", "fusermount3"}, "fusermount3", "-u"),
		of(davfs, "davfs2", []string{"mount.davfs"}, "umount"),
	}
	if long() { // it takes as long as all others together
		all = append(all, of(rclone, "rclone-mount", []string{"rclone", "fusermount3"}, "fusermount3", "-u"))
	}
	return all
}

// use mounts, and gives what is mounted as a program.
func (m mount) use(t *testing.T, h *house) program {
	t.Helper()
	for _, n := range m.needs {
		doortest.Need(t, n)
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("there is no FUSE here: %v", err)
	} else {
		_ = f.Close()
	}
	at := filepath.Join(h.dir, m.name+".mnt")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	c := m.start(at)
	var out bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &out, &out, time.Second
	c.Dir, c.Env = h.dir, append(os.Environ(), "HOME="+h.dir, "LC_ALL=C.UTF-8", "RCLONE_CONFIG=")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		text, err := exec.CommandContext(ctx, m.stop[0], append(m.stop[1:], at)...).CombinedOutput()
		if err != nil && isMounted(at) {
			t.Errorf("unmount: %v %s", err, text)
			_ = exec.Command("umount", "-l", at).Run()
			_ = c.Process.Kill()
		}
		if m.name != "davfs2" { // whose first process has ended long before
			<-ended
		}
	})
	for end := time.Now().Add(20 * time.Second); !isMounted(at); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skipf("%s cannot mount here: %s", m.name, out.String())
		}
	}
	return folder(m.name, at, func() (string, error) {
		other := at + ".wrong"
		if err := os.MkdirAll(other, 0o777); err != nil {
			return "", nil
		}
		return m.wrong(other)
	})
}

func isMounted(at string) bool {
	b, err := os.ReadFile("/proc/self/mounts")
	return err == nil && bytes.Contains(b, []byte(" "+at+" "))
}

// folder is a mounted tree as a program.
func folder(name, at string, wrong func() (string, error)) program {
	two := func(f func(from, to string) error, in ...bool) func(from, to string) (string, error) {
		return func(from, to string) (string, error) {
			if in[0] {
				from = filepath.Join(at, from)
			}
			if in[1] {
				to = filepath.Join(at, to)
			}
			return "", f(from, to)
		}
	}
	one := func(f func(string) error) func(string) (string, error) {
		return func(p string) (string, error) { return "", f(filepath.Join(at, p)) }
	}
	return program{
		name: name, times: name != "davfs2", wrong: wrong,
		put: two(copyFile, false, true), get: two(copyFile, true, false), resumePut: two(appendFile, false, true),
		rename: two(os.Rename, true, true), mkdir: one(func(p string) error { return os.Mkdir(p, 0o755) }), remove: one(os.Remove),
		list: func(dir string) (string, error) {
			entries, err := os.ReadDir(filepath.Join(at, dir))
			var names strings.Builder
			for _, e := range entries {
				names.WriteString(e.Name() + "\n")
			}
			return names.String(), err
		},
		tree: func(from, to string) (string, error) {
			b, err := exec.Command("cp", "-r", "--preserve=timestamps", from, filepath.Join(at, to)).CombinedOutput()
			return string(b), err
		},
		work: at,
	}
}

func copyFile(from, to string) error { return pour(from, to, os.O_TRUNC, 0) }

func appendFile(from, to string) error {
	i, err := os.Stat(to)
	if err != nil {
		return err
	}
	return pour(from, to, os.O_APPEND, i.Size())
}

func pour(from, to string, flags int, off int64) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	if _, err = src.Seek(off, io.SeekStart); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, flags|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}

// workScript is what people do in a folder, which is the first argument: git, tar, an editor's saving, changes within files.
const workScript = `
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
	to=$1; cd "$2"
	git init -q repo; cd repo; for k in 1 2 3 4; do echo $k > "file $k"; done; git add .; git commit -q -m one; cd ..
	git clone -q repo "$to/clone"
	cd "$to/clone"; echo more >> "file 3"; git commit -q -a -m two; git fsck --strict; test -z "$(git status --porcelain)"; test $(git log --oneline | wc -l) = 2; cd "$2"
	mkdir pack; cp -r repo/.git pack/git; $LINK; tar cf t.tar pack
	mkdir "$to/out"; tar xf t.tar -C "$to/out" $TAR; diff -r pack "$to/out/pack"
	echo first > "$to/note"; echo second > "$to/note.tmp"; mv "$to/note.tmp" "$to/note"; grep -q second "$to/note"; test ! -e "$to/note.tmp"
	printf %s 0123456789 > "$to/patch"; printf AB | dd of="$to/patch" bs=1 seek=4 conv=notrunc 2>/dev/null; test "$(cat "$to/patch")" = 0123AB6789
	truncate -s 5 "$to/patch"; test "$(cat "$to/patch")" = 0123A; echo tail >> "$to/patch"; test "$(cat "$to/patch")" = 0123Atail
	mkdir -p "$to/a/b/c"; rmdir "$to/a/b/c"; rm -r "$to/a"; test ! -e "$to/a"
	if rm "$to/none" 2>/dev/null; then exit 1; fi
	if rmdir "$to/out" 2>/dev/null; then exit 1; fi
`

// databaseScript uses SQLite with its journal, in two lives.
const databaseScript = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("pragma journal_mode = delete")
c.execute("create table t (n integer, s text)")
for k in range(10):
    with c: c.executemany("insert into t values (?, ?)", [(n, "row %d" % n) for n in range(50)])
try:
    with c:
        c.execute("delete from t")
        raise KeyError
except KeyError: pass
c.close()
c = sqlite3.connect(sys.argv[1])
assert c.execute("select count(*), sum(n) from t").fetchone() == (500, 12250)
assert c.execute("pragma integrity_check").fetchone() == ("ok",)
`
