package clients_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tahoe/frontends/doortest"
)

// A load is what every program moves.
type load struct {
	size int64
	many int
}

// everyProgram does with each what its users expect: files large, empty, many and of odd names, up and down, broken off and resumed,
// listed, renamed and removed, with their times, and with a wrong password.
func (h *house) everyProgram(t *testing.T, l load) {
	e := h.newEye(t, user)
	table := &table{h: h, eye: e, load: l}
	table.sum = table.makeBig("big.bin", l.size)
	table.makeTree()
	e.put(filepath.Join(h.dir, "big.bin"), "/big.bin")
	programs, mounts := h.programs(), h.mounts()
	h.admit(programs, mounts)
	t.Run("group", func(t *testing.T) {
		for _, p := range programs {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				for _, n := range p.needs {
					doortest.Need(t, n)
				}
				table.use(t, p)
			})
		}
		for _, m := range mounts {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				if err := e.Mkdir("/" + m.name); err != nil {
					t.Fatal(err)
				}
				table.use(t, m.use(t, h))
			})
		}
	})
	h.arrived()
}

// admit gives every program an account in alice's tree, unless it has one.
func (h *house) admit(programs []program, mounts []mount) {
	h.T.Helper()
	file := filepath.Join(h.grid.ClientDir(), "private", "accounts")
	text := h.read(file)
	var all strings.Builder
	all.WriteString(text)
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
	}
	for _, m := range mounts {
		names = append(names, m.name)
	}
	for _, name := range names {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, user+" "); ok && !strings.Contains("\n"+text, "\n"+name+" ") {
				all.WriteString(name + " " + rest)
			}
		}
	}
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		h.T.Fatal(err)
	}
}

// An eye sees what the node shows, by a library.
type eye struct {
	*pkgsftp.Client
	t *testing.T
}

func (h *house) newEye(t *testing.T, name string) *eye {
	t.Helper()
	c, err := ssh.Dial("tcp", h.tcp["SFTP"], &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s, err := pkgsftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &eye{s, t}
}

func (e *eye) put(from, to string) {
	e.t.Helper()
	src, err := os.Open(from)
	if err != nil {
		e.t.Fatal(err)
	}
	defer src.Close()
	dst, err := e.Create(to)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err = io.Copy(dst, src); err != nil {
		e.t.Fatal(err)
	}
	if err = dst.Close(); err != nil {
		e.t.Fatal(err)
	}
}

func sumOf(r io.Reader, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s := sha256.New()
	_, err = io.Copy(s, r)
	if c, ok := r.(io.Closer); ok {
		_ = c.Close()
	}
	return fmt.Sprintf("%x", s.Sum(nil)), err
}

// sum is that of a file of the node.
func (e *eye) sum(p string) (string, error) {
	f, err := e.Open(p)
	return sumOf(f, err)
}

// A table is what all programs are tested against.
type table struct {
	h    *house
	eye  *eye
	load load
	sum  string            // of the big file
	all  map[string]string // what is in the folder
}

var longAgo = time.Date(2015, 5, 5, 5, 5, 5, 0, time.UTC)

// makeBig makes a file of noise, and its first third, and returns its sum.
func (b *table) makeBig(name string, size int64) string {
	b.h.T.Helper()
	f, err := os.Create(filepath.Join(b.h.dir, name))
	if err != nil {
		b.h.T.Fatal(err)
	}
	part, err := os.Create(filepath.Join(b.h.dir, "part.bin"))
	if err != nil {
		b.h.T.Fatal(err)
	}
	s := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, s), io.LimitReader(randv2.NewChaCha8([32]byte{7}), size)); err != nil {
		b.h.T.Fatal(err)
	}
	if _, err := io.Copy(part, io.LimitReader(randv2.NewChaCha8([32]byte{7}), size/3)); err != nil {
		b.h.T.Fatal(err)
	}
	if err := cmp.Or(f.Close(), part.Close()); err != nil {
		b.h.T.Fatal(err)
	}
	return fmt.Sprintf("%x", s.Sum(nil))
}

// makeTree makes the folder that goes up as a whole.
func (b *table) makeTree() {
	b.all = map[string]string{"empty": "", "with blanks in it": "blanks", "-dash": "dash", "üñî 漢字": "unicode", ".hidden": "dot", "sub/deep/file.txt": "deep", "100%&+;'.txt": "signs"}
	for k := range b.load.many {
		b.all[fmt.Sprintf("many/f%04d", k)] = fmt.Sprint("number ", k)
	}
	for name, content := range b.all {
		b.h.file(filepath.Join("up", "tree", name), content)
		if err := os.Chtimes(filepath.Join(b.h.dir, "up", "tree", name), longAgo, longAgo); err != nil {
			b.h.T.Fatal(err)
		}
	}
}

// must fails the test unless a program did what it was asked.
func must(t *testing.T, what string) func(out string, err error) string {
	t.Helper()
	return func(out string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
		return out
	}
}

// use lets a program do all that it can.
func (b *table) use(t *testing.T, p program) {
	home := "/" + p.name
	here := filepath.Join(b.h.dir, p.name)
	if p.work == "" {
		if err := b.eye.Mkdir(home); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(here, 0o700); err != nil {
		t.Fatal(err)
	}
	b.useBig(t, p, home, here)
	b.useNames(t, p, home, here)
	b.useTree(t, p, home)
	if out, err := p.wrong(); err == nil {
		t.Errorf("in with a wrong password: %s", out)
	}
	if p.work != "" && p.name != "davfs2" { // in which git loses its way: it cannot read the directories that it just made
		b.useMount(t, p, home, here)
	}
}

// useBig moves the big file, in one go, and broken off.
func (b *table) useBig(t *testing.T, p program, home, here string) {
	big, part := filepath.Join(b.h.dir, "big.bin"), filepath.Join(b.h.dir, "part.bin")
	there := func(name string) {
		t.Helper()
		if sum, err := b.eye.sum(path.Join(home, name)); err != nil || sum != b.sum {
			t.Errorf("%s is not what went there: %v", name, err)
		}
	}
	came := func(name string) {
		t.Helper()
		f, err := os.Open(filepath.Join(here, name))
		if sum, err := sumOf(f, err); err != nil || sum != b.sum {
			t.Errorf("%s is not what came: %v", name, err)
		}
		_ = os.Remove(filepath.Join(here, name))
	}
	must(t, "put")(p.put(big, home+"/big.bin"))
	b.settled(t, p, home+"/big.bin")
	there("big.bin")
	must(t, "get")(p.get("/big.bin", filepath.Join(here, "back.bin")))
	came("back.bin")
	if p.resumePut != nil {
		must(t, "put a part")(p.put(part, home+"/resumed.bin"))
		must(t, "resume the put")(p.resumePut(big, home+"/resumed.bin"))
		b.settled(t, p, home+"/resumed.bin")
		there("resumed.bin")
	}
	if p.resumeGet != nil {
		if err := copyFile(part, filepath.Join(here, "rest.bin")); err != nil {
			t.Fatal(err)
		}
		must(t, "resume the get")(p.resumeGet("/big.bin", filepath.Join(here, "rest.bin")))
		came("rest.bin")
	}
}

// settled waits until a mounted folder has sent what was written to it.
func (b *table) settled(t *testing.T, p program, name string) {
	t.Helper()
	if p.work == "" {
		return
	}
	for end := time.Now().Add(cmp.Or(b.h.patience, time.Minute)); ; time.Sleep(50 * time.Millisecond) {
		if i, err := b.eye.Stat(name); err == nil && i.Size() == b.load.size {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s has not been sent", name)
		}
	}
}

// useNames moves a file of an odd name, and lists, renames and removes it.
func (b *table) useNames(t *testing.T, p program, home, here string) {
	odd := b.h.file(filepath.Join(p.name, "-odd ü"), "odd")
	must(t, "put an odd name")(p.put(odd, home+"/-odd ü"))
	if p.list == nil {
		return
	}
	if p.rename != nil {
		must(t, "rename")(p.rename(home+"/-odd ü", home+"/.öther name"))
	} else if err := b.eye.Rename(home+"/-odd ü", home+"/.öther name"); err != nil {
		t.Error(err)
	}
	b.lists(t, p, home, ".öther name", true)
	b.lists(t, p, home, "-odd ü", false)
	must(t, "get an odd name")(p.get(home+"/.öther name", filepath.Join(here, "odd back")))
	if got := b.h.read(filepath.Join(here, "odd back")); got != "odd" {
		t.Errorf("got %q", got)
	}
	if p.mkdir != nil {
		must(t, "make a directory")(p.mkdir(home + "/made here"))
		b.lists(t, p, home, "made here", true)
	}
	if p.remove != nil {
		must(t, "remove")(p.remove(home + "/.öther name"))
		b.lists(t, p, home, ".öther name", false)
	}
}

func (b *table) lists(t *testing.T, p program, home, name string, want bool) {
	t.Helper()
	if strings.HasPrefix(name, ".") && (strings.HasPrefix(p.name, "lftp") || p.name == "sftp" || p.name == "ncftp") {
		return // they do not show what begins with a dot
	}
	out := must(t, "list")(p.list(home))
	has := strings.Contains(out, name) || strings.Contains(out, (&url.URL{Path: name}).EscapedPath())
	if has != want {
		t.Errorf("%q is listed: %v, want %v:\n%s", name, has, want, out)
	}
}

// useTree brings the folder up.
func (b *table) useTree(t *testing.T, p program, home string) {
	if p.tree == nil {
		return
	}
	must(t, "put a folder")(p.tree(filepath.Join(b.h.dir, "up", "tree"), home+"/tree"))
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		problem := b.differs(p, home+"/tree")
		if problem == "" {
			return
		}
		if p.work == "" || time.Now().After(end) { // a mounted folder sends what was written when it finds the time
			t.Error(problem)
			return
		}
	}
}

// differs says what of the folder is not there as it should be.
func (b *table) differs(p program, at string) string {
	n := 0
	for w := b.eye.Walk(at); w.Step(); {
		if w.Err() != nil {
			return w.Err().Error()
		}
		if w.Stat().IsDir() {
			continue
		}
		n++
		name := strings.TrimPrefix(w.Path(), at+"/")
		want, ok := b.all[name]
		if !ok || w.Stat().Size() != int64(len(want)) {
			return fmt.Sprintf("%q is there, with %d bytes", name, w.Stat().Size())
		}
		if p.times && !w.Stat().ModTime().Equal(longAgo) {
			return fmt.Sprintf("%q is of %v", name, w.Stat().ModTime())
		}
		if n%50 < 10 {
			if got, err := b.eye.sum(w.Path()); err != nil || got != fmt.Sprintf("%x", sha256.Sum256([]byte(want))) {
				return fmt.Sprintf("%q is not what went there: %v", name, err)
			}
		}
	}
	if n != len(b.all) {
		return fmt.Sprintf("%d files are there, want %d", n, len(b.all))
	}
	return ""
}

// useMount works in a mounted folder as people do.
func (b *table) useMount(t *testing.T, p program, home, here string) {
	for _, n := range []string{"git", "tar", "sh", "python3"} {
		doortest.Need(t, n)
	}
	to, local := filepath.Join(p.work, home, "work"), filepath.Join(here, "work")
	if err := cmp.Or(os.Mkdir(to, 0o755), os.Mkdir(local, 0o755)); err != nil {
		t.Fatal(err)
	}
	link := "true"
	if p.name == "sshfs" { // the others know no links
		link = "ln pack/git/HEAD pack/second"
	}
	must(t, "work")(b.h.run("", "env", "TAR=--no-same-owner", "LINK="+link, "sh", "-ec", workScript, "sh", to, local))
	must(t, "a database")(b.h.run("", "python3", b.h.file(p.name+"-db.py", databaseScript), filepath.Join(to, "database")))
}
