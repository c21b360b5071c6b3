package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tahoe/node"
	"tahoe/node/basedir"
)

// createFlags are those that every command has that makes a node.
type createFlags struct {
	basedir, nickname, introducer, webport, join string
	needed, happy, total                         int
	hideIP                                       bool
}

func (f *createFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.basedir, "basedir", "C", "", "the node `directory`; like -d")
	flags.StringVarP(&f.nickname, "nickname", "n", "", "what the node is called by others")
	flags.StringVarP(&f.introducer, "introducer", "i", "", "the `FURL` of the grid's introducer")
	flags.StringVarP(&f.webport, "webport", "p", node.DefaultWebPort, "where the web port is; none: nowhere")
	flags.IntVar(&f.needed, "shares-needed", 3, "how many shares give a file back")
	flags.IntVar(&f.happy, "shares-happy", 7, "how many servers a new file must reach")
	flags.IntVar(&f.total, "shares-total", 10, "how many shares are made of a file")
	flags.StringVar(&f.join, "join", "", "join a grid by an invite `code` (not supported yet)")
	flags.BoolVar(&f.hideIP, "hide-ip", false, "never reveal this machine's address (not supported yet)")
}

// config checks the flags as far as they are about the command line.
func (f *createFlags) config(cmd *cobra.Command) (node.CreateConfig, error) {
	switch {
	case f.join != "":
		return node.CreateConfig{}, &usageError{"--join is not supported yet; use --introducer, or private/servers.yaml"}
	case f.hideIP:
		return node.CreateConfig{}, &usageError{"--hide-ip needs Tor or I2P, which are not supported yet"}
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"--shares-needed", f.needed}, {"--shares-happy", f.happy}, {"--shares-total", f.total}} {
		if n.value < 1 || n.value > 256 {
			return node.CreateConfig{}, &usageError{fmt.Sprintf("%s is %d, but must be from 1 to 256", n.flag, n.value)}
		}
	}
	if f.needed > f.total || f.happy > f.total {
		return node.CreateConfig{}, &usageError{fmt.Sprintf("--shares-needed (%d) and --shares-happy (%d) must not be more than --shares-total (%d)",
			f.needed, f.happy, f.total)}
	}
	return node.CreateConfig{
		Nickname: f.nickname, Introducer: f.introducer, WebPort: f.webport, AnyWebPort: !cmd.Flags().Changed("webport"),
		Needed: f.needed, Happy: f.happy, Total: f.total,
	}, nil
}

func createClientCommand(e *Env) *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create-client [NODEDIR]",
		Short: "Make a node that uses a grid and keeps no shares for others",
		Args:  atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.config(cmd)
			if err != nil {
				return err
			}
			return create(e, f.basedir, args, c)
		},
	}
	f.add(cmd)
	return cmd
}

// create makes the node, and says what was made and what to do next.
func create(e *Env, given string, args []string, c node.CreateConfig) error {
	dir, err := nodeDirOf(e, given, args)
	if err != nil {
		return err
	}
	made, err := node.Create(dir, c, time.Now())
	if err != nil {
		return err
	}
	say := func(format string, a ...any) { fmt.Fprintf(e.Stdout, format+"\n", a...) }
	say("Node created in %s", made.Dir)
	if made.WebMoved {
		say(" The usual web port is taken, so this node has %s.", made.WebPort)
	}
	if made.WebPort != "" {
		say(" It knows no servers yet: write their entries into %s.", made.Dir.Private("servers.yaml"))
		say(" A server has its own in its private/%s.", basedir.ForClients)
	}
	if c.Nickname == "" {
		say(" Set [node] nickname in %s to what others should call it.", filepath.Join(string(made.Dir), "tahoe.cfg"))
	}
	say(" Start it with: %s run %s", e.Program, quoteArg(dir))
	return nil
}
