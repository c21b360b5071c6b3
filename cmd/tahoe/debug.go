package main

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func debugCommand(e *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "debug COMMAND",
		Short: "Look into share files and capabilities",
		Long: "Look into share files and capabilities. These commands work on files, without a node.\n\n" +
			"For example, to see what the servers of a test grid hold: tahoe debug catalog-shares grid/node-*",
		Args: noSuchCommand,
		RunE: needsCommand,
	}
	cmd.AddCommand(
		dumpShareCommand(e), dumpCapCommand(e), findSharesCommand(e), catalogSharesCommand(e), corruptShareCommand(e),
		goneCommand("flogtool", "flogtool is gone: this program writes its log as text to standard error, and makes no flog files"),
		goneCommand("repl", "repl is gone: there is no Python in this program; other programs talk to a node through its web API"),
		goneCommand("trial", "trial is gone: the tests of this program are not part of it; ./check in its source runs them"),
	)
	return cmd
}

// needsCommand is what a command does that is only a heading for others.
func needsCommand(cmd *cobra.Command, _ []string) error {
	_ = cmd.Help()
	return &usageError{"must specify a command of " + cmd.Name()}
}

// noSuchCommand is a check of the arguments of such a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{quoteArg(args[0]) + " is not a command of " + cmd.Name()}
	}
	return nil
}

// goneCommand stands for a command of the original that has nothing to do here. It takes whatever arguments there are.
func goneCommand(name, sentence string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Short:              "Gone; says so",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return errors.New(sentence) },
	}
}

// exactly is a check for the number of arguments, which names says in words.
func exactly(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return &usageError{cmd.Name() + " takes " + names}
		}
		return notEmpty(cmd, args)
	}
}

// atLeast is a check for the number of arguments, which names says in words.
func atLeast(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return &usageError{cmd.Name() + " takes " + names}
		}
		return notEmpty(cmd, args)
	}
}

func notEmpty(cmd *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return &usageError{"an argument of " + cmd.Name() + " is empty"}
	}
	return nil
}

// absolute is the absolute form of a path that the user gave.
func absolute(e *Env, path string) (string, error) { return filepath.Abs(e.Path(path)) }

// addJSON adds --json.
func addJSON(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "json", false, "say the result as JSON")
}
