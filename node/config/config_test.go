package config_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tahoe/node/config"
)

type reading map[string]map[string]string

// read is what a File makes of a text; nil when it is refused.
func read(text string) reading {
	f, err := config.Parse("tahoe.cfg", []byte(text))
	if err != nil {
		return nil
	}
	all := reading{}
	for _, s := range f.Sections() {
		all[s] = map[string]string{}
		for _, k := range f.Keys(s) {
			v, ok, err := f.Get(s, k)
			if err != nil || !ok {
				return nil
			}
			all[s][k] = v
		}
	}
	return all
}

func load(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadsWhatPythonRead(t *testing.T) {
	var texts []string
	var want []reading
	load(t, "texts.json", &texts)
	load(t, "readings.json", &want)
	if len(texts) != len(want) {
		t.Fatalf("%d texts and %d readings; run record.py", len(texts), len(want))
	}
	for i, text := range texts {
		if d := cmp.Diff(want[i], read(text)); d != "" {
			t.Errorf("%q (-python +ours):\n%s", text, d)
		}
	}
}

// TestReadsWhatPythonReads puts random texts to the Python of this machine.
func TestReadsWhatPythonReads(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here; the recorded readings are checked by TestReadsWhatPythonRead")
	}
	pieces := []string{"[node]", "[client]", "[DEFAULT]", "\n", "\n", "\n", "\n  ", "\n\t", " ", "a", "B", "b", "=", " = ", ":", "%", "%%", "%(a)s", "%(b)s",
		"#", ";", "]", "\r\n", "\u00a0", "\u001d", "value", "ü"}
	const seed = 20
	rng := rand.New(rand.NewPCG(seed, seed))
	texts := make([]string, 4000)
	for i := range texts {
		var b strings.Builder
		b.WriteString("[node]\n")
		for range rng.IntN(24) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		texts[i] = b.String()
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmdline := exec.CommandContext(t.Context(), python, "testdata/record.py")
	cmdline.Stdin = bytes.NewReader(in)
	out, err := cmdline.Output()
	if err != nil {
		t.Skipf("python3 does not run: %v", err)
	}
	var want []reading
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for i, text := range texts {
		if want[i] != nil {
			accepted++
		}
		if d := cmp.Diff(want[i], read(text)); d != "" {
			t.Errorf("%q (-python +ours):\n%s", text, d)
		}
	}
	if accepted < 200 {
		t.Errorf("python accepted %d texts, want at least 200 for a test that says something", accepted)
	}
}

func TestSetRewritesOneLine(t *testing.T) {
	tests := []struct{ name, text, section, key, value, want string }{
		{"replace", "[node]\n# c\nweb.port = 1\nb = 2\n", "node", "web.port", "9", "[node]\n# c\nweb.port = 9\nb = 2\n"},
		{"spelling is kept", "[node]\n Web.Port:1\nb = 2\n", "node", "web.port", "9", "[node]\n Web.Port:9\nb = 2\n"},
		{"last one wins", "[node]\na = 1\na = 2\n", "node", "a", "9", "[node]\na = 1\na = 9\n"},
		{"continuation goes", "[node]\na = 1\n  2\n\nb = 3\n", "node", "a", "9", "[node]\na = 9\n\nb = 3\n"},
		{"new key", "[node]\na = 1\n\n# about the client\n[client]\nb = 2\n", "node", "c", "9", "[node]\na = 1\nc = 9\n\n# about the client\n[client]\nb = 2\n"},
		{"new key, no line end", "[node]\na = 1", "node", "c", "9", "[node]\na = 1\nc = 9\n"},
		{"new section", "[node]\na = 1\n", "client", "b", "9", "[node]\na = 1\n\n[client]\nb = 9\n"},
		{"empty file", "", "client", "b", "9", "[client]\nb = 9\n"},
		{"percent", "[node]\na = 1\n", "node", "a", "9%", "[node]\na = 9%%\n"},
		{"two lines", "[node]\na = 1\n", "node", "a", "9\n8", "[node]\na = 9\n\t8\n"},
		{"windows", "[node]\r\na = 1\r\nb = 2\r\n", "node", "a", "9", "[node]\r\na = 9\r\nb = 2\r\n"},
		{"byte order mark", "\ufeff[node]\na = 1\n", "node", "a", "9", "\ufeff[node]\na = 9\n"},
		{"was empty", "[node]\na =\nb = 1\n", "node", "a", "9", "[node]\na = 9\nb = 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := config.Parse("tahoe.cfg", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Set(tt.section, tt.key, tt.value); err != nil {
				t.Fatal(err)
			}
			if got := string(f.Bytes()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got, ok, err := f.Get(tt.section, tt.key); got != tt.value || !ok || err != nil {
				t.Errorf("reads %q, %v, %v; want %q", got, ok, err, tt.value)
			}
		})
	}
}

func TestSetRefusesWhatWouldNotBeReadBack(t *testing.T) {
	const text = "[node]\na = 1\n"
	for _, c := range []struct{ section, key, value string }{
		{"node", "a", " 9"}, {"node", "a", "9\n"}, {"node", "a", "9\n# 8"}, {"node", "b=c", "9"}, {"node", "#b", "9"},
		{"no\nde", "b", "9"}, {"node", "", "9"}, {"node", "a", "\xff"},
	} {
		f, err := config.Parse("tahoe.cfg", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Set(c.section, c.key, c.value); err == nil {
			t.Errorf("Set(%q, %q, %q) wrote %q, want an error", c.section, c.key, c.value, f.Bytes())
		}
		if got := string(f.Bytes()); got != text {
			t.Errorf("after a refusal the file is %q", got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "[node]\na = 1\n  2\nb: %(a)s\n", "[DEFAULT]\nx=%%\n[a]\n", "\ufeff[a]\r\nb=c"} {
		f.Add([]byte(s), "value")
	}
	f.Fuzz(func(t *testing.T, b []byte, value string) {
		c, err := config.Parse("tahoe.cfg", b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Bytes(), b) {
			t.Fatalf("Bytes gives %q for %q", c.Bytes(), b)
		}
		for _, s := range c.Sections() {
			for _, k := range c.Keys(s) {
				_, _, _ = c.Get(s, k)
			}
		}
		if err := c.Set("node", "fuzz.key", value); err != nil {
			if !bytes.Equal(c.Bytes(), b) {
				t.Fatalf("a refused Set changed %q into %q", b, c.Bytes())
			}
			return
		}
		again, err := config.Parse("tahoe.cfg", c.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok, err := again.Get("node", "fuzz.key"); got != value || !ok || err != nil {
			t.Fatalf("reads %q, %v, %v; want %q", got, ok, err, value)
		}
	})
}
