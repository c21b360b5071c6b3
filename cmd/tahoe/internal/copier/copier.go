// Package copier copies files and trees between this machine and a grid, and within either. It is for `tahoe cp`.
//
// A copy walks through its sources and hands their files to a number of workers. Of a tree it holds the directories between the top and
// where the walk is, and what is under way; a directory of the grid is made, or changed, when all in it is there, with one request.
//
// The invariants: a local file is there whole, or as it was; an entry of a directory on the grid is never replaced by something of
// another kind; and what a copy could not do is counted and named.
package copier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/journal"
	"tahoe/cmd/tahoe/internal/localfile"
	"tahoe/cmd/tahoe/internal/tally"
	"tahoe/frontends/web/wapi"
)

// A Gateway is what copying needs of a node. *wapi.Client is one.
type Gateway interface {
	Node(ctx context.Context, capability string, path []string) (wapi.Node, error)
	Get(ctx context.Context, capability string, r wapi.Range) (*wapi.Body, error)
	Put(ctx context.Context, src io.Reader, size int64, o wapi.PutOptions) (capability string, created bool, err error)
	PutAt(ctx context.Context, capability string, path []string, src io.Reader, size int64, o wapi.PutOptions) (string, bool, error)
	PutURI(ctx context.Context, capability string, path []string, child string, r wapi.Replace) error
	MkdirWith(ctx context.Context, children wapi.NewChildren) (string, error)
	SetChildren(ctx context.Context, capability string, path []string, children wapi.NewChildren, r wapi.Replace) error
}

// A Place is what an argument of the command means.
type Place struct {
	Arg   string // for messages; it holds no capability
	Local string // a path of this machine; empty on the grid
	On    alias.Target
	Slash bool // the argument ends in a slash
}

// What a copy does with a file or a directory, as Config.Note hears it.
const (
	Copied    = "copied"
	Linked    = "linked"
	Unchanged = "already there"
	Resumed   = "done before"
	Made      = "made"
)

// Config is what a copy takes besides its places. Gateway and Parallel are needed.
type Config struct {
	Gateway   Gateway
	Parallel  int                     // files under way at once
	Recursive bool                    // directories are copied
	CapsOnly  bool                    // local files are to hold capabilities instead of what these stand for
	Journal   *journal.Journal        // nil: none is kept
	Secret    string                  // names temporary files, see localfile.Writer
	Tally     *tally.Tally            // nil: nothing is counted
	Note      func(what, path string) // what was done; several goroutines call it at once, and Warn too
	Warn      func(sentence string)   // what was not
	Now       func() time.Time        // nil: time.Now
}

// A Result says what a copy did.
type Result struct {
	Single      bool  // one file to a name of its own; else things into a directory
	Copied      int64 // files
	Bytes       int64 // of them
	Linked      int64 // files that are on the grid already, and were given another name there
	Unchanged   int64 // files that were there already
	Resumed     int64 // files that an earlier run of this copy had copied
	Directories int64 // made
	Skipped     int64 // what is neither a file nor a directory
	Failed      int64
	Failures    []Failure // the first of them
}

// A Failure is about something that could not be copied.
type Failure struct {
	Path string
	Err  error
}

// maxFailures are kept in a Result. All are counted and told to Config.Warn.
const maxFailures = 1000

// A PartialError says that some could not be copied, and all the rest was.
type PartialError struct{ Failed, Of int64 }

func (e *PartialError) Error() string {
	return fmt.Sprintf("%d of %d could not be copied; what is missing is named above, and the rest is there", e.Failed, e.Of)
}

// Copy copies the sources to a target. An error that is a *PartialError leaves nothing undone but what Result.Failures names.
func Copy(ctx context.Context, c Config, sources []Place, to Place) (Result, error) {
	if c.Note == nil {
		c.Note = func(string, string) {}
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Tally == nil {
		c.Tally = &tally.Tally{}
	}
	p := &copying{Config: c, writer: localfile.Writer{Secret: c.Secret}}
	defer p.asking.Wait()
	err := p.run(ctx, sources, to)
	if err == nil && p.result.Failed > 0 {
		r := &p.result
		err = &PartialError{r.Failed, r.Failed + r.Copied + r.Linked + r.Unchanged + r.Resumed}
	}
	return p.result, err
}

// copying is a copy on its way.
type copying struct {
	Config
	writer localfile.Writer
	root   *item          // the local directory that is copied into, if there is one
	asking sync.WaitGroup // listings that were begun ahead

	mu     sync.Mutex
	result Result
}

func (c *copying) run(ctx context.Context, sources []Place, to Place) error {
	end, err := c.find(ctx, to)
	if err != nil {
		return err
	}
	var items []*item
	for _, s := range sources {
		it, err := c.source(ctx, s)
		if err != nil {
			return err
		}
		items = append(items, it)
	}
	toFile, err := c.rules(items, end, to)
	if err != nil {
		return err
	}
	if toFile {
		c.result.Single = true
		return c.toFile(ctx, items[0], end, to)
	}
	return c.toDirectory(ctx, items, end, to)
}

// The refusals, in the words that scripts know from the original.
var (
	errNeedRecursive = errors.New("cannot copy directories without --recursive")
	errTargetSlash   = errors.New("target is not a directory, but ends with a slash")
	errManyToFile    = errors.New("copying multiple things requires target be a directory")
	errDirToFile     = errors.New("cannot copy directory into a file")
	errCollision     = errors.New("cannot copy multiple files with the same name into the same target directory")
	errCapsOnly      = errors.New("--caps-only writes capabilities into local files, and the target is on the grid")
)

// rules says whether the target is to be a file, or why there is nothing to be done.
func (c *copying) rules(items []*item, end *item, to Place) (toFile bool, err error) {
	single := len(items) == 1 && !items[0].dir
	toFile = end == nil && single || end != nil && !end.dir
	anyDir := false
	for _, it := range items {
		anyDir = anyDir || it.dir
	}
	switch {
	case anyDir && !c.Recursive:
		return false, errNeedRecursive
	case toFile && to.Slash:
		return false, errTargetSlash
	case toFile && len(items) > 1:
		return false, errManyToFile
	case toFile && anyDir:
		return false, errDirToFile
	case c.CapsOnly && to.Local == "":
		return false, errCapsOnly
	case toFile:
		return true, nil
	}
	for _, it := range items {
		if !it.dir && it.name == "" {
			return false, fmt.Errorf("when copying into a directory, all source files must have names, but '%s' is unnamed", it.path)
		}
	}
	return false, nil
}

// quiet is for looking ahead: it says nothing, and counts for itself.
func (c *copying) quiet() *copying {
	q := &copying{Config: c.Config, root: c.root}
	q.Warn = func(string) {}
	return q
}

// count changes the result.
func (c *copying) count(change func(*Result)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.result)
}

// done notes what became of a file.
func (c *copying) done(what string, it *item, bytes int64) {
	c.count(func(r *Result) {
		switch what {
		case Copied:
			r.Copied++
			r.Bytes += bytes
		case Linked:
			r.Linked++
		case Unchanged:
			r.Unchanged++
		case Resumed:
			r.Resumed++
		}
	})
	c.Note(what, it.path)
}

// problem takes note of a failure about one thing. It returns the failure when there is no use in going on.
func (c *copying) problem(ctx context.Context, path string, err error) error {
	if err == nil || ctx.Err() != nil || isFatal(err) {
		return err
	}
	c.count(func(r *Result) {
		r.Failed++
		if len(r.Failures) < maxFailures {
			r.Failures = append(r.Failures, Failure{path, err})
		}
	})
	c.Warn(path + ": " + strings.TrimSuffix(err.Error(), "\n"))
	return nil
}

// isFatal says whether a failure would meet everything that follows as well.
func isFatal(err error) bool {
	_, isJournal := errors.AsType[*journalError](err)
	return isJournal || errors.Is(err, wapi.ErrUnreachable) || errors.Is(err, wapi.ErrNotEnoughServers) || isFull(err)
}

// A journalError is about the journal, without which an interrupted copy would begin again.
type journalError struct{ err error }

func (e *journalError) Error() string {
	return fmt.Sprintf("the journal of this copy: %v; --no-journal copies without one", e.err)
}

func (e *journalError) Unwrap() error { return e.err }
