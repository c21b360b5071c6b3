package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tahoe/frontends/web/wapi"
)

const testURI = "URI:CHK:aaaasecretaaaa:bbbb:3:10:99"

// A fakeNode keeps the last file that was put and gives back what it is told to.
type fakeNode struct {
	t      *testing.T
	put    []byte
	length int64
	give   http.HandlerFunc
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		n.put, _ = io.ReadAll(r.Body)
		n.length = r.ContentLength
		_, _ = io.WriteString(w, testURI)
		return
	}
	if want := "/uri/" + testURI; r.Method == http.MethodGet && r.URL.Path != want {
		n.t.Errorf("asked for %s, want %s", r.URL.Path, want)
	}
	n.give(w, r)
}

func giveText(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func giveError(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain;charset=utf-8")
		w.Header().Set(wapi.KindHeader, kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "what went wrong\n")
	}
}

func giveHalf(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100000")
	_, _ = w.Write(make([]byte, 50000))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// A desk is a place to run commands at.
type desk struct {
	*Env
	node     *fakeNode
	out, err bytes.Buffer
	url      string
}

func newDesk(t *testing.T, stdin string) *desk {
	t.Helper()
	d := &desk{node: &fakeNode{t: t, give: giveText("hello")}}
	s := httptest.NewServer(d.node)
	t.Cleanup(s.Close)
	d.url = s.URL
	d.Env = &Env{Stdin: strings.NewReader(stdin), Stdout: &d.out, Stderr: &d.err, Getenv: func(string) string { return "" }, Dir: t.TempDir()}
	d.nodeDir = d.Dir
	d.write(t, "node.url", s.URL+"/\n")
	return d
}

func (d *desk) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (d *desk) verb(t *testing.T, cmd *cobra.Command, args ...string) error {
	t.Helper()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&d.err)
	return cmd.ExecuteContext(t.Context())
}

func TestPut(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		stdin  string
		put    string
		length int64
		out    string
		err    string
	}{
		{name: "file", args: []string{"f"}, put: "from a file", length: 11, out: testURI + "\n", err: "200 OK\n"},
		{name: "stdin", stdin: "from a pipe", put: "from a pipe", length: -1, out: testURI + "\n", err: "200 OK\n"},
		{name: "stdin by its name", args: []string{"-"}, stdin: "x", put: "x", length: -1, out: testURI + "\n", err: "200 OK\n"},
		{name: "json", args: []string{"--json", "f"}, put: "from a file", length: 11, out: `{"uri":"` + testURI + `","size":11}` + "\n"},
		{name: "format", args: []string{"--format", "chk", "f"}, put: "from a file", length: 11, out: testURI + "\n", err: "200 OK\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.stdin)
			d.write(t, "f", "from a file")
			if err := d.verb(t, putCommand(d.Env), tt.args...); err != nil {
				t.Fatal(err)
			}
			if string(d.node.put) != tt.put || d.node.length != tt.length {
				t.Errorf("stored %q of %d, want %q of %d", d.node.put, d.node.length, tt.put, tt.length)
			}
			if d.out.String() != tt.out || d.err.String() != tt.err {
				t.Errorf("printed %q and %q, want %q and %q", &d.out, &d.err, tt.out, tt.err)
			}
		})
	}
}

// Standard input that comes from a file has a size: what is left of the file.
// TestPutOfAFileThatHidesItsSize: files of /proc say that they are empty.
func TestPutOfAFileThatHidesItsSize(t *testing.T) {
	want, err := os.ReadFile("/proc/version")
	if err != nil || len(want) == 0 {
		t.Skip("there is no /proc here")
	}
	d := newDesk(t, "")
	if err := d.verb(t, putCommand(d.Env), "/proc/version"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.node.put, want) {
		t.Errorf("stored %q, want %q", d.node.put, want)
	}
}

func TestPutRedirected(t *testing.T) {
	d := newDesk(t, "")
	d.write(t, "f", "from a file")
	file, err := os.Open(filepath.Join(d.Dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	d.Stdin = file
	if err := d.verb(t, putCommand(d.Env)); err != nil || string(d.node.put) != "a file" || d.node.length != 6 {
		t.Errorf("got %v with %q of %d", err, d.node.put, d.node.length)
	}
}

func TestTransferFailures(t *testing.T) {
	tests := []struct {
		name string
		verb func(*Env) *cobra.Command
		args []string
		give http.HandlerFunc
		code int
		has  string
	}{
		{name: "put of nothing that is there", verb: putCommand, args: []string{"none"}, code: codeFailure, has: "none"},
		{name: "put of a directory", verb: putCommand, args: []string{"."}, code: codeFailure, has: "is a directory"},
		{name: "put into no alias", verb: putCommand, args: []string{"f", "tahoe:x"}, code: codeFailure, has: "Unknown alias 'tahoe'"},
		{name: "put of two kinds", verb: putCommand, args: []string{"--mutable", "--format=chk", "f"}, code: codeUsage, has: "contradict"},
		{name: "put of a strange format", verb: putCommand, args: []string{"--format=zip", "f"}, code: codeUsage, has: "zip"},
		{name: "put of no name", verb: putCommand, args: []string{""}, code: codeUsage, has: "the name of the local file is empty"},
		{name: "bad node url", verb: putCommand, args: []string{"-u", "nowhere", "f"}, code: codeUsage, has: "http://HOST:PORT/"},
		{name: "node away", verb: putCommand, args: []string{"-u", "http://127.0.0.1:1", "f"}, code: codeUnreachable, has: "127.0.0.1:1"},
		{name: "get of nothing", verb: getCommand, code: codeUsage, has: "needs the file's capability"},
		{name: "get of much", verb: getCommand, args: []string{testURI, "a", "b"}, code: codeUsage, has: "get takes"},
		{name: "get by no alias", verb: getCommand, args: []string{"x"}, code: codeFailure, has: "the default 'tahoe' alias doesn't exist"},
		{name: "get as JSON to stdout", verb: getCommand, args: []string{"--json", testURI}, code: codeUsage, has: "local file"},
		{name: "get to a directory", verb: getCommand, args: []string{testURI, "."}, code: codeFailure, has: "is a directory"},
		{name: "get to nowhere", verb: getCommand, args: []string{testURI, "none/x"}, code: codeFailure, has: filepath.Join("none", "x") + ": "},
		{name: "get to no name", verb: getCommand, args: []string{testURI, ""}, code: codeUsage, has: "the name of the local file is empty"},
		{name: "get to no name with --cap-file", verb: getCommand, args: []string{"--cap-file=f", ""}, code: codeUsage, has: "the name of the local file is empty"},
		{name: "no capability file", verb: getCommand, args: []string{"--cap-file", "none"}, code: codeFailure, has: "none"},
		{name: "empty capability file", verb: getCommand, args: []string{"--cap-file", "-"}, code: codeFailure, has: "no capability"},
		{name: "lost", verb: getCommand, args: []string{testURI, "x"}, give: giveError(410, wapi.KindNotEnoughShares), code: codeNoShares, has: "what went wrong"},
		{name: "lost, says the original", verb: getCommand, args: []string{testURI, "x"}, give: giveError(410, ""), code: codeNoShares, has: "what went wrong"},
		{name: "too few servers", verb: getCommand, args: []string{testURI, "x"}, give: giveError(500, wapi.KindNotEnoughServers), code: codeNoServers, has: "what went wrong"},
		{name: "other failure", verb: getCommand, args: []string{testURI}, give: giveError(500, ""), code: codeFailure, has: "what went wrong"},
		{name: "cut to a file", verb: getCommand, args: []string{testURI, "x"}, give: giveHalf, code: codeFailure, has: "50000 bytes of 100000"},
		{name: "cut to stdout", verb: getCommand, args: []string{testURI}, give: giveHalf, code: codeFailure, has: "cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, "")
			d.write(t, "f", "from a file")
			if tt.give != nil {
				d.node.give = tt.give
			}
			err := d.verb(t, tt.verb(d.Env), tt.args...)
			if err == nil || exitCode(err) != tt.code || !strings.Contains(err.Error(), tt.has) {
				t.Errorf("got code %d for %v, want %d with %q", exitCode(err), err, tt.code, tt.has)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the capability is in the error: %v", err)
			}
			left, _ := filepath.Glob(filepath.Join(d.Dir, "*"))
			hidden, _ := filepath.Glob(filepath.Join(d.Dir, ".*"))
			if len(left) != 2 || len(hidden) != 0 {
				t.Errorf("left behind: %v %v", left, hidden)
			}
		})
	}
}

func TestNoNodeURL(t *testing.T) {
	d := newDesk(t, "x")
	if err := os.Remove(filepath.Join(d.Dir, "node.url")); err != nil {
		t.Fatal(err)
	}
	if err := d.verb(t, putCommand(d.Env)); err == nil || !strings.Contains(err.Error(), "tahoe run") {
		t.Errorf("got %v", err)
	}
	if err := d.verb(t, putCommand(d.Env), "--node-url", d.url); err != nil {
		t.Errorf("with --node-url: %v", err)
	}
}

func TestGet(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		stdin string
		out   string
		err   string
		file  string // that has the bytes, or empty
	}{
		{name: "to stdout", args: []string{testURI}, out: "hello"},
		{name: "to stdout by its name", args: []string{testURI, "-"}, out: "hello"},
		{name: "to a new file", args: []string{testURI, "new"}, err: "5 bytes retrieved and written to new\n", file: "new"},
		{name: "over an old file", args: []string{testURI, "old"}, err: "5 bytes retrieved and written to old\n", file: "old"},
		{name: "through a link", args: []string{testURI, "link"}, err: "5 bytes retrieved and written to link\n", file: "old"},
		{name: "capability in a file", args: []string{"--cap-file", "cap", "new"}, err: "5 bytes retrieved and written to new\n", file: "new"},
		{name: "capability on stdin", args: []string{"--cap-file=-"}, stdin: " " + testURI + "\r\n", out: "hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.stdin)
			d.write(t, "old", "what was there")
			d.write(t, "cap", testURI+"\n")
			if err := os.Symlink("old", filepath.Join(d.Dir, "link")); err != nil {
				t.Skip("no links here")
			}
			if err := d.verb(t, getCommand(d.Env), tt.args...); err != nil {
				t.Fatal(err)
			}
			if d.out.String() != tt.out || d.err.String() != tt.err {
				t.Errorf("printed %q and %q, want %q and %q", &d.out, &d.err, tt.out, tt.err)
			}
			if tt.file != "" && d.read(t, tt.file) != "hello" {
				t.Errorf("file: got %q", d.read(t, tt.file))
			}
			if info, err := os.Lstat(filepath.Join(d.Dir, "link")); err != nil || info.Mode().IsRegular() {
				t.Errorf("the link was replaced: %v %v", info, err)
			}
			if info, err := os.Stat(filepath.Join(d.Dir, "old")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the mode of the old file: got %v %v", info.Mode(), err)
			}
		})
	}
}

func TestGetOfADirectory(t *testing.T) {
	d := newDesk(t, "")
	d.node.give = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"/", http.StatusFound) }
	if err := d.verb(t, getCommand(d.Env), testURI, "out"); err == nil || !strings.Contains(err.Error(), "this is a directory: `tahoe ls`") {
		t.Errorf("got %v", err)
	}
}

func TestGetJSON(t *testing.T) {
	d := newDesk(t, "")
	if err := d.verb(t, getCommand(d.Env), "--json", testURI, "new"); err != nil {
		t.Fatal(err)
	}
	var got getResult
	if err := json.Unmarshal(d.out.Bytes(), &got); err != nil || got.Size != 5 || got.File != filepath.Join(d.Dir, "new") || d.err.Len() != 0 {
		t.Errorf("got %s and %q, %v", &d.out, &d.err, err)
	}
}

// An old file is untouched when what should replace it does not come whole, and an interrupted command leaves nothing.
func TestGetIsWholeOrNothing(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		t.Run(fmt.Sprint("interrupted ", interrupted), func(t *testing.T) {
			d := newDesk(t, "")
			d.write(t, "old", "what was there")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d.node.give = giveHalf
			if interrupted {
				d.node.give = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "100000")
					_, _ = w.Write(make([]byte, 50000))
					_ = http.NewResponseController(w).Flush()
					cancel()
					<-r.Context().Done()
				}
			}
			err := transfer(ctx, func(ctx context.Context) error { return getFrom(ctx, d, testURI, "old") })
			if err == nil || interrupted && exitCode(err) != codeInterrupted || !interrupted && !errors.Is(err, wapi.ErrTruncated) {
				t.Errorf("got %v", err)
			}
			if got := d.read(t, "old"); got != "what was there" {
				t.Errorf("old file: got %q", got)
			}
			if names, _ := filepath.Glob(filepath.Join(d.Dir, ".*")); len(names) != 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func getFrom(ctx context.Context, d *desk, args ...string) error {
	var f getFlags
	r, err := f.open(d.Env)
	if err != nil {
		return err
	}
	defer r.Close()
	return get(ctx, d.Env, f, r, args)
}

func TestProgressLine(t *testing.T) {
	tests := []struct {
		name                string
		done, total, recent int64
		span                time.Duration
		want                string
	}{
		{"begin", 0, 1e9, 0, 0, "0 B of 1.0 GB  0%"},
		{"half", 5e8, 1e9, 1e8, 2 * time.Second, "500 MB of 1.0 GB  50%  50.0 MB/s  11s left"},
		{"slow", 1000, 1e12, 100, time.Second, "1.0 kB of 1.0 TB  0%  100 B/s  more than 10 days left"},
		{"end", 1e9, 1e9, 1e8, time.Second, "1.0 GB of 1.0 GB  100%"},
		{"unknown size", 5e6, -1, 1e6, time.Second, "5.0 MB  1.0 MB/s"},
		{"nothing", 0, 0, 0, 0, "0 B of 0 B"},
		{"more than was said", 20, 10, 10, time.Second, "20 B of 10 B  200%  10 B/s"},
	}
	for _, tt := range tests {
		if got := progressLine(bytesText, tt.done, tt.total, tt.recent, tt.span); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMeter(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	m := newMeter(&Env{Stderr: &out, Getenv: func(string) string { return "" }}, 1000, false)
	if m.out != nil {
		t.Fatal("draws on what is no terminal")
	}
	m.out, m.width, m.now = &out, func() int { return 20 }, func() time.Time { return now }
	m.marks, m.drawn = []mark{{at: now}}, now
	m.add(10)
	if out.Len() != 0 {
		t.Errorf("drew too early: %q", &out)
	}
	now = now.Add(time.Second)
	m.add(90)
	m.add(1)
	m.last = "waiting"
	m.width = func() int { return 80 }
	m.add(899)
	m.finish()
	m.add(1)
	if want := "\r100 B of 1.0 kB  10\x1b[K\r1.0 kB of 1.0 kB  100%  waiting\x1b[K\r\x1b[K"; out.String() != want {
		t.Errorf("drew %q, want %q", &out, want)
	}
}
