package gridmanager_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tahoe/internal/gridmanager"
)

// recorded is a directory that the original's grid-manager has written.
const recorded = gridmanager.Dir("testdata/manager")

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load(t testing.TB, d gridmanager.Dir) *gridmanager.Manager {
	t.Helper()
	m, err := d.Load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheOriginalsManager(t *testing.T) {
	m := load(t, recorded)
	if got, want := m.Key().Public().String(), string(read(t, "testdata/identity.txt")); got != want {
		t.Errorf("got the key %s, want %s", got, want)
	}
	if got, want := string(m.Encode()), string(read(t, "testdata/manager/config.json")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	issued, err := recorded.Issued(m, "alice")
	alice, _ := m.Server("alice")
	if err != nil || len(issued) != 1 || issued[0].Err != nil || issued[0].Server != alice.Key {
		t.Fatalf("got %v, %v", issued, err)
	}
	if end := issued[0].Expires; !issued[0].Valid(alice.Key, end.Add(-1)) || issued[0].Valid(alice.Key, end) || issued[0].Valid(m.Key().Public(), end.Add(-1)) {
		t.Error("the certificate holds when or for whom it should not")
	}
	text := read(t, "testdata/manager/alice.cert.0")
	signed, err := gridmanager.ParseSigned(text)
	if err != nil || string(signed.Indented()) != string(text) {
		t.Errorf("got\n%s\n%v, want\n%s", signed.Indented(), err, text)
	}
	if again := m.Key().Sign(issued[0].Certificate); string(again.Indented()) != string(text) {
		t.Errorf("signed anew it is\n%s\nwant\n%s", again.Indented(), text)
	}
}

func TestSignAndVerify(t *testing.T) {
	key, other, server := gridmanager.NewPrivateKey(), gridmanager.NewPrivateKey(), gridmanager.NewPrivateKey().Public()
	for _, end := range []time.Time{time.Unix(1800000000, 0), time.Unix(1800000000, 1000), time.Unix(1800000000, 123456000)} {
		want := gridmanager.Certificate{Server: server, Expires: end.UTC()}
		b, err := json.Marshal(key.Sign(want))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := gridmanager.ParseSigned(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := signed.Verify(key.Public()); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if _, err := signed.Verify(other.Public()); !errors.Is(err, gridmanager.ErrSignature) {
			t.Errorf("with another key: got %v", err)
		}
	}
}

func TestCheck(t *testing.T) {
	a, b := gridmanager.NewPrivateKey(), gridmanager.NewPrivateKey()
	server, stranger := gridmanager.NewPrivateKey().Public(), gridmanager.NewPrivateKey().Public()
	now := time.Unix(1800000000, 0)
	certificate := func(k gridmanager.PrivateKey, s gridmanager.PublicKey, days int) gridmanager.Signed {
		return k.Sign(gridmanager.Certificate{Server: s, Expires: now.AddDate(0, 0, days)})
	}
	keys := func(k ...gridmanager.PrivateKey) (all []gridmanager.PublicKey) {
		for _, key := range k {
			all = append(all, key.Public())
		}
		return all
	}
	tests := []struct {
		name         string
		managers     []gridmanager.PublicKey
		certificates []gridmanager.Signed
		valid        bool
		errs         int
	}{
		{name: "no managers", valid: true},
		{name: "no managers and a certificate", certificates: []gridmanager.Signed{certificate(a, server, 1)}, valid: true},
		{name: "no certificate", managers: keys(a)},
		{name: "good", managers: keys(a), certificates: []gridmanager.Signed{certificate(a, server, 1)}, valid: true},
		{name: "good for the second manager", managers: keys(b, a), certificates: []gridmanager.Signed{certificate(a, server, 1)}, valid: true},
		{name: "expired", managers: keys(a), certificates: []gridmanager.Signed{certificate(a, server, -1)}},
		{name: "expired and renewed", managers: keys(a), certificates: []gridmanager.Signed{certificate(a, server, -1), certificate(a, server, 1)}, valid: true},
		{name: "of another server", managers: keys(a), certificates: []gridmanager.Signed{certificate(a, stranger, 1)}},
		{name: "of another manager", managers: keys(a), certificates: []gridmanager.Signed{certificate(b, server, 1)}, errs: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, errs := gridmanager.NewCheck(tt.managers, server, tt.certificates)
			if c.Valid(now) != tt.valid || len(errs) != tt.errs {
				t.Errorf("got %v with %v, want %v with %d", c.Valid(now), errs, tt.valid, tt.errs)
			}
			if end, ok := c.Expires(); ok && c.Valid(end) {
				t.Errorf("valid at its end, %v", end)
			}
		})
	}
}

func TestBadCertificates(t *testing.T) {
	good := string(read(t, "testdata/manager/alice.cert.0"))
	for name, text := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "no members": "{}", "a third member": strings.Replace(good, "{", `{"x": 1,`, 1),
		"another name": strings.Replace(good, `"signature"`, `"Signature"`, 1), "a number": strings.Replace(good, `"signature": "`, `"signature": 1, "x": "`, 1),
		"short signature": `{"certificate": "", "signature": "aaaa"}`, "no base32": `{"certificate": "", "signature": "1"}`, "null text": strings.Replace(`{"certificate": null, "signature": "`, "x", "", 1) + `"}`,
		"large": `{"certificate": "` + strings.Repeat("a", gridmanager.MaxCertificate) + `"}`,
	} {
		if _, err := gridmanager.ParseSigned([]byte(text)); !errors.Is(err, gridmanager.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDir(t *testing.T) {
	d := gridmanager.Dir(filepath.Join(t.TempDir(), "a", "manager"))
	m := gridmanager.NewManager()
	if err := d.Create(m); err != nil {
		t.Fatal(err)
	}
	if err := d.Create(m); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second time: got %v", err)
	}
	if info, err := os.Stat(string(d)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("got the mode %v, %v", info.Mode(), err)
	}
	server := gridmanager.Server{Name: "s", Key: gridmanager.NewPrivateKey().Public()}
	if err := errors.Join(m.Add(server), d.Save(m)); err != nil {
		t.Fatal(err)
	}
	m = load(t, d)
	for range 3 {
		signed, err := m.Issue("s", time.Unix(1800000000, 0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Keep("s", signed); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(string(d), "s.cert.1"), read(t, "testdata/manager/alice.cert.0"), 0o600); err != nil {
		t.Fatal(err)
	}
	issued, err := d.Issued(m, "s")
	if err != nil || len(issued) != 3 || issued[0].Err != nil || !errors.Is(issued[1].Err, gridmanager.ErrSignature) || issued[2].Number != 2 {
		t.Errorf("got %v, %v", issued, err)
	}
	if err := errors.Join(d.Drop("s"), m.Remove("s"), d.Save(m)); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(string(d), "*")); len(names) != 1 || len(load(t, d).Servers()) != 0 {
		t.Errorf("left: %v", names)
	}
}

func TestManagerRefuses(t *testing.T) {
	m := load(t, recorded)
	key := m.Key().Public()
	for name, want := range map[string]error{"alice": gridmanager.ErrDuplicate, "": gridmanager.ErrName, "../x": gridmanager.ErrName, ".x": gridmanager.ErrName, `a\b`: gridmanager.ErrName, "a\nb": gridmanager.ErrName} {
		if err := m.Add(gridmanager.Server{Name: name, Key: key}); !errors.Is(err, want) {
			t.Errorf("add %q: got %v, want %v", name, err, want)
		}
	}
	if err := m.Remove("x"); !errors.Is(err, gridmanager.ErrNoServer) {
		t.Errorf("remove: got %v", err)
	}
	if _, err := m.Issue("x", time.Time{}); !errors.Is(err, gridmanager.ErrNoServer) {
		t.Errorf("issue: got %v", err)
	}
	good := string(m.Encode())
	for name, text := range map[string]string{
		"empty": "", "a list": "[]", "no version": strings.Replace(good, "grid_manager_config_version", "x", 1), "another version": strings.Replace(good, ": 0", ": 1", 1),
		"no key": strings.Replace(good, "private_key", "x", 1), "a bad key": strings.Replace(good, "priv-v0-", "priv-v0-x", 1), "servers are a list": strings.Replace(good, `"storage_servers": {`, `"storage_servers": [], "x": {`, 1),
		"a server without a key": strings.Replace(good, `"public_key"`, `"x"`, 1), "a server with a bad key": strings.Replace(good, "pub-v0-", "pub-v0-x", 1), "a bad name": strings.Replace(good, `"alice"`, `"../alice"`, 1),
	} {
		_, err := gridmanager.ParseManager([]byte(text))
		if !errors.Is(err, gridmanager.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), strings.TrimPrefix(m.Key().Encode(), "priv-v0-")) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}

func TestKeys(t *testing.T) {
	k := gridmanager.NewPrivateKey()
	if again, err := gridmanager.ParsePrivateKey(k.Encode()); err != nil || again != k {
		t.Errorf("got %v, %v", again, err)
	}
	if again, err := gridmanager.ParsePublicKey(k.Public().String()); err != nil || again != k.Public() {
		t.Errorf("got %v, %v", again, err)
	}
	if short, err := gridmanager.ParsePublicKey(strings.TrimPrefix(k.Public().String(), "pub-")); err != nil || short != k.Public() {
		t.Errorf("of an announcement: got %v, %v", short, err)
	}
	for _, text := range []string{"", "v0-", k.Encode(), k.Public().String() + "a", " " + k.Public().String()} {
		if _, err := gridmanager.ParsePublicKey(text); !errors.Is(err, gridmanager.ErrKey) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	secret := strings.TrimPrefix(k.Encode(), "priv-v0-")
	type nested struct{ key gridmanager.PrivateKey }
	j, _ := json.Marshal(k)
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %x %s", k, k, k, k), fmt.Sprintf("%+v %#v", nested{k}, &nested{k}), fmt.Sprint(gridmanager.PrivateKey{}), string(j)} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("the key is in %q", text)
		}
	}
}

// FuzzParseSigned: what is read is written as it was, or at least reads again as the same.
func FuzzParseSigned(f *testing.F) {
	f.Add(read(f, "testdata/manager/alice.cert.0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := gridmanager.ParseSigned(b)
		if err != nil {
			return
		}
		if again, err := gridmanager.ParseSigned(s.Indented()); err != nil || again != s {
			t.Errorf("%q: got %v", b, err)
		}
		_, _ = s.Verify(gridmanager.PublicKey{})
	})
}

// FuzzParseManager: a manager that is read is written so that it reads as the same.
func FuzzParseManager(f *testing.F) {
	f.Add(read(f, "testdata/manager/config.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := gridmanager.ParseManager(b)
		if err != nil {
			return
		}
		again, err := gridmanager.ParseManager(m.Encode())
		if err != nil || string(again.Encode()) != string(m.Encode()) {
			t.Errorf("%q: got %v", b, err)
		}
	})
}
