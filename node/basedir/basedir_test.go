package basedir_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/internal/base32"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

// tubID is that of the certificate in testdata, which openssl made: the SHA-1 that it prints, in base32.
const tubID = "p4tfr7dqamfrdqhz7qhmxwanv55vjo4e"

// otherProcess is set for the other process of TestLock.
const otherProcess = "TAHOE_TEST_OTHER_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(otherProcess) != "" {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is closed
		return
	}
	os.Exit(m.Run())
}

// foreign makes a directory with the files of the original, and returns it.
func foreign(t *testing.T, pem string) basedir.Dir {
	t.Helper()
	dir := basedir.Dir(t.TempDir())
	cert, err := os.ReadFile(filepath.Join("testdata", pem))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") // RFC 8032, 7.1, test 1
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir.Private(""), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"tahoe-client.tac":     "\nimport sys\n",
		"tahoe.cfg":            "[node]\nnickname = old\n",
		"private/node.pem":     string(cert),
		"private/node.privkey": "priv-v0-" + base32.Encode(seed) + "\n",
		"private/secret":       strings.Repeat("a", 52) + "\n",
		"private/convergence":  "",
		"private/storage.furl": "pb://" + tubID + "@tcp:10.0.0.1:1,tcp:10.0.0.2:1/swissnumswissnum\n",
		"permutation-seed":     "mfrgg\n",
	} {
		if err := os.WriteFile(dir.Path(filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestForeignDirectory(t *testing.T) {
	for _, pem := range []string{"node-pkcs8.pem", "node-pkcs1.pem"} {
		t.Run(pem, func(t *testing.T) {
			d, kind, err := basedir.Open(string(foreign(t, pem)))
			if err != nil || kind != basedir.Client {
				t.Fatalf("Open: %v, %v", kind, err)
			}
			id, err := d.Identity(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got := base32.Encode(id.TubID[:]); got != tubID {
				t.Errorf("Tub %s, want %s", got, tubID)
			}
			if got := read(t, d.Path("my_nodeid")); got != tubID+"\n" {
				t.Errorf("my_nodeid holds %q", got)
			}
			checkNodeKey(t, d, id)
			checkSecrets(t, d, id)
			checkAddress(t, d, id)
		})
	}
}

func checkNodeKey(t *testing.T, d basedir.Dir, id basedir.Identity) {
	t.Helper()
	const public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" // of the same test of RFC 8032
	b, err := base32.Decode(strings.TrimPrefix(id.ServerID(), "v0-"))
	if err != nil || hex.EncodeToString(b) != public {
		t.Errorf("server %s is not the key %s", id.ServerID(), public)
	}
	if got, want := read(t, d.Path("node.pubkey")), "pub-"+id.ServerID()+"\n"; got != want {
		t.Errorf("node.pubkey holds %q, want %q", got, want)
	}
	if !ed25519.Verify(b, []byte("m"), id.Sign([]byte("m"))) {
		t.Error("the signature does not verify")
	}
}

func checkSecrets(t *testing.T, d basedir.Dir, id basedir.Identity) {
	t.Helper()
	if s, err := d.LeaseSecret(); err != nil || len(s) != 32 {
		t.Errorf("lease secret of %d bytes, %v", len(s), err)
	}
	if s, err := d.Convergence(); err != nil || len(s) != 0 {
		t.Errorf("convergence secret of %d bytes, %v; want the empty one", len(s), err)
	}
	if seed, err := d.PermutationSeed(id, d.Path("storage")); seed != "mfrgg" || err != nil {
		t.Errorf("seed %q, %v", seed, err)
	}
}

func checkAddress(t *testing.T, d basedir.Dir, id basedir.Identity) {
	t.Helper()
	s, err := d.StorageAddress(id, []config.Hint{{Kind: "tcp", Host: "example.org", Port: 7}, {Kind: "i2p", Host: "x.i2p", Port: 8}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "pb://" + tubID + "@tcp:example.org:7,i2p:x.i2p:8/swissnumswissnum"; s.FURL != want {
		t.Errorf("FURL %q, want %q", s.FURL, want)
	}
	if len(s.NURLs) != 1 || !strings.HasSuffix(s.NURLs[0].Encode(), "@example.org:7/swissnumswissnum#v=1") {
		t.Errorf("NURLs %v", s.NURLs)
	}
	if got := read(t, d.Private("storage.furl")); got != s.FURL+"\n" {
		t.Errorf("storage.furl holds %q", got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// newNode makes a node directory with a certificate of testdata, since a new one takes its time.
func newNode(t *testing.T) basedir.Dir {
	t.Helper()
	d, err := basedir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile("testdata/node-pkcs8.pem")
	if err == nil {
		err = errors.Join(os.WriteFile(d.Private("node.pem"), pem, 0o600), d.Mark(basedir.Client))
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNewIdentityStays(t *testing.T) {
	d, err := basedir.Create(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.Identity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Identity(time.Now().AddDate(1, 0, 0))
	if err != nil || again.TubID != first.TubID || again.ServerID() != first.ServerID() {
		t.Errorf("another identity: %v, %v, %v", first, again, err)
	}
	pem := read(t, d.Private("node.pem"))
	if !strings.HasPrefix(pem, "-----BEGIN CERTIFICATE-----\n") || !strings.Contains(pem, "-----BEGIN PRIVATE KEY-----\n") {
		t.Error("node.pem is not a certificate and then a key")
	}
	if c := first.Cert.Leaf; c.Subject.CommonName != "newpb_thingy" || c.NotAfter.Before(time.Now().AddDate(50, 0, 0)) {
		t.Errorf("certificate of %v until %v", c.Subject, c.NotAfter)
	}
}

func TestNewSecretsStay(t *testing.T) {
	d := newNode(t)
	id, err := d.Identity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() ([]byte, error){"lease": d.LeaseSecret, "convergence": d.Convergence} {
		a, err := f()
		b, err2 := f()
		if err != nil || err2 != nil || len(a) != 32 || string(a) != string(b) {
			t.Errorf("%s: %d bytes, %v, %v", name, len(a), err, err2)
		}
	}
	a, err := d.StorageAddress(id, nil)
	b, err2 := d.StorageAddress(id, []config.Hint{{Kind: "tcp", Host: "h", Port: 1}})
	if err != nil || err2 != nil || a.Swiss != b.Swiss || len(a.Swiss.Reveal()) != 32 {
		t.Errorf("swissnum of %d characters, the same: %v, %v, %v", len(a.Swiss.Reveal()), a.Swiss == b.Swiss, err, err2)
	}
	one, err := d.NewAuthToken()
	two, err2 := d.NewAuthToken()
	if err != nil || err2 != nil || one == two || len(one) != 44 || read(t, d.Private("api_auth_token")) != two+"\n" {
		t.Errorf("tokens: %v, %v", err, err2)
	}
}

// TestPermutationSeed: the letters of the public key, or the Tub id for a server that has shares already.
func TestPermutationSeed(t *testing.T) {
	d := newNode(t)
	id, err := d.Identity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := base32.Encode([]byte(strings.TrimPrefix(id.ServerID(), "v0-")))
	if got, err := d.PermutationSeed(id, d.Path("storage")); got != want || err != nil || read(t, d.Path("permutation-seed")) != want+"\n" {
		t.Errorf("new server: %q, %v, want %q", got, err, want)
	}
	old := newNode(t)
	if id, err = old.Identity(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(old.Path("storage", "shares", "aa"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := old.PermutationSeed(id, old.Path("storage")); got != base32.Encode(id.TubID[:]) || err != nil {
		t.Errorf("old server: %q, %v", got, err)
	}
}

func TestIdentityPrintsNoKey(t *testing.T) {
	d := newNode(t)
	id, err := d.Identity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	address, err := d.StorageAddress(id, []config.Hint{{Kind: "tcp", Host: "h", Port: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, id); got != "node "+id.ServerID() {
			t.Errorf("%s of an identity: %q", verb, got)
		}
		if got := fmt.Sprintf(verb, address); strings.Contains(got, address.Swiss.Reveal()) {
			t.Errorf("%s of an address holds the swissnum", verb)
		}
	}
}

func TestWrongFilesAreRefused(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"key", "private/node.privkey", "priv-v0-aaaa\n", "does not hold a key"},
		{"key without prefix", "private/node.privkey", strings.Repeat("a", 52), "does not hold a key"},
		{"no certificate", "private/node.pem", "secret", "one of them is missing"},
		{"huge", "private/node.pem", strings.Repeat("a", 2<<20), "larger than 1 MiB"},
		{"secret", "private/secret", "", "does not hold a secret in base32"},
		{"convergence", "private/convergence", "secret!", "does not hold a secret in base32"},
		{"furl", "private/storage.furl", "secret", "does not hold a FURL"},
		{"other furl", "private/storage.furl", "pb://" + strings.Repeat("a", 32) + "@tcp:h:1/secret", "belongs to another private/node.pem"},
		{"seed", "permutation-seed", "?", "does not hold base32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := foreign(t, "node-pkcs8.pem")
			if err := os.WriteFile(d.Path(filepath.FromSlash(tt.file)), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := useAll(d)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret!") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func useAll(d basedir.Dir) error {
	id, err := d.Identity(time.Now())
	if err != nil {
		return err
	}
	_, err1 := d.LeaseSecret()
	_, err2 := d.Convergence()
	_, err3 := d.StorageAddress(id, nil)
	_, err4 := d.PermutationSeed(id, d.Path("storage"))
	return errors.Join(err1, err2, err3, err4)
}

func TestCreateRefusesWhatIsNotEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := basedir.Create(dir)
	if _, ok := errors.AsType[*basedir.NotEmptyError](err); !ok {
		t.Errorf("got %v, want a NotEmptyError", err)
	}
}

// TestLock: one at a time; what a dead process left is replaced, a living process of the original keeps us out.
func TestLock(t *testing.T) {
	d := newNode(t)
	l, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(read(t, d.Path("running.process")))
	if len(words) != 2 || words[0] != strconv.Itoa(os.Getpid()) {
		t.Errorf("running.process holds %q", words)
	}
	if _, err := d.Lock(); !isRunning(err, os.Getpid()) {
		t.Errorf("second lock: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), otherProcess+"=1")
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	note := fmt.Sprintf("%d %d.25\n", other.Process.Pid, time.Now().Unix())
	if err := os.WriteFile(d.Path("running.process"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock(); !isRunning(err, other.Process.Pid) {
		t.Errorf("with a living process: %v", err)
	}
	_ = stdin.Close()
	_ = other.Wait()
	l, err = d.Lock()
	if err != nil {
		t.Fatalf("with a dead process: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockAfterAZombie: a process that was killed, and whose parent has not noticed, does not run.
func TestLockAfterAZombie(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a zombie from a living process")
	}
	d := newNode(t)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), otherProcess+"=1")
	out, err := other.StdoutPipe()
	if err == nil {
		_, err = other.StdinPipe()
	}
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Wait() }()
	note := fmt.Sprintf("%d %d.25\n", other.Process.Pid, time.Now().Unix())
	if err := os.WriteFile(d.Path("running.process"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = other.Process.Kill()
	_, _ = io.ReadAll(out) // until the process has ended
	var l *basedir.Lock
	for range 100 { // its files are closed shortly before it is a zombie
		if l, err = d.Lock(); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOverNonsense(t *testing.T) {
	for _, note := range []string{"", "x", "0 0", "-1 5", "1 2 3", strings.Repeat("9", 40) + " 1"} {
		d := newNode(t)
		if err := os.WriteFile(d.Path("running.process"), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := d.Lock()
		if err != nil {
			t.Errorf("%q: %v", note, err)
			continue
		}
		_ = l.Close()
	}
}

func isRunning(err error, pid int) bool {
	r, ok := errors.AsType[*basedir.RunningError](err)
	return ok && r.PID == pid
}

func TestServersYAML(t *testing.T) {
	d := newNode(t)
	id, err := d.Identity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s, warning, err := d.StaticServers(); len(s) != 0 || warning != nil || err != nil {
		t.Errorf("without the file: %v, %v, %v", s, warning, err)
	}
	address, err := d.StorageAddress(id, []config.Hint{{Kind: "tcp", Host: "10.0.0.1", Port: 1}, {Kind: "tcp", Host: "10.0.0.2", Port: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteStaticServers([]basedir.Static{{ID: id.ServerID(), Nickname: "a: b", Seed: "mfrgg", Address: address}}); err != nil {
		t.Fatal(err)
	}
	servers, warning, err := d.StaticServers()
	if err != nil || warning != nil || len(servers) != 1 {
		t.Fatalf("%v, %v, %v", servers, warning, err)
	}
	s := servers[0]
	tub, err := s.TubID()
	if err != nil || tub != id.TubID || string(s.ID) != id.ServerID() || s.Nickname != "a: b" || string(s.Seed) != "abc" || len(s.NURLs) != 2 || s.FURL != address.FURL {
		t.Errorf("got %+v, %v", s, err)
	}
	bad := "storage:\n  one:\n    ann: {nickname: x}\n  two: 3\n"
	if err := os.WriteFile(d.Private("servers.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if servers, warning, err := d.StaticServers(); len(servers) != 0 || err != nil || warning == nil || !strings.Contains(warning.Error(), "one") {
		t.Errorf("bad entries: %v, %v, %v", servers, warning, err)
	}
}

func TestIntroducersYAML(t *testing.T) {
	d := newNode(t)
	furl := "pb://" + tubID + "@tcp:h:1/introducer"
	if err := d.WriteIntroducer("default", furl); err != nil {
		t.Fatal(err)
	}
	if all, err := d.Introducers(); err != nil || len(all) != 1 || all["default"] != furl {
		t.Errorf("got %v, %v", all, err)
	}
	if err := os.WriteFile(d.Private("introducers.yaml"), []byte("introducers: {a: {furl: secret}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Introducers(); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("got %v", err)
	}
}

func FuzzSplitFURL(f *testing.F) {
	f.Add("pb://" + tubID + "@tcp:h:1/secret")
	f.Add("pb://@/")
	f.Fuzz(func(t *testing.T, furl string) {
		tub, secret, ok := basedir.SplitFURL(furl)
		if ok && (secret == "" || !strings.HasSuffix(furl, "/"+secret) || !strings.Contains(strings.ToLower(furl), "pb://"+base32.Encode(tub[:])+"@")) {
			t.Errorf("%q splits into %x and %q", furl, tub, secret)
		}
	})
}
