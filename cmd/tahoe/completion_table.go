package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// A completer finds what a word may become. None of them fails, or says anything: the person is in the middle of a line.
type completer func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

func completeFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func completeDirectory(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeNothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func completeFormat(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	formats := []string{"CHK", "SDMF", "MDMF"}
	if word != "" && strings.ToLower(word) == word {
		formats = []string{"chk", "sdmf", "mdmf"}
	}
	return beginning(formats, word), cobra.ShellCompDirectiveNoFileComp
}

// beginning are the words that begin with a prefix.
func beginning(words []string, prefix string) []string {
	var found []string
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			found = append(found, w)
		}
	}
	return found
}

// byPosition completes each argument by its own completer; the last one is for all that follow.
func byPosition(completers ...completer) completer {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return completers[min(len(args), len(completers)-1)](cmd, args, word)
	}
}

// argumentCompleters are how the arguments of each command are completed, by the command's path.
func argumentCompleters(e *Env) map[string]completer {
	remote := completeRemote(e, false)
	either := completeRemote(e, true)
	server := byPosition(completeServer(e), completeNothing)
	table := map[string]completer{
		"put": byPosition(completeFile, remote, completeNothing), "get": byPosition(remote, completeFile, completeNothing),
		"cp": either, "backup": byPosition(completeDirectory, remote, completeNothing),
		"mv": remote, "ln": remote,
		"run": completeDirectory,

		"debug dump-share":     byPosition(completeFile, completeNothing),
		"debug corrupt-share":  byPosition(completeFile, completeNothing),
		"debug catalog-shares": completeDirectory,
		"debug find-shares":    byPosition(completeNothing, completeDirectory),
		"grid-manager remove":  server, "grid-manager sign": server,
	}
	for _, path := range []string{"ls", "unlink", "mkdir", "webopen", "manifest", "stats", "check", "deep-check"} {
		table[path] = byPosition(remote, completeNothing)
	}
	for _, path := range []string{"demo", "create-node", "create-client", "create-introducer", "man", "admin migrate-crawler"} {
		table[path] = byPosition(completeDirectory, completeNothing)
	}
	return table
}

// optionCompleters are how the values of options are completed, by the option's name.
func optionCompleters() map[string]completer {
	return map[string]completer{
		"node-directory": completeDirectory, "basedir": completeDirectory, "client-dir": completeDirectory, "storage-dir": completeDirectory,
		"config": completeDirectory, "cap-file": completeFile, "filename": completeFile, "exclude-from": completeFile,
		"exclude-from-utf-8": completeFile, "private-key-path": completeFile, "format": completeFormat, "listen": completeListen,
	}
}

func completeListen(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	return beginning([]string{"tcp", "none"}, word), cobra.ShellCompDirectiveNoFileComp
}

// addCompletions lets the shell complete the command lines of all commands.
func addCompletions(e *Env, root *cobra.Command) {
	arguments, options := argumentCompleters(e), optionCompleters()
	for cmd := range everyCommand(root) {
		_, path, _ := strings.Cut(cmd.CommandPath(), " ")
		if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
			c := arguments[path]
			if c == nil {
				c = completeNothing
			}
			cmd.ValidArgsFunction = cobra.CompletionFunc(c)
		}
		for name, c := range options {
			if cmd.Flag(name) != nil && (cmd.LocalNonPersistentFlags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil) {
				_ = cmd.RegisterFlagCompletionFunc(name, cobra.CompletionFunc(c)) // it is there, and has no other
			}
		}
	}
}

// everyCommand yields a command and all below it.
func everyCommand(cmd *cobra.Command) func(yield func(*cobra.Command) bool) {
	return func(yield func(*cobra.Command) bool) { walkCommands(cmd, yield) }
}

func walkCommands(cmd *cobra.Command, yield func(*cobra.Command) bool) bool {
	if !yield(cmd) {
		return false
	}
	for _, c := range cmd.Commands() {
		if !walkCommands(c, yield) {
			return false
		}
	}
	return true
}
