package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// TestLongMigrating does what docs/migrating.md says, command by command, in a grid of the original. Only the host name and the ports are
// others.
func TestLongMigrating(t *testing.T) {
	needsLong(t)
	t.Parallel()
	program := needsOriginal(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here, with which the page looks at a client")
	}
	text, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	m := newMigration(t, program)
	lines := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(string(block[1])) {
			command, _, _ := strings.Cut(line, "  #")
			m.follow(strings.TrimSpace(command))
			lines++
		}
	}
	const want = 15
	if lines != want {
		t.Errorf("the page has %d lines of shell, and this test knows %d", lines, want)
	}
	m.client.mustRead(t, m.cap, m.file)
}

// A migration is a grid that follows the page.
type migration struct {
	t         *testing.T
	dir       string
	env       []string // of the shell
	client    *peer
	running   map[string]*peer // by directory
	file      []byte
	furl, cap string
}

func newMigration(t *testing.T, program string) *migration {
	t.Helper()
	m := &migration{t: t, dir: t.TempDir(), running: map[string]*peer{}, file: content("migrating", 500_000)}
	m.env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "HOME="+m.dir)
	for _, err := range []error{os.Symlink(gridtest.Binary(t), m.path("tahoe")), os.Mkdir(m.path("backup"), 0o700), os.WriteFile(m.path("FILE"), m.file, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	introducer := newIntroducer(t, original, m.path("introducer"))
	storage := newStorage(t, original, m.path("storage-1"))
	m.client = newClient(t, original, m.path("client"))
	m.client.set("client/shares.happy", "1")
	storage.joins(introducer)
	m.client.joins(introducer)
	together(t, storage.start, m.client.start)
	m.client.waitConnected(1)
	m.running["storage-1"], m.running["client"] = storage, m.client
	return m
}

func (m *migration) path(name string) string { return filepath.Join(m.dir, name) }

func (m *migration) follow(command string) {
	m.t.Helper()
	words := strings.Fields(command)
	switch {
	case len(words) == 3 && words[1] == "run":
		m.run(map[string]maker{"./tahoe": ours, "tahoe": original}[words[0]], words[2])
		return
	case strings.HasPrefix(command, "FURL="):
		m.furl = m.shell(command + `; echo "$FURL"`)
		return
	case strings.HasPrefix(command, "CAP="):
		m.cap = m.shell(command + `; echo "$CAP"`)
		return
	}
	if strings.Contains(command, "--hostname=") {
		port := freePort(m.t)
		command = strings.Replace(command, "--hostname=storage-2.example.org",
			fmt.Sprintf("--port=tcp:%d:interface=127.0.0.1 --location=tcp:127.0.0.1:%d", port, port), 1)
	}
	out := m.shell(strings.Replace(command, "tcp:3457:", "tcp:0:", 1))
	m.expect(command, out)
}

func (m *migration) shell(command string) string {
	m.t.Helper()
	sh := exec.CommandContext(m.t.Context(), "sh", "-c", command)
	sh.Dir, sh.Env = m.dir, append(m.env, "FURL="+m.furl, "CAP="+m.cap)
	var errs strings.Builder
	sh.Stderr = &errs
	out, err := sh.Output()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s%s", command, err, out, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// expect looks at what a command of the page has done.
func (m *migration) expect(command, out string) {
	m.t.Helper()
	switch {
	case strings.HasPrefix(command, "./tahoe create-client"):
		(&peer{dir: m.path("client-2"), t: m.t}).set("client/shares.happy", "1")
	case strings.HasPrefix(command, "curl"):
		if !strings.Contains(out, "storage-2") {
			m.t.Errorf("%s does not name the new node:\n%s", command, out)
		}
	case strings.Contains(command, " get "):
		if b, err := os.ReadFile(m.path("copy")); err != nil || string(b) != string(m.file) {
			m.t.Errorf("%s: the copy has %d bytes, and is not the file (%v)", command, len(b), err)
		}
	case strings.Contains(command, "check --verify"):
		if !strings.Contains(out, "Healthy") {
			m.t.Errorf("%s says\n%s", command, out)
		}
	case strings.Contains(command, "catalog-shares"):
		if !strings.HasPrefix(out, "CHK ") {
			m.t.Errorf("%s says\n%s", command, out)
		}
	}
}

// run stops the node if it runs, after a look at how the other program is refused meanwhile, and runs it with the program of a maker.
func (m *migration) run(by maker, name string) {
	m.t.Helper()
	p := m.running[name]
	if p == nil {
		p = &peer{dir: m.path(name), t: m.t}
		if strings.HasPrefix(name, "storage") {
			p.port = -1
		}
		m.running[name] = p
	} else {
		second := gridtest.StartProgram(m.t, by.program(m.t), "run", p.dir)
		if code := second.ExitCode(); code == 0 {
			m.t.Errorf("the %s program ran %s, which is running: %s", by, name, second.Output())
		}
		p.Stop()
	}
	p.maker = by
	p.start()
	n := 0
	for dir := range m.running {
		if strings.HasPrefix(dir, "storage") {
			n++
		}
	}
	for dir, c := range m.running {
		if strings.HasPrefix(dir, "client") {
			c.waitConnected(n)
		}
	}
}
