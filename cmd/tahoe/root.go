package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/frontends/web/wapi"
	"tahoe/node"
)

// run is the program: it does what args say, and returns the exit code.
func run(ctx context.Context, e *Env, args []string) (code int) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(e.Stderr, "tahoe: a fault in the program: %v\nPlease report it, with the command that you gave.\n", v)
			code = codeFailure
		}
	}()
	root := rootCommand(e)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return codeOK
	}
	if _, ok := errors.AsType[*usageError](err); !ok && !e.begun { // options before the command's name, which cobra tells nobody of
		err = &usageError{flagSentence(err)}
	}
	if wantsJSON(cmd, args) {
		_ = printJSON(e.Stderr, failureOf(err))
	} else {
		tell(e.Stderr, cmd.CommandPath(), err)
	}
	return exitCode(err)
}

// A failure is what --json prints on standard error instead of a sentence. It is only ever extended.
type failure struct {
	Error  string `json:"error"`
	Code   int    `json:"exit_code"`
	Status int    `json:"status,omitempty"` // of the node's answer, when it was one
	Kind   string `json:"kind,omitempty"`   // likewise: what the node calls the failure
}

func failureOf(err error) failure {
	f := failure{Error: sentence(err), Code: exitCode(err)}
	if answer, ok := errors.AsType[*wapi.Error](err); ok {
		f.Status, f.Kind = answer.Status, answer.Kind
	}
	return f
}

// wantsJSON says whether a command was asked for JSON, even if its options could not be read.
func wantsJSON(cmd *cobra.Command, args []string) bool {
	f := cmd.Flags().Lookup("json")
	if f == nil {
		return false
	}
	options, _, _ := strings.Cut(strings.Join(args, "\x00")+"\x00", "\x00--\x00")
	return f.Value.String() == "true" || strings.Contains("\x00"+options, "\x00--json\x00")
}

// tell writes the sentence of an error.
func tell(w io.Writer, command string, err error) {
	fmt.Fprintf(w, "tahoe: %s\n", sentence(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(w, "Try: %s --help\n", command)
	}
}

// sentence is an error on one line.
func sentence(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func rootCommand(e *Env) *cobra.Command {
	var quiet, version, versionAndPath bool
	root := &cobra.Command{
		Use:   "tahoe",
		Short: "Make, run and use the nodes of a storage grid",
		Long: "Make, run and use the nodes of a storage grid.\n\n" +
			"To try it: tahoe demo. It makes a whole grid on this machine, and says what to do with it.",
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("%q is not a command of tahoe", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version || versionAndPath {
				_, err := fmt.Fprintln(e.Stdout, node.Version())
				return err
			}
			_ = cmd.Help()
			return &usageError{"must specify a command"}
		},
		PersistentPreRun: func(*cobra.Command, []string) {
			e.begun = true
			if quiet {
				e.Stdout = io.Discard
			}
		},
	}
	root.PersistentFlags().StringVarP(&e.nodeDir, "node-directory", "d", "", "the node `directory` (default ~/.tahoe)")
	root.PersistentFlags().BoolVarP(&quiet, "quiet", "q", false, "write nothing to standard output")
	root.Flags().BoolVarP(&version, "version", "V", false, "print the version")
	root.Flags().BoolVar(&versionAndPath, "version-and-path", false, "print the version")
	_ = root.Flags().MarkHidden("version-and-path")
	root.SetIn(e.Stdin)
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{flagSentence(err)} })
	root.AddCommand(commands(e)...)
	addGlobalOptions(e, root)
	addHelp(e, root)
	addCompletions(e, root)
	return root
}

// flagSentence is an error about a flag, without what package strconv adds to it.
func flagSentence(err error) string {
	text, _, _ := strings.Cut(err.Error(), ": strconv.")
	return text
}

// commands are the verbs, in groups.
func commands(e *Env) []*cobra.Command {
	return slices.Concat(fileCommands(e), nodeCommands(e), careCommands(e))
}

func nodeCommands(e *Env) []*cobra.Command {
	return grouped(groupNodes,
		demoCommand(e),
		createNodeCommand(e),
		createClientCommand(e),
		createIntroducerCommand(e),
		runCommand(e),
		adminCommand(e),
		accountCommand(e),
		gridManagerCommand(e),
		inviteCommand(),
	)
}

func fileCommands(e *Env) []*cobra.Command {
	return grouped(groupFiles,
		createAliasCommand(e),
		addAliasCommand(e),
		listAliasesCommand(e),
		mkdirCommand(e),
		lsCommand(e),
		putCommand(e),
		getCommand(e),
		cpCommand(e),
		backupCommand(e),
		unlinkCommand(e),
		mvCommand(e),
		lnCommand(e),
		webopenCommand(e),
	)
}

func careCommands(e *Env) []*cobra.Command {
	return grouped(groupCare,
		manifestCommand(e),
		statsCommand(e),
		checkCommand(e),
		deepCheckCommand(e),
		keeperCommand(e),
		statusCommand(e),
		doctorCommand(e),
		debugCommand(e),
		completionCommand(e),
		manCommand(e),
	)
}

// atMost is a check for the number of arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return &usageError{fmt.Sprintf("%s takes at most %d of the %d arguments given", cmd.Name(), n, len(args))}
		}
		return nil
	}
}

// nodeDirOf is the node directory of a command that takes it as an argument, as -C or as -d.
func nodeDirOf(e *Env, basedir string, args []string) (string, error) {
	switch {
	case len(args) > 0 && args[0] == "":
		return "", &usageError{"the name of the node directory is empty"}
	case len(args) > 0 && (basedir != "" || e.nodeDir != ""):
		return "", &usageError{"the node directory is given twice; leave one of them out"}
	case len(args) > 0:
		return e.Path(args[0]), nil
	case basedir != "":
		return e.Path(basedir), nil
	}
	return e.NodeDir()
}
