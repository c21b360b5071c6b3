package copier_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/copier"
	"tahoe/cmd/tahoe/internal/gatewaytest"
	"tahoe/cmd/tahoe/internal/journal"
	"tahoe/frontends/web/wapi"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
}

// A world is a grid in memory and a directory of this machine.
type world struct {
	grid    *gatewaytest.Gateway
	client  *wapi.Client
	dir     string
	aliases alias.Table
	tokens  *strings.Replacer

	mu     sync.Mutex
	warned []string
	notes  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{grid: gatewaytest.New(), dir: t.TempDir()}
	client, err := wapi.NewClient(w.grid.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	t.Cleanup(func() {
		client.Close()
		w.grid.Close()
	})
	return w
}

func (w *world) config() copier.Config {
	return copier.Config{
		Gateway: w.client, Parallel: 4, Secret: "x",
		Warn: func(s string) { w.hear(&w.warned, s) },
		Note: func(what, path string) { w.hear(&w.notes, what+" "+path) },
	}
}

func (w *world) hear(to *[]string, s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to = append(*to, s)
}

// copy copies as the command does with these arguments; what is local is below the world's directory.
func (w *world) copy(t *testing.T, c copier.Config, args ...string) (copier.Result, error) {
	t.Helper()
	return w.copyUntil(t.Context(), t, c, args...)
}

func (w *world) copyUntil(ctx context.Context, t *testing.T, c copier.Config, args ...string) (copier.Result, error) {
	t.Helper()
	places := make([]copier.Place, len(args))
	for i, arg := range args {
		target, err := w.aliases.Resolve(arg, "")
		if err != nil {
			t.Fatal(err)
		}
		places[i] = copier.Place{Arg: arg, On: target, Slash: strings.HasSuffix(arg, "/")}
		if target.Local {
			places[i].Local = filepath.Join(w.dir, arg)
		}
	}
	return copier.Copy(ctx, c, places[:len(places)-1], places[len(places)-1])
}

// journal opens the journal of a copy, as a new process does.
func (w *world) journal(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(w.dir, "journal.sqlite"), "the copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// fillGrid makes files and directories below a directory.
func (w *world) fillGrid(dir string, tree map[string]string) {
	for path, text := range tree {
		if made, ok := strings.CutSuffix(path, "/"); ok {
			w.grid.Link(dir, made, w.grid.Mkdir(), "")
			continue
		}
		w.grid.Put(dir, path, text)
	}
}

func (w *world) fillLocal(dir string, tree map[string]string) {
	for path, text := range tree {
		full := filepath.Join(dir, path)
		if strings.HasSuffix(path, "/") {
			must(os.MkdirAll(full, 0o777))
			continue
		}
		must(os.MkdirAll(filepath.Dir(full), 0o777))
		must(os.WriteFile(full, []byte(text), 0o666))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// clean removes what was copied to.
func (w *world) clean(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, "to")); err != nil {
		t.Fatal(err)
	}
}

// readTree is what is in a local directory, as Gateway.Tree says it.
func readTree(t *testing.T, dir, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			out[prefix+filepath.ToSlash(rel)+"/"] = ""
			return nil
		}
		b, err := os.ReadFile(path)
		out[prefix+filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
