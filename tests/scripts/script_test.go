package scripts_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/tests/gridtest"
)

// A script is a file of lines, and of files that begin with lines such as "-- name --". A line is a verb and its words; 'quoted'
// words may hold blanks, and ” for a quote; $NAME and ${NAME} are variables; # begins a comment. The verbs are in the table below. A line
//
//	[13] tahoe ls nowhere
//
// expects the exit code 13, and without brackets 0. "stdout PATTERN" and "stderr PATTERN" look for a regular expression in what
// the last command printed, "!stdout PATTERN" for none.
type script struct {
	t              *testing.T
	dir            string
	vars           map[string]string
	stdin          string
	stdout, stderr string
	node           *gridtest.Process
}

var verbs = map[string]func(s *script, words []string) error{
	"write": func(s *script, w []string) error {
		return os.WriteFile(s.path(w[0]), []byte(strings.Join(w[1:], " ")), 0o600)
	},
	"random": (*script).random,
	"mkdir":  func(s *script, w []string) error { return os.MkdirAll(s.path(w[0]), 0o700) },
	"rm":     func(s *script, w []string) error { return os.RemoveAll(s.path(w[0])) },
	"stdin": func(s *script, w []string) error {
		b, err := os.ReadFile(s.path(w[0]))
		s.stdin = string(b)
		return err
	},
	"set":     func(s *script, w []string) error { s.vars[w[0]] = strings.TrimSpace(s.content(w[1])); return nil },
	"env":     func(s *script, w []string) error { k, v, _ := strings.Cut(w[0], "="); s.vars[k] = v; return nil },
	"stdout":  func(s *script, w []string) error { return match(s.stdout, w, true) },
	"!stdout": func(s *script, w []string) error { return match(s.stdout, w, false) },
	"stderr":  func(s *script, w []string) error { return match(s.stderr, w, true) },
	"!stderr": func(s *script, w []string) error { return match(s.stderr, w, false) },
	"grep":    func(s *script, w []string) error { return match(s.content(w[0]), w[1:], true) },
	"!grep":   func(s *script, w []string) error { return match(s.content(w[0]), w[1:], false) },
	"cmp":     (*script).cmp,
	"index":   (*script).index,
	"lose":    (*script).lose,
	"corrupt": (*script).corrupt,
	"exists":  func(s *script, w []string) error { _, err := os.Stat(s.path(w[0])); return err },
	"!exists": (*script).missing,
	"mode":    (*script).mode,
	"start":   (*script).start,
	"stop":    func(s *script, _ []string) error { s.node.Stop(); return nil },
	"ended":   (*script).ended,
	"hangup":  func(s *script, _ []string) error { return s.node.CloseInput() },
	"exec":    func(s *script, w []string) error { return s.run(0, w[0], w[1:]) },
}

// run runs a program, which is to leave with this code.
func (s *script) run(code int, program string, args []string) error {
	cmd := exec.CommandContext(s.t.Context(), program, args...)
	cmd.Dir, cmd.Stdin = s.dir, strings.NewReader(s.stdin)
	for name, value := range s.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	s.stdout, s.stderr, s.stdin = out.String(), errs.String(), ""
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err != nil && !failed:
		return err
	case failed && exit.ExitCode() != code, !failed && code != 0:
		return fmt.Errorf("exit code %d, want %d", cmd.ProcessState.ExitCode(), code)
	case code != 0 && s.stderr == "":
		return errors.New("it failed and said nothing")
	}
	return nil
}

// start runs a node in the background until stop. Words that name files here name them there too.
func (s *script) start(words []string) error {
	for i, w := range words {
		if _, err := os.Stat(s.path(w)); err == nil {
			words[i] = s.path(w)
		}
	}
	s.node = gridtest.Start(s.t, words...)
	s.node.WaitOutput("running") // node, or grid
	return nil
}

// ended waits for the code with which the node of start ends, and looks for a pattern in what it printed.
func (s *script) ended(words []string) error {
	if code := s.node.ExitCode(); strconv.Itoa(code) != words[0] {
		return fmt.Errorf("the node ended with code %d:\n%s", code, s.node.Output())
	}
	return match(s.node.Output(), words[1:], true)
}

func (s *script) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// content is that of a file, or what the last command printed.
func (s *script) content(name string) string {
	switch name {
	case "stdout":
		return s.stdout
	case "stderr":
		return s.stderr
	}
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func match(text string, words []string, want bool) error {
	for _, pattern := range words {
		if regexp.MustCompile("(?m)"+pattern).MatchString(text) != want {
			return fmt.Errorf("%q: found %v, want %v", pattern, !want, want)
		}
	}
	return nil
}

func (s *script) cmp(words []string) error {
	if a, b := s.content(words[0]), s.content(words[1]); a != b {
		return fmt.Errorf("%s and %s differ: %d and %d bytes, %.60q and %.60q", words[0], words[1], len(a), len(b), a, b)
	}
	return nil
}

func (s *script) missing(words []string) error {
	if found, _ := filepath.Glob(s.path(words[0])); len(found) > 0 {
		return fmt.Errorf("%v exists", found)
	}
	return nil
}

func (s *script) mode(words []string) error {
	info, err := os.Stat(s.path(words[1]))
	if err == nil && fmt.Sprintf("%o", info.Mode().Perm()) != words[0] {
		err = fmt.Errorf("%s has mode %o", words[1], info.Mode().Perm())
	}
	return err
}

// random writes a file of bytes that nobody else has.
func (s *script) random(words []string) error {
	size, err := strconv.Atoi(words[1])
	if err != nil {
		return err
	}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(s.t.Name() + words[0] + time.Now().String()))).Read(b)
	return os.WriteFile(s.path(words[0]), b, 0o600)
}

var wordPattern = regexp.MustCompile(`'(?:[^']|'')*'|[^\s']+`)

// words are those of a line; a quoted part belongs to the word that it touches.
func (s *script) words(line string) (words []string) {
	end := -1
	for _, at := range wordPattern.FindAllStringIndex(line, -1) {
		part := line[at[0]:at[1]]
		if part[0] == '#' && at[0] != end {
			return words
		}
		if part[0] == '\'' {
			part = strings.ReplaceAll(part[1:len(part)-1], "''", "'")
		}
		part = os.Expand(part, func(name string) string {
			if value, ok := s.vars[name]; ok {
				return value
			}
			return "$" + name // the end of a line, in a pattern
		})
		if at[0] == end {
			words[len(words)-1] += part
		} else {
			words = append(words, part)
		}
		end = at[1]
	}
	return words
}

var codePattern = regexp.MustCompile(`^\[(\d+)\] +`)

// do runs one line.
func (s *script) do(line string) error {
	code := 0
	if m := codePattern.FindStringSubmatch(line); m != nil {
		code, _ = strconv.Atoi(m[1])
		line = line[len(m[0]):]
	}
	words := s.words(line)
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "tahoe":
		return s.run(code, gridtest.Binary(s.t), words[1:])
	}
	verb, ok := verbs[words[0]]
	if !ok || code != 0 {
		return fmt.Errorf("%q is not a verb of scripts", words[0])
	}
	return verb(s, words[1:])
}
