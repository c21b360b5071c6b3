package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/frontends/web/wapi"
	"tahoe/internal/gridmanager"
)

// completionTimeout is how long a person who pressed Tab waits for the node.
const completionTimeout = 1500 * time.Millisecond

// mostCompletions is how many names of a directory are offered. Nobody reads more.
const mostCompletions = 1000

// completeRemote completes aliases, and paths below them by asking the node. With local, files of this machine too, since the
// argument may be either.
func completeRemote(e *Env, local bool) completer {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		if strings.HasPrefix(word, "URI:") {
			return nil, directive
		}
		dir, err := e.NodeDir()
		if err != nil {
			return nil, directive
		}
		table, err := alias.Load(dir)
		if err != nil {
			return nil, directive
		}
		var found []string
		if !strings.ContainsAny(word, ":/") {
			found = aliasesOf(table, word)
		}
		if local && !strings.Contains(word, ":") {
			return append(found, localNames(e, word)...), directive
		}
		return append(found, remoteNames(cmd, dir, table, word)...), directive
	}
}

// aliasesOf are the aliases that begin with a word, each as it begins a path.
func aliasesOf(table alias.Table, word string) []string {
	var found []string
	for _, name := range table.Names() {
		if strings.HasPrefix(name, word) {
			found = append(found, name+":")
		}
	}
	return found
}

// remoteNames are the paths on the grid that begin with a word; none when the node does not answer.
func remoteNames(cmd *cobra.Command, nodeDir string, table alias.Table, word string) []string {
	cut := strings.LastIndexAny(word, ":/") + 1
	before, last := word[:cut], word[cut:]
	target, err := table.Resolve(before, alias.Default)
	if err != nil || target.Local {
		return nil
	}
	children, err := listQuickly(cmd, nodeDir, target)
	if err != nil {
		return nil
	}
	var found []string
	for _, c := range children {
		if !strings.HasPrefix(c.Name, last) || strings.ContainsAny(c.Name, "\n\t") || len(found) == mostCompletions {
			continue
		}
		name := before + c.Name
		if c.Kind == wapi.KindDirectory {
			name += "/"
		}
		found = append(found, name)
	}
	return found
}

// listQuickly lists a directory, or gives up.
func listQuickly(cmd *cobra.Command, nodeDir string, target alias.Target) ([]wapi.Child, error) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	url := ""
	if f := cmd.Flag("node-url"); f != nil {
		url = f.Value.String()
	}
	if url == "" {
		var err error
		if url, err = wapi.ReadNodeURL(nodeDir); err != nil {
			return nil, err
		}
	}
	client, err := wapi.NewClient(url, nil)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	node, err := client.Node(ctx, target.Root, target.Path)
	return node.Children, err
}

// localNames are the files of this machine that begin with a word, as a shell would offer them.
func localNames(e *Env, word string) []string {
	cut := strings.LastIndexByte(word, '/') + 1
	before, last := word[:cut], word[cut:]
	folder := before
	if folder == "" {
		folder = "."
	}
	entries, err := os.ReadDir(e.Path(folder))
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, last) || strings.HasPrefix(name, ".") && last == "" || len(found) == mostCompletions {
			continue
		}
		if info, err := os.Stat(filepath.Join(e.Path(folder), name)); err == nil && info.IsDir() {
			name += "/"
		}
		found = append(found, before+name)
	}
	return found
}

// completeServer completes the names of the servers that a grid manager knows.
func completeServer(e *Env) completer {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		f := cmd.Flag("config")
		if f == nil || f.Value.String() == "" || f.Value.String() == "-" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		manager, err := gridmanager.Dir(e.Path(f.Value.String())).Load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, s := range manager.Servers() {
			names = append(names, s.Name)
		}
		return beginning(names, word), cobra.ShellCompDirectiveNoFileComp
	}
}
