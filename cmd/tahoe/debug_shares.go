package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/sharedump"
	"tahoe/node/config"
	"tahoe/storage"
)

func findSharesCommand(e *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "find-shares STORAGE-INDEX NODEDIR...",
		Short:   "Find the share files of a storage index in node directories",
		Long:    "Find the share files of a storage index in node directories, and print their names, one to a line.",
		Example: "  tahoe debug find-shares 4vozh77tsrw7mdhnj7qvp5ky74 grid/node-*",
		Args:    atLeast(2, "a storage index, and at least one node directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			index, err := storage.ParseIndex(args[0])
			if err != nil {
				return &usageError{err.Error()}
			}
			l := lister{e: e, json: asJSON}
			l.each(args[1:], func(shares string) { l.find(shares, index) })
			return l.result()
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func catalogSharesCommand(e *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "catalog-shares NODEDIR...",
		Short: "Describe all share files in node directories, a line each",
		Long: "Describe all share files in node directories, a line each:\n\n" +
			"  CHK STORAGE-INDEX k/N SIZE UEB-HASH SECONDS FILE\n" +
			"  SDMF STORAGE-INDEX k/N SIZE #SEQNUM:ROOT-HASH SECONDS FILE\n" +
			"  MDMF STORAGE-INDEX k/N SIZE #SEQNUM:ROOT-HASH SECONDS FILE\n" +
			"  UNKNOWN KIND FILE\n\n" +
			"SECONDS is how long the first lease to end still lasts. What cannot be read is told on standard error, and the\n" +
			"catalog goes on; the exit code then is 1. With --json, each line is a JSON object.",
		Example: "  tahoe debug catalog-shares grid/node-* > shares.txt",
		Args:    atLeast(1, "at least one node directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			l := lister{e: e, json: asJSON}
			l.each(args, l.catalog)
			return l.result()
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// A lister prints facts about many shares, and goes on after failures.
type lister struct {
	e       *Env
	json    bool
	failed  int
	written error // the output could not be written, so that nothing more need be
}

// each is called with the folder of shares of each node directory.
func (l *lister) each(dirs []string, f func(shares string)) {
	for _, d := range dirs {
		dir, err := absolute(l.e, d)
		if err == nil {
			err = isDirectory(dir)
		}
		if err != nil {
			l.fail(err)
			continue
		}
		f(filepath.Join(storageDir(dir), "shares"))
	}
}

func isDirectory(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file, and not a node directory", path)
	}
	return err
}

// storageDir is where the node of a directory keeps its shares, as far as its configuration can be read.
func storageDir(dir string) string {
	if _, settings, err := config.Load(dir); err == nil && settings.Storage.Dir != "" {
		return settings.Storage.Dir
	}
	return filepath.Join(dir, "storage")
}

func (l *lister) find(shares string, i storage.Index) {
	found, err := sharedump.Find(shares, i)
	if err != nil {
		l.fail(err)
	}
	for _, path := range found {
		l.say(sharedump.Quote(path, false), map[string]string{"filename": path})
	}
}

func (l *lister) catalog(shares string) {
	now := time.Now()
	for path, err := range sharedump.Catalog(shares) {
		var entry sharedump.Entry
		if err == nil {
			entry, err = sharedump.Describe(path, now)
		}
		if err != nil {
			l.fail(err)
		} else {
			l.say(entry.String(), entry)
		}
		if l.written != nil {
			return
		}
	}
}

// say prints a fact.
func (l *lister) say(line string, asJSON any) {
	if l.written == nil && l.json {
		l.written = printJSON(l.e.Stdout, asJSON)
	} else if l.written == nil {
		_, l.written = fmt.Fprintln(l.e.Stdout, line)
	}
}

// fail tells what could not be read.
func (l *lister) fail(err error) {
	l.failed++
	if l.json {
		l.say("", map[string]string{"error": sentence(err)})
		return
	}
	fmt.Fprintf(l.e.Stderr, "tahoe: %s\n", sentence(err))
}

func (l *lister) result() error {
	switch {
	case l.written != nil:
		return l.written
	case l.failed == 1:
		return errors.New("one file or directory could not be read, as told above; what was printed is about the others")
	case l.failed > 1:
		return fmt.Errorf("%d files or directories could not be read, as told above; what was printed is about the others", l.failed)
	}
	return nil
}
