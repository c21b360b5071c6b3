package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// help is that of a command, or of the program itself.
func help(t *testing.T, command []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), gridtest.Binary(t), append([]string{"help"}, command...)...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tahoe help %v: %v", command, err)
	}
	return string(out)
}

var (
	listHead = regexp.MustCompile(`(?m)^(Use the grid|Make and run nodes|Look after it|Read more.*|Commands):\n((?:  \S.*\n)+)`)
	listLine = regexp.MustCompile(`(?m)^  (\S+)`)
)

// eachCommand calls f for the program and every command that help lists, at any depth.
func eachCommand(t *testing.T, command []string, f func(command []string, help string)) {
	t.Helper()
	text := help(t, command)
	f(command, text)
	for _, list := range listHead.FindAllStringSubmatch(text, -1) {
		for _, line := range listLine.FindAllStringSubmatch(list[2], -1) {
			if line[1] != "help" {
				eachCommand(t, append(slices.Clone(command), line[1]), f)
			}
		}
	}
}

// TestHelp: the help of every command is as it was. With -update, it is from now on as it is.
func TestHelp(t *testing.T) {
	seen := map[string]bool{}
	eachCommand(t, nil, func(command []string, text string) {
		name := strings.Join(append([]string{"tahoe"}, command...), "-") + ".txt"
		seen[name] = true
		path := filepath.Join("testdata", "help", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != text {
			t.Errorf("%s is not what the program prints (%v); -update writes it anew:\n%s", path, err, text)
		}
		for i, line := range strings.Split(text, "\n") {
			if n := len([]rune(line)); n > 80 && !strings.Contains(line, "  ") {
				t.Errorf("%s:%d has %d columns", path, i+1, n)
			}
		}
	})
	files, err := os.ReadDir(filepath.Join("testdata", "help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[file.Name()] {
			t.Errorf("testdata/help/%s is about a command that is not there", file.Name())
		}
	}
}

var optionPattern = regexp.MustCompile(`(?m)^ +(?:-(\S), )?(?:    )?--(\S+)`)

// TestEveryOption: each option that help shows stands in a script, in a line with its command. Options of all commands stand anywhere.
func TestEveryOption(t *testing.T) {
	lines := scriptLines(t)
	eachCommand(t, nil, func(command []string, text string) {
		if len(command) == 0 || !strings.Contains(text, "\nUsage:\n") {
			return
		}
		local, _, _ := strings.Cut(text, "\nOptions of all commands:")
		if _, list, ok := strings.Cut(local, "\nOptions:\n"); ok {
			local = list
		}
		verb := strings.Join(command, " ")
		for _, option := range optionPattern.FindAllStringSubmatch(local, -1) {
			if option[2] != "help" && !mentions(lines, verb, option[1], option[2]) {
				t.Errorf("no script uses --%s of tahoe %s", option[2], verb)
			}
		}
		if !strings.Contains(text, "\nCommands:\n") && !mentions(lines, verb, "", "") {
			t.Errorf("no script runs tahoe %s", verb)
		}
	})
}

// scriptLines are the lines of all scripts that run the program.
func scriptLines(t *testing.T) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = codePattern.ReplaceAllString(line, "")
			if strings.HasPrefix(line, "tahoe ") || strings.HasPrefix(line, "start ") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func mentions(lines []string, verb, short, long string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		words := strings.Fields(line)
		if !strings.Contains(" "+strings.Join(words, " ")+" ", " "+verb+" ") {
			return false
		}
		return long == "" || slices.ContainsFunc(words, func(w string) bool {
			return w == "--"+long || strings.HasPrefix(w, "--"+long+"=") || short != "" && regexp.MustCompile("^-[a-zA-Z]*"+short).MatchString(w)
		})
	})
}
