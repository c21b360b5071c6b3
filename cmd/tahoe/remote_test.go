package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web/wapi"
)

const testDir = "URI:DIR2:esoca5ebwy6y4kv6fjwrg4vyfa:xvi3ndklfeht4vvx3lsf5orgrcv3jynwf4cptg6eezrzuuul734q"

// recorded is an answer that a node of the original gave.
func recorded(t *testing.T, name string) http.HandlerFunc {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("internal", "report", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return giveText(string(b))
}

func giveJSON(format string, args ...any) http.HandlerFunc {
	return giveText(fmt.Sprintf(format, args...))
}

// TestHealth: what a check finds is the exit code, and what it printed stands before.
func TestHealth(t *testing.T) {
	const unit = `{"type":"file","path":["a"],"storage-index":"i","check-results":{"storage-index":"i","results":{"healthy":%v,"recoverable":%v}}}` + "\n"
	const last = `{"type":"stats","stats":{}}` + "\n"
	const repair = `{"storage-index":"i","repair-attempted":true,"repair-successful":%v,` +
		`"pre-repair-results":{"results":{"healthy":false}},"post-repair-results":{"results":{"healthy":%[1]v,"recoverable":true}}}`
	tests := []struct {
		name string
		args []string
		give http.HandlerFunc
		code int
		out  string
		err  string
	}{
		{"lost", []string{"check"}, recorded(t, "check.json"), codeNoShares, "Summary: Not Healthy: 1 shares", "1 of the 1 that were checked cannot be read any more"},
		{"lost, raw", []string{"check", "--raw"}, recorded(t, "check.json"), codeNoShares, `"recoverable": false`, "cannot be read"},
		{"lost, JSON", []string{"check", "--json"}, recorded(t, "check.json"), codeNoShares, `"recoverable": false`, `"exit_code":12`},
		{"literal", []string{"check"}, giveJSON(`{"storage-index":"","results":{"healthy":true}}`), codeOK, "Summary: Healthy (LIT)", ""},
		{"literal, repair", []string{"check", "--repair"}, giveJSON(`{"storage-index":"","repair-attempted":false}`), codeOK, "Summary: Healthy (LIT)", ""},
		{"unhealthy", []string{"check", testURI, testURI}, giveJSON(`{"storage-index":"i","results":{"healthy":false,"recoverable":true}}`),
			codeUnhealthy, "Summary: not healthy", "2 of the 2 that were checked are not healthy"},
		{"repaired", []string{"check", "--repair"}, giveJSON(repair, true), codeOK, "repair successful", ""},
		{"not repaired", []string{"check", "--repair"}, giveJSON(repair, false), codeUnhealthy, "repair failed", "not healthy"},
		{"nonsense", []string{"check"}, giveJSON("<html>"), codeFailure, "", "invalid character"},

		{"all healthy", []string{"deep-check"}, giveJSON(unit+last, true, true), codeOK, "done: 1 objects checked, 1 healthy, 0 unhealthy", ""},
		{"one unhealthy", []string{"deep-check"}, giveJSON(unit+unit+last, true, true, false, true), codeUnhealthy, "1 unhealthy", "1 of the 2"},
		{"one lost", []string{"deep-check", "--raw"}, giveJSON(unit+last, false, false), codeNoShares, `"type":"stats"`, "cannot be read"},
		{"repaired in depth", []string{"deep-check", "--repair"}, recorded(t, "deep-repair.jsonl"), codeOK, "1 repairs attempted, 1 successful", ""},
		{"cut off", []string{"deep-check"}, giveJSON(unit, true, true), codeFailure, "", "last line is missing"},
		{"failing", []string{"deep-check"}, giveJSON(unit+"ERROR: NoSharesError(x)\n", true, true), codeNoShares, "", "NoSharesError(x)"},
		{"manifest cut off", []string{"manifest"}, giveJSON(unit, true, true), codeFailure, " a\n", "last line is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, "")
			d.node.give = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				tt.give(w, r)
			}
			args := append([]string{"-d", d.nodeDir, tt.args[0], "--dir-cap=" + testDir}, tt.args[1:]...)
			code := run(t.Context(), d.Env, args)
			if code != tt.code || !strings.Contains(d.out.String(), tt.out) || !strings.Contains(d.err.String(), tt.err) || (tt.err == "") != (d.err.Len() == 0) {
				t.Errorf("got code %d,\n%s\n%s\nwant %d,\n%s\n%s", code, &d.out, &d.err, tt.code, tt.out, tt.err)
			}
		})
	}
}

// TestCodesText: the help about exit codes has them all.
func TestCodesText(t *testing.T) {
	lines := strings.Split(codesText, "\n")
	for _, code := range []int{codeOK, codeFailure, codeUsage, codeUnreachable, codeNoServers, codeNoShares, codeNotFound, codeUnhealthy, codeInterrupted, codeNotEmpty} {
		found := false
		for _, line := range lines {
			found = found || strings.HasPrefix(line, fmt.Sprintf("%-5d", code))
		}
		if !found {
			t.Errorf("%d is not there", code)
		}
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, codeOK},
		{errors.New("x"), codeFailure},
		{&wapi.Error{Status: 404}, codeNotFound},
		{&wapi.Error{Status: 409}, codeFailure},
		{&wapi.Error{Status: 410}, codeNoShares},
		{&unhealthyError{}, codeUnhealthy},
		{&codedError{codeListNotFound, &wapi.Error{Status: 404}}, codeListNotFound},
		{fmt.Errorf("x: %w", &codedError{codeStatus, wapi.ErrUnreachable}), codeStatus},
		{&interruptedError{errors.New("x")}, codeInterrupted},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestErrorsAsJSON: --json makes an error an object, wherever it stands and whatever is wrong.
func TestErrorsAsJSON(t *testing.T) {
	tests := []struct {
		args []string
		want failure
		json bool
	}{
		{[]string{"ls", "--json", "nowhere:"}, failure{Code: codeFailure}, true},
		{[]string{"ls", "nowhere:", "--json=true"}, failure{Code: codeFailure}, true},
		{[]string{"ls", "--frobnicate", "--json"}, failure{Code: codeUsage}, true},
		{[]string{"ls", "--json", "a", "b"}, failure{Code: codeUsage}, true},
		{[]string{"ls", "--json=false", "nowhere:"}, failure{}, false},
		{[]string{"ls", "nowhere:"}, failure{}, false},
		{[]string{"ls", "--", "--json", "x"}, failure{}, false},
		{[]string{"run", "--json"}, failure{}, false},
	}
	for _, tt := range tests {
		d := newDesk(t, "")
		code := run(t.Context(), d.Env, append([]string{"-d", d.nodeDir}, tt.args...))
		var got failure
		err := json.Unmarshal(d.err.Bytes(), &got)
		if (err == nil) != tt.json || tt.json && (got.Code != tt.want.Code || got.Error == "" || code != got.Code) {
			t.Errorf("%v: code %d, %s", tt.args, code, &d.err)
		}
	}
}

// TestSecretsOfArguments: a capability that a file holds, or standard input, which is read once.
func TestSecretsOfArguments(t *testing.T) {
	d := newDesk(t, "  "+testURI+"\r\n")
	d.write(t, "cap", testURI+"\n")
	for range 2 {
		for _, name := range []string{"cap", "-"} {
			if got, err := readSecret(d.Env, name); err != nil || got != testURI {
				t.Errorf("%s: got %q, %v", name, got, err)
			}
		}
	}
	d.write(t, "two", testURI+"\n"+testURI+"\n")
	d.write(t, "none", "\n")
	for _, name := range []string{"two", "none", "nowhere", "."} {
		if got, err := readSecret(d.Env, name); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestHelpWidth(t *testing.T) {
	for columns, want := range map[string]int{"": 80, "x": 80, "100": 100, "5": 40} {
		e := &Env{Getenv: func(string) string { return columns }}
		if got := helpWidth(e); got != want {
			t.Errorf("%q: got %d, want %d", columns, got, want)
		}
	}
	const text = "one two\nthree four five\n\n  as  it  is\n\nlast"
	if got, want := wrap(text, 10), "one two\nthree four\nfive\n\n  as  it  is\n\nlast"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCounter: what is counted by the node is drawn as objects, with their rate.
func TestCounter(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	m := newCounter(&Env{Stderr: &out, Getenv: func(string) string { return "" }}, false)
	m.out, m.now, m.marks, m.drawn = &out, func() time.Time { return now }, []mark{{at: now}}, now
	now = now.Add(2 * time.Second)
	m.set(300)
	m.clear()
	m.set(310) // too soon
	m.finish()
	if want := "\r300 objects  150 objects/s\x1b[K\r\x1b[K\r\x1b[K"; out.String() != want {
		t.Errorf("drew %q, want %q", &out, want)
	}
}
