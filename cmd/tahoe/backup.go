package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/backup"
	"tahoe/cmd/tahoe/internal/backupdb"
	"tahoe/cmd/tahoe/internal/fnmatch"
	"tahoe/cmd/tahoe/internal/tally"
)

const backupLong = `Store the local directory FROM on the grid, as TO/Archives/DATE_TIME, and make TO/Latest stand for it too. Each backup is a whole tree of
directories that cannot change. What has not changed since an earlier backup is not sent again, and takes no more room.

A file counts as unchanged when its path, size and times are those that private/backupdb.sqlite of the node directory has for it. The
database is that of the original tahoe too. Without it a backup takes longer, and is as good. What is older than a month is asked for on the
grid before it is used, the more likely the older it is, which renews its leases; what the grid has lost is sent again.

Directories keep modes, owners and times as metadata. Symbolic links, devices, pipes and sockets are left out, and so is what cannot be
read; each is named with a WARNING, and the exit code is then 2.

The patterns of --exclude are for names, not for paths: * is any text, ? any character, [a-z] and [!a-z] one of some.

Interrupted: the same command goes on, because what was sent is in the database.`

type backupFlags struct {
	remoteFlags
	verbose, ignoreTimes, excludeVCS bool
	exclude, excludeFrom             []string
	parallel                         int
}

func backupCommand(e *Env) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:     "backup FROM ALIAS:TO",
		Short:   "Store a directory as it is now, beside its earlier states",
		Long:    backupLong,
		Example: "  tahoe backup --exclude-vcs --exclude '*.o' ~/work tahoe:backups/work\n  tahoe cp -r tahoe:backups/work/Latest restored",
		Args:    func(_ *cobra.Command, args []string) error { return checkBackup(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return backUp(ctx, e, f, r, args) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "name each file and directory")
	cmd.Flags().BoolVar(&f.ignoreTimes, "ignore-timestamps", false, "send every file, even when its size and times are those of the last backup")
	cmd.Flags().StringArrayVar(&f.exclude, "exclude", nil, "leave out what is named like `PATTERN`; may be given several times")
	cmd.Flags().StringArrayVar(&f.excludeFrom, "exclude-from-utf-8", nil, "leave out what is named like one of the lines of `FILE`")
	cmd.Flags().BoolVar(&f.excludeVCS, "exclude-vcs", false, "leave out what version control systems keep: CVS, RCS, SCCS, Git, SVN, Arch, Bazaar, Mercurial, Darcs")
	cmd.Flags().IntVarP(&f.parallel, "parallel", "j", defaultParallel, fmt.Sprintf("how many `FILES` are under way at once, up to %d", maxParallel))
	return cmd
}

func checkBackup(f backupFlags, args []string) error {
	switch {
	case len(args) != 2:
		return &usageError{"backup takes two arguments: a local directory, and a directory of the grid for backups of it"}
	case args[0] == "" || args[1] == "":
		return &usageError{"one of the names is empty; write . for the current directory, and tahoe: for that of the alias tahoe"}
	case f.parallel < 1 || f.parallel > maxParallel:
		return &usageError{fmt.Sprintf("--parallel %d: a number from 1 to %d is needed", f.parallel, maxParallel)}
	}
	return nil
}

// codeSkipped says that a backup was made, and that something was left out of it.
const codeSkipped = 2

var vcsNames = []string{
	"CVS", "RCS", "SCCS", ".git", ".gitignore", ".cvsignore", ".svn", ".arch-ids", "{arch}", "=RELEASE-ID", "=meta-update", "=update",
	".bzr", ".bzrignore", ".bzrtags", ".hg", ".hgignore", "_darcs",
}

// excluded are the patterns of all flags. Blanks around them do not count, and empty ones are none.
func (f *backupFlags) excluded(e *Env) (*fnmatch.Set, error) {
	all := f.exclude
	for _, name := range f.excludeFrom {
		lines, err := readLines(e.Path(name))
		if err != nil {
			return nil, fmt.Errorf("--exclude-from-utf-8: %w", err)
		}
		all = append(all, lines...)
	}
	if f.excludeVCS {
		all = append(all, vcsNames...)
	}
	set := &fnmatch.Set{}
	for _, pattern := range all {
		if pattern = strings.TrimSpace(pattern); pattern != "" {
			set.Add(pattern)
		}
	}
	return set, nil
}

func readLines(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	for in := bufio.NewScanner(file); ; {
		if !in.Scan() {
			return lines, in.Err()
		}
		if !utf8.ValidString(in.Text()) {
			return nil, fmt.Errorf("line %d of %s is not UTF-8", len(lines)+1, path)
		}
		lines = append(lines, in.Text())
	}
}

// backupResult is what `tahoe backup --json` prints. It is only ever extended.
type backupResult struct {
	URI                string   `json:"uri"`
	Archive            string   `json:"archive"`
	FilesUploaded      int64    `json:"files-uploaded"`
	FilesReused        int64    `json:"files-reused"`
	FilesSkipped       int64    `json:"files-skipped"`
	FilesChecked       int64    `json:"files-checked"`
	DirectoriesCreated int64    `json:"directories-created"`
	DirectoriesReused  int64    `json:"directories-reused"`
	DirectoriesSkipped int64    `json:"directories-skipped"`
	DirectoriesChecked int64    `json:"directories-checked"`
	Bytes              int64    `json:"bytes-uploaded"`
	Elapsed            float64  `json:"elapsed"`            // seconds
	Warnings           []string `json:"warnings,omitempty"` // the first thousand
}

func backUp(ctx context.Context, e *Env, f backupFlags, r *remote, args []string) error {
	begin := time.Now()
	exclude, err := f.excluded(e)
	if err != nil {
		return err
	}
	from, err := backupSource(e, args[0])
	if err != nil {
		return err
	}
	to, err := r.target(args[1])
	if err != nil {
		return err
	}
	db, err := openBackupDB(ctx, e)
	if err != nil {
		return err
	}
	count := &tally.Tally{}
	meter := newFilesMeter(e, count, f.noProgress)
	c := backup.Config{
		Gateway: r, DB: db, Parallel: f.parallel, Exclude: exclude, IgnoreTimes: f.ignoreTimes, Tally: count,
		Warn: func(text string) { meter.line(e.Stderr, text) },
	}
	var warnings warningList
	if f.json {
		c.Warn = warnings.add
	} else {
		f.narrate(e, &c, meter, begin)
	}
	result, err := backup.Run(ctx, c, from, to)
	meter.stop()
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := f.tell(e, result, warnings.lines, time.Since(begin)); err != nil {
		return err
	}
	if n := result.FilesSkipped + result.DirectoriesSkipped; n > 0 {
		return &codedError{codeSkipped, fmt.Errorf("the backup was made without %d files or directories, which are named above", n)}
	}
	return nil
}

// A warningList keeps what --json says at the end.
type warningList struct {
	mu    sync.Mutex
	lines []string
}

const maxWarnings = 1000

func (l *warningList) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < maxWarnings {
		l.lines = append(l.lines, line)
	}
}

// backupSource is the absolute path of a directory that can be read.
func backupSource(e *Env, arg string) (string, error) {
	from, err := filepath.Abs(e.Path(arg))
	if err != nil {
		return "", err
	}
	info, err := os.Stat(from)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory: backup stores directories, and put or cp store a file", arg)
	}
	return from, nil
}

func openBackupDB(ctx context.Context, e *Env) (*backupdb.DB, error) {
	dir, err := e.NodeDir()
	if err != nil {
		return nil, err
	}
	db, err := backupdb.Open(ctx, filepath.Join(dir, "private", "backupdb.sqlite"), backupdb.Config{})
	if err != nil {
		return nil, fmt.Errorf("Unable to load backup db: %w", err)
	}
	return db, nil
}

// narrateEvery is how often a line says how far a backup is, where nobody sees it drawn.
const narrateEvery = time.Second

// narrate has lines written to standard output while a backup is made, as the original writes them, but not one for each file.
func (f *backupFlags) narrate(e *Env, c *backup.Config, meter *filesMeter, begin time.Time) {
	if f.verbose {
		c.Note = func(what, path string) { meter.line(e.Stdout, narration(what, path)) }
	}
	var mu sync.Mutex
	next := begin
	c.Progress = func(done, total int64) {
		now := time.Now()
		mu.Lock()
		due := total >= 0 && (!now.Before(next) || done == total)
		if due {
			next = now.Add(narrateEvery)
		}
		mu.Unlock()
		if due && !meter.draws() {
			d := int(now.Sub(begin).Seconds())
			meter.line(e.Stdout, fmt.Sprintf("Backing up %d/%d... %dh %dm %ds elapsed...", done, total, d/3600, d/60%60, d%60))
		}
	}
}

func narration(what, path string) string {
	switch what {
	case backup.Uploading, backup.Skipping:
		return what + " '" + path + "'.."
	case backup.Creating, backup.Reusing:
		return " " + what + " '" + path + "'"
	}
	return what + " '" + path + "'"
}

func (f *backupFlags) tell(e *Env, r backup.Result, warnings []string, took time.Duration) error {
	if f.json {
		return printJSON(e.Stdout, backupResult{
			URI: r.Cap, Archive: r.Archive,
			FilesUploaded: r.FilesUploaded, FilesReused: r.FilesReused, FilesSkipped: r.FilesSkipped, FilesChecked: r.FilesChecked,
			DirectoriesCreated: r.DirectoriesCreated, DirectoriesReused: r.DirectoriesReused, DirectoriesSkipped: r.DirectoriesSkipped,
			DirectoriesChecked: r.DirectoriesChecked, Bytes: r.Bytes, Elapsed: took.Seconds(), Warnings: warnings,
		})
	}
	text := fmt.Sprintf(" %d files uploaded (%d reused), %d files skipped, %d directories created (%d reused), %d directories skipped\n",
		r.FilesUploaded, r.FilesReused, r.FilesSkipped, r.DirectoriesCreated, r.DirectoriesReused, r.DirectoriesSkipped)
	if f.verbose {
		text += fmt.Sprintf(" %d files checked, %d directories checked\n", r.FilesChecked, r.DirectoriesChecked)
	}
	_, err := fmt.Fprintf(e.Stdout, "%s backup done, elapsed time: %s\n", text, clockText(took))
	return err
}

// clockText is a time as H:MM:SS, with days before it when there are any.
func clockText(d time.Duration) string {
	s := int(d.Seconds())
	text := fmt.Sprintf("%d:%02d:%02d", s/3600%24, s/60%60, s%60)
	switch days := s / (24 * 3600); days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	default:
		return fmt.Sprintf("%d days, %s", days, text)
	}
}
