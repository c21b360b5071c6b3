package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/copier"
	"tahoe/cmd/tahoe/internal/journal"
	"tahoe/cmd/tahoe/internal/tally"
)

// defaultParallel files are under way at once: enough that a grid 50 ms away does not wait for the next one.
const (
	defaultParallel = 8
	maxParallel     = 64
)

const cpLong = `Copy files and directories between this machine and a grid, and within either.

FROM and TO are files of this machine, or of the grid when they begin with an alias, such as tahoe:, or with a capability; URI:@FILE reads
one from a file, URI:@- from standard input. A name with a colon in it is one of this machine when a slash stands before: ./a:b.

  TO is                  one file FROM            directories, or several things FROM
  a file                 replaces it              refused
  a directory            goes into it             go into it
  not there              gets this name           a directory of this name is made for them
  any of these with a /  the same; but where TO would be a file it is refused

A directory needs -r. One that has a name, such as pictures or tahoe:pictures, becomes a directory of that name in TO. One without a name,
an alias such as tahoe: or a bare capability, has what is in it copied. Two files that would get the same name are refused before
anything is copied.

What is new on the grid are files that cannot change. A mutable file on the grid that has the name already is overwritten in place. A
file of the grid that cannot change is not sent again when it is copied within the grid: it gets another name there. Modes and times
are not kept; "tahoe backup" keeps them. Symbolic links are followed; one that leads nowhere, and what is neither a file nor a
directory, is skipped and named.

What cannot be copied is named on standard error, the rest is copied, and the exit code is 1.

Interrupted: the same command, given again, goes on. The node directory keeps a journal (private/cp.sqlite) of what an unfinished copy
has done. A file counts as uploaded when its path, size, times and inode are those that it had; as downloaded when the local file is what was
written then, and the same capability is to be fetched. Anything else is done again. A directory that is new on the grid gets its
name when all in it is there; until then an interrupted copy has left nothing in its place. Local files appear when they are complete,
each under a temporary name ending in .part before. The journal forgets a copy when it is finished, and after 20 days.`

const cpExample = `  tahoe cp photo.jpg tahoe:
  tahoe cp -r pictures tahoe:            # becomes tahoe:pictures
  tahoe cp -r tahoe:pictures .           # and back
  tahoe cp -r tahoe: URI:@other.cap      # all that is in one directory into another`

type cpFlags struct {
	remoteFlags
	recursive, verbose, capsOnly, noJournal bool
	parallel                                int
}

func cpCommand(e *Env) *cobra.Command {
	var f cpFlags
	cmd := &cobra.Command{
		Use:     "cp FROM... TO",
		Short:   "Copy files and directories to, from and within a grid",
		Long:    cpLong,
		Example: cpExample,
		Args:    func(_ *cobra.Command, args []string) error { return checkCp(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return cp(ctx, e, f, r, args) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "copy directories, with all that is in them")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "name each file on standard error")
	cmd.Flags().BoolVar(&f.capsOnly, "caps-only", false, "write capabilities into local files instead of what they stand for, to compare trees")
	cmd.Flags().IntVarP(&f.parallel, "parallel", "j", defaultParallel, fmt.Sprintf("how many `FILES` are under way at once, up to %d", maxParallel))
	cmd.Flags().BoolVar(&f.noJournal, "no-journal", false, "do not go on with an interrupted copy, and keep nothing to go on with")
	return cmd
}

func checkCp(f cpFlags, args []string) error {
	switch {
	case len(args) < 2:
		return &usageError{"cp requires at least two arguments: what to copy, and where to"}
	case f.parallel < 1 || f.parallel > maxParallel:
		return &usageError{fmt.Sprintf("--parallel %d: a number from 1 to %d is needed", f.parallel, maxParallel)}
	}
	if slices.Contains(args, "") {
		return &usageError{"one of the names is empty; write . for the current directory"}
	}
	return nil
}

// cpResult is what `tahoe cp --json` prints. It is only ever extended.
type cpResult struct {
	Copied      int64       `json:"files-copied"`
	Bytes       int64       `json:"bytes-copied"`
	Linked      int64       `json:"files-linked"`
	Unchanged   int64       `json:"files-unchanged"`
	Resumed     int64       `json:"files-done-before"`
	Directories int64       `json:"directories-made"`
	Skipped     int64       `json:"skipped"`
	Failed      int64       `json:"failed"`
	Failures    []cpFailure `json:"failures,omitempty"`
}

type cpFailure struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

func cp(ctx context.Context, e *Env, f cpFlags, r *remote, args []string) error {
	places := make([]copier.Place, len(args))
	for i, arg := range args {
		var err error
		if places[i], err = r.copyPlace(e, arg); err != nil {
			return err
		}
	}
	sources, to := places[:len(args)-1], places[len(args)-1]
	count := &tally.Tally{}
	meter := newFilesMeter(e, count, f.noProgress)
	c := copier.Config{
		Gateway: r, Parallel: f.parallel, Recursive: f.recursive, CapsOnly: f.capsOnly, Tally: count,
	}
	if !f.json { // which says them at the end
		c.Warn = func(text string) { meter.line(e.Stderr, text) }
	}
	if f.verbose {
		c.Note = func(what, path string) { meter.line(e.Stderr, what+" "+path) }
	}
	if err := openJournal(ctx, e, f, r, &c, places); err != nil {
		meter.stop()
		return err
	}
	result, err := copier.Copy(ctx, c, sources, to)
	meter.stop()
	return errors.Join(tellCopy(e, f, c, result, closeJournal(c.Journal, err)))
}

// copyPlace is what an argument means.
func (r *remote) copyPlace(e *Env, arg string) (copier.Place, error) {
	t, err := r.aliases.Resolve(arg, "")
	if err != nil {
		return copier.Place{}, err
	}
	p := copier.Place{Arg: shownArg(arg), On: t, Slash: strings.HasSuffix(arg, "/")}
	if t.Local {
		p.Local, err = filepath.Abs(e.Path(arg))
	}
	return p, err
}

// shownArg is an argument without the capability in it.
func shownArg(arg string) string {
	for _, prefix := range []string{"URI:", "ro.URI:", "imm.URI:", "ro.imm.URI:"} {
		if rest, ok := strings.CutPrefix(arg, prefix); ok && !strings.HasPrefix(rest, "@") {
			kind, rest, _ := strings.Cut(rest, ":")
			if _, path, ok := strings.Cut(rest, "/"); ok {
				return prefix + kind + ":…/" + path
			}
			return prefix + kind + ":…"
		}
	}
	return arg
}

// openJournal opens the journal of a copy of directories, if there is a node directory to keep it in.
func openJournal(ctx context.Context, e *Env, f cpFlags, r *remote, c *copier.Config, places []copier.Place) error {
	parts := []string{r.URL()}
	for _, p := range places {
		parts = append(parts, p.Local, p.On.Root, strings.Join(p.On.Path, "/"))
	}
	id := journal.ID(parts...)
	c.Secret = id
	dir, err := e.NodeDir()
	if err != nil || f.noJournal || !f.recursive {
		return err
	}
	private := filepath.Join(dir, "private")
	if info, err := os.Stat(private); err != nil || !info.IsDir() {
		return nil
	}
	c.Journal, err = journal.Open(ctx, filepath.Join(private, "cp.sqlite"), id, nil)
	if err == nil && c.Journal.Resumes() > 0 {
		fmt.Fprintf(e.Stderr, "going on with this copy, which was interrupted: %d files and directories were done\n", c.Journal.Resumes())
	}
	return err
}

// closeJournal ends what there is to go on with when the copy has come to its end.
func closeJournal(j *journal.Journal, err error) error {
	if j == nil {
		return err
	}
	if _, partial := errors.AsType[*copier.PartialError](err); err == nil || partial {
		err = errors.Join(err, j.Forget())
	}
	return errors.Join(err, j.Close())
}

func tellCopy(e *Env, f cpFlags, c copier.Config, r copier.Result, err error) error {
	_, partial := errors.AsType[*copier.PartialError](err)
	if f.json && (err == nil || partial) {
		return errors.Join(err, printJSON(e.Stdout, jsonOfCopy(r)))
	}
	if err != nil {
		if c.Journal != nil && !partial && r.Copied+r.Directories > 0 {
			fmt.Fprintln(e.Stderr, "the same command, given again, goes on from here")
		}
		return err
	}
	what := "files copied"
	switch {
	case r.Single && r.Linked > 0:
		what = "file linked"
	case r.Single:
		what = "file copied"
	}
	_, err = fmt.Fprintln(e.Stdout, "Success:", what)
	return err
}

func jsonOfCopy(r copier.Result) cpResult {
	out := cpResult{
		Copied: r.Copied, Bytes: r.Bytes, Linked: r.Linked, Unchanged: r.Unchanged, Resumed: r.Resumed,
		Directories: r.Directories, Skipped: r.Skipped, Failed: r.Failed,
	}
	for _, f := range r.Failures {
		out.Failures = append(out.Failures, cpFailure{f.Path, f.Err.Error()})
	}
	return out
}
