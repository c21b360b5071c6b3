package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"tahoe/internal/crawlerstate"
)

func migrateCrawlerCommand(e *Env) *cobra.Command {
	var basedir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate-crawler",
		Short: "Convert the state of a server's crawlers to the form of today",
		Long: "Convert the state of a server's crawlers, which versions before 1.18 of the original kept in Python's pickle format, to\n" +
			"JSON. The files are lease_checker.state, lease_checker.history and bucket_counter.state in the node's folder storage.\n\n" +
			"The pickles are read without being run, so it does not matter who wrote them. Stop the node first.",
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := nodeDirOf(e, basedir, args)
			if err == nil {
				dir, err = filepath.Abs(dir)
			}
			if err == nil {
				err = isDirectory(dir)
			}
			if err != nil {
				return err
			}
			return migrateCrawler(e, storageDir(dir), asJSON)
		},
	}
	cmd.Flags().StringVarP(&basedir, "basedir", "C", "", "the node `directory`; like -d")
	addJSON(cmd, &asJSON)
	return cmd
}

// migrated is what migrate-crawler prints of a file with --json. It is only ever extended.
type migrated struct {
	File   string `json:"file"`
	Result string `json:"result"` // "converted", "already converted" or "not found"
}

// migrateCrawler converts every file that it can.
func migrateCrawler(e *Env, storage string, asJSON bool) error {
	var all []migrated
	var errs []error
	for _, name := range crawlerstate.Names() {
		path := filepath.Join(storage, name)
		result, err := crawlerstate.Migrate(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		line, m := migratedText(path, result)
		all = append(all, m)
		if !asJSON {
			fmt.Fprintln(e.Stdout, line)
		}
	}
	if asJSON {
		errs = append(errs, printJSON(e.Stdout, all))
	}
	return errors.Join(errs...)
}

func migratedText(path string, r crawlerstate.Result) (string, migrated) {
	switch r {
	case crawlerstate.Converted:
		return fmt.Sprintf("Converted '%s' to '%s.json'", path, path), migrated{path + ".json", "converted"}
	case crawlerstate.Already:
		return fmt.Sprintf("Already converted: '%s.json'", path), migrated{path + ".json", "already converted"}
	}
	return fmt.Sprintf("Not found: '%s'", path), migrated{path, "not found"}
}
