package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/frontends/web"
	"tahoe/node"
)

func demoCommand(e *Env) *cobra.Command {
	var prepare bool
	cmd := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Make and run a whole grid on this machine, to try it",
		Long: "Make and run a whole grid on this machine, to try it: an introducer, ten storage nodes and a client in one process.\n\n" +
			"The grid is kept in DIR, and a later start finds its files again. Without DIR it is kept among the user's caches.\n" +
			"At a terminal, a number and Enter stops that storage node, and starts it again.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := demoDir(e, args)
			if err != nil {
				return err
			}
			return demo(cmd.Context(), e, dir, prepare)
		},
	}
	cmd.Flags().BoolVar(&prepare, "prepare", false, "make the grid's node directories, and do not run them")
	return cmd
}

// demoDir is the directory of the grid: the one that was given, or one that stays the same.
func demoDir(e *Env, args []string) (string, error) {
	if len(args) > 0 {
		return filepath.Abs(e.Path(args[0]))
	}
	if e.nodeDir != "" {
		return "", &usageError{"the demonstration grid has its own directories; give one as an argument instead of -d"}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &usageError{"there is no directory for caches here; say where to keep the grid: tahoe demo DIR"}
	}
	return filepath.Join(cache, "tahoe-demo"), nil
}

func demo(ctx context.Context, e *Env, dir string, prepare bool) error {
	if _, err := os.Stat(node.DemoClient(dir)); err != nil {
		fmt.Fprintf(e.Stdout, "Making a grid of an introducer, %d storage nodes and a client in %s\n", node.DemoServers, dir)
	}
	shared := node.NewShared(newLog(e.Stderr, slog.LevelWarn)) // twelve nodes at info would bury what the grid has to say
	if prepare {
		if err := node.PrepareDemo(dir, shared.Clock.Now()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.Stdout, "The node directories are in %s; %s run runs any of them.\n", dir, e.Program)
		return err
	}
	d, err := node.OpenDemo(dir, shared)
	if err != nil {
		return err
	}
	return serve(ctx, d, newLog(e.Stderr, slog.LevelInfo), func() {
		fmt.Fprint(e.Stdout, demoWelcome(d, e.Program))
		if IsTerminal(e.Stdin) {
			switchByKeys(e, d)
		}
	})
}

// demoWelcome says where the grid is and what to do with it.
func demoWelcome(d *node.Demo, program string) string {
	client := quoteArg(node.DemoClient(d.Dir()))
	return fmt.Sprintf(`
A grid of %d storage nodes is running. Any 3 of the 10 shares of a file give it back.

  Web pages    %s
  Data         %s

Try it in another terminal:

  curl -T FILE %suri            # stores FILE and prints its capability
  curl -o COPY %suri/CAPABILITY # reads it
  %s -d %s put FILE
  %s -d %s get CAPABILITY COPY
%s
Ctrl-C stops the grid; the next start finds its files again.
`, node.DemoServers, d.WebURL(), d.Dir(), d.WebURL(), d.WebURL(), program, client, program, client, demoDoors(d.Access(), program, client))
}

// demoDoors says how to come in with a name and a password.
func demoDoors(a node.DemoAccess, program, client string) string {
	switch {
	case a.Err != nil:
		return fmt.Sprintf("\nThere is no account to sign in with: %v.\n%s -d %s account add NAME makes one.\n", a.Err, program, client)
	case a.Name == "":
		return ""
	}
	var b strings.Builder
	if a.Password != "" {
		fmt.Fprintf(&b, "\nOr sign in with the name %s and the password %s, which was made up and is shown this once:\n\n", a.Name, a.Password)
	} else {
		fmt.Fprintf(&b, "\nOr sign in with the name %s and the password that was shown at the first start; %s -d %s account passwd %s sets another:\n\n",
			a.Name, program, client, a.Name)
	}
	if a.Login != "" {
		fmt.Fprintf(&b, "  %s    # in a browser\n", a.Login)
	}
	for _, way := range []web.Way{{Protocol: "SFTP", Address: a.SFTP}, {Protocol: "WebDAV", URL: a.DAV}} {
		if way.Address+way.URL == "" {
			continue
		}
		for _, command := range way.Commands(a.Name) {
			fmt.Fprintf(&b, "  %s\n", command)
		}
	}
	return b.String()
}

// switchByKeys stops and starts storage nodes as the person at the terminal says. The goroutine lives as long as the
// terminal; it owns nothing.
func switchByKeys(e *Env, d *node.Demo) {
	ignoreBackground()
	fmt.Fprintf(e.Stdout, "A number from 1 to %d and Enter stops that storage node, and starts it again.\n\n", node.DemoServers)
	go func() {
		lines := bufio.NewScanner(e.Stdin)
		for lines.Scan() {
			for word := range strings.FieldsSeq(lines.Text()) {
				fmt.Fprintln(e.Stdout, switchOne(d, word))
			}
		}
	}()
}

func switchOne(d *node.Demo, word string) string {
	i, err := strconv.Atoi(word)
	if err != nil {
		return fmt.Sprintf("%q is no number from 1 to %d", word, node.DemoServers)
	}
	on, err := d.Switch(i)
	if err != nil {
		return err.Error()
	}
	what := "stopped"
	if on {
		what = "started"
	}
	return fmt.Sprintf("storage-%d is being %s: %d of %d run", i, what, d.Running(), node.DemoServers)
}
