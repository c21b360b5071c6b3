package clients_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tahoe/frontends/doortest"
)

func TestCurlDAV(t *testing.T) {
	doortest.Need(t, "curl")
	w := open(t)
	big := noise(5_000_000)
	up := w.file("up", big)
	for _, tc := range []struct {
		name, url string
		args      []string
	}{
		{"http", "http://" + w.dav, nil},
		{"https", "https://" + w.davs, []string{"--cacert", w.cert}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			do := func(args ...string) string {
				t.Helper()
				out, err := w.run("", "curl", append(append([]string{"-sSf", "--max-time", "60", "-u", user + ":" + password}, tc.args...), args...)...)
				if err != nil {
					t.Fatalf("%q: %v %s", args, err, out)
				}
				return out
			}
			do("-T", up, tc.url+"/a%20b")
			do("-X", "MKCOL", tc.url+"/d")
			do("-X", "MOVE", "-H", "Destination: "+tc.url+"/d/c", tc.url+"/a%20b")
			w.file("part", big[:1_000_000])
			do("-C", "-", "-o", filepath.Join(w.dir, "part"), tc.url+"/d/c")
			if w.read("part") != big {
				t.Error("what was resumed is different")
			}
			if out := do("-X", "PROPFIND", "-H", "Depth: 1", tc.url+"/d"); !strings.Contains(out, ">5000000<") {
				t.Errorf("got %s", out)
			}
			w.has(map[string]string{"d/": "", "d/c": big})
			do("-X", "DELETE", tc.url+"/d")
			out, err := w.run("", "curl", append(tc.args, "-sS", "-o", os.DevNull, "-w", "%{http_code}", "-u", user+":wrong", tc.url+"/")...)
			if err != nil || out != "401" {
				t.Errorf("got %s, %v", out, err)
			}
		})
	}
}

func TestCadaver(t *testing.T) {
	doortest.Need(t, "cadaver")
	w := open(t)
	host, _, _ := net.SplitHostPort(w.dav)
	w.save(filepath.Join(w.dir, ".netrc"), fmt.Appendf(nil, "machine %s login %s password %q\n", host, user, password))
	big := noise(2_000_000)
	w.file("local", big)
	out := w.must("mkcol d\nput local \"d/a b\"\ncopy \"d/a b\" d/copy\nmove d/copy moved\nlock moved\ndiscover moved\nunlock moved\nls d\nget moved back\ndelete moved\nquit\n", "cadaver", "http://"+w.dav+"/")
	if strings.Contains(out, "failed") || w.read("back") != big {
		t.Errorf("got %s", out)
	}
	w.has(map[string]string{"d/": "", "d/a b": big})
}

// TestLitmus runs the test suite of the WebDAV project. Properties of other programs are refused, because there is no place to keep them,
// and so are shared locks; what tests those is expected to fail.
func TestLitmus(t *testing.T) {
	doortest.Need(t, "litmus")
	w := open(t)
	refused := []string{"PROPPATCH on locked resouce", "lock_shared"}
	for _, part := range []string{"basic", "copymove", "locks", "http"} {
		t.Run(part, func(t *testing.T) {
			t.Setenv("TESTS", part)
			out, err := w.run("", "litmus", "-k", "http://"+w.dav+"/", user, password)
			if err != nil || !strings.Contains(out, "40. finish") && part == "locks" {
				t.Errorf("%v: %s", err, out)
			}
			for line := range strings.Lines(out) {
				if strings.Contains(line, "FAIL") && !slices.ContainsFunc(refused, func(s string) bool { return strings.Contains(line, s) }) {
					t.Errorf("%s\n%s", line, out)
				}
			}
		})
	}
}
