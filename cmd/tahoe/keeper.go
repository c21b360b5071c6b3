package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/node/basedir"
)

func keeperCommand(e *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keeper COMMAND",
		Short: "Which files the node keeps alive, and how they are",
		Long: "Which files the node keeps alive, and how they are. A running node renews the leases of what it watches long before they end, " +
			"checks it, replaces shares that are missing, and moves shares away from servers that are to be retired.\n\n" +
			"What is watched stands in private/keeper of the node directory. A running node sees changes within a minute.",
		Args: noSuchCommand,
		RunE: needsCommand,
	}
	cmd.AddCommand(keeperStatusCommand(e), keeperAddCommand(e), keeperRemoveCommand(e), keeperListCommand(e), keeperDrainCommand(e), keeperUndrainCommand(e))
	cmd.AddCommand(keeperOrderCommands(e)...)
	return cmd
}

const whatToKeep = "WHAT is aliases for all aliases of the node directory, ALIAS: for one, accounts for the directories of all accounts, account:NAME " +
	"for that of one, or a capability, which needs a --name; URI:@FILE reads one from a file."

// kept reads an argument that says what to keep alive.
func kept(e *Env, arg, name string) (basedir.KeeperLine, error) {
	var l basedir.KeeperLine
	account, isAccount := strings.CutPrefix(arg, "account:")
	switch {
	case arg == basedir.KeepAliases, arg == basedir.KeepAccounts:
		l.Kind = arg
	case isAccount:
		l.Kind, l.Name = basedir.KeepAccount, account
	case strings.HasPrefix(arg, "URI:") || strings.HasPrefix(arg, "imm.") || strings.HasPrefix(arg, "ro."):
		return keptCap(e, arg, name)
	case strings.HasSuffix(arg, ":"):
		l.Kind, l.Name = basedir.KeepAlias, strings.TrimSuffix(arg, ":")
	default:
		return l, &usageError{quoteArg(arg) + " is neither aliases nor accounts nor an ALIAS: with a colon nor account:NAME nor a capability"}
	}
	if name != "" {
		return l, &usageError{"--name is for a capability"}
	}
	if l.Name == "" && l.Kind != arg || strings.ContainsAny(l.Name, " \t") {
		return l, &usageError{quoteArg(arg) + " names nothing, or holds a blank"}
	}
	return l, nil
}

// keptCap reads a capability to keep, which has to be of something with shares.
func keptCap(e *Env, arg, name string) (basedir.KeeperLine, error) {
	l := basedir.KeeperLine{Kind: basedir.KeepCap, Name: name}
	if !regexp.MustCompile(`^[\pL\pN_.-]+$`).MatchString(name) {
		return l, &usageError{"a capability needs a name that people know it by: letters, digits, dots and hyphens, with --name"}
	}
	if file, ok := strings.CutPrefix(arg, "URI:@"); ok {
		var err error
		if arg, err = readSecret(e, file); err != nil {
			return l, err
		}
	}
	c, err := caps.Parse(arg)
	if err != nil {
		return l, err
	}
	if _, ok := caps.VerifyOnly(c); !ok {
		return l, errors.New("the capability is of something without shares, which needs no keeping")
	}
	l.Cap = c
	return l, nil
}

// editKeeper changes the list.
func editKeeper(e *Env, edit func(*basedir.KeeperList) error) error {
	dir, err := keeperDir(e)
	if err != nil {
		return err
	}
	list, err := dir.ReadKeeper()
	if err != nil {
		return err
	}
	if err := edit(list); err != nil {
		return err
	}
	return dir.WriteKeeper(list)
}

func keeperDir(e *Env) (basedir.Dir, error) {
	path, err := e.NodeDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(basedir.Dir(path).Path("tahoe.cfg")); err != nil {
		return "", fmt.Errorf("%s is no node directory: say which is with -d", path)
	}
	return basedir.Dir(path), nil
}

func keeperAddCommand(e *Env) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "add [--name NAME] WHAT...",
		Short:   "Keep something alive",
		Long:    "Keep alive what can be reached from a directory, or a file. " + whatToKeep,
		Example: "  tahoe keeper add aliases accounts\n  tahoe keeper add --name photos URI:@photos.cap",
		Args:    atLeastOne,
		RunE: func(_ *cobra.Command, args []string) error {
			return editKeeper(e, func(list *basedir.KeeperList) error {
				for _, arg := range args {
					l, err := kept(e, arg, name)
					if err != nil {
						return err
					}
					if err := knownAlias(e, l); err != nil {
						return err
					}
					if !list.Add(l) {
						fmt.Fprintf(e.Stderr, "tahoe: %s is kept alive already\n", l)
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what a capability is to be called")
	return cmd
}

// knownAlias refuses to watch an alias that is not there.
func knownAlias(e *Env, l basedir.KeeperLine) error {
	if l.Kind != basedir.KeepAlias {
		return nil
	}
	dir, err := e.NodeDir()
	if err != nil {
		return err
	}
	table, err := alias.Load(dir)
	if err != nil {
		return err
	}
	if _, ok := table.Get(l.Name); !ok {
		return &alias.UnknownError{Name: l.Name}
	}
	return nil
}

func atLeastOne(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usageError{cmd.Name() + " takes at least one argument"}
	}
	return nil
}

func keeperRemoveCommand(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "remove WHAT...",
		Short: "Keep something alive no longer",
		Long: "Keep something alive no longer: its leases run out after 31 days at most, unless it is reached from something else. WHAT is as in " +
			"tahoe keeper add; a capability is called by its name.",
		Args: atLeastOne,
		RunE: func(_ *cobra.Command, args []string) error {
			return editKeeper(e, func(list *basedir.KeeperList) error {
				for _, arg := range args {
					if list.Remove(basedir.KeeperLine{Kind: basedir.KeepCap, Name: arg}) {
						continue
					}
					l, err := kept(e, arg, "")
					if err != nil {
						return err
					}
					if !list.Remove(l) {
						return fmt.Errorf("%s is not kept alive; tahoe keeper list says what is", l)
					}
				}
				return nil
			})
		},
	}
}

// keptResult is a line of `tahoe keeper list --json`. It is only ever extended.
type keptResult struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
}

func keeperListCommand(e *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Say what is kept alive, and which servers are to be retired",
		Long:  "Say what is kept alive, and which servers are to be retired. Capabilities are not shown.",
		Args:  atMost(0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := keeperDir(e)
			if err != nil {
				return err
			}
			list, err := dir.ReadKeeper()
			if err != nil {
				return err
			}
			lines, err := list.All()
			if err != nil {
				return err
			}
			out := []keptResult{}
			for _, l := range lines {
				out = append(out, keptResult{l.Kind, l.Name})
				if !asJSON {
					fmt.Fprintln(e.Stdout, l)
				}
			}
			if asJSON {
				return printJSON(e.Stdout, out)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "say the result as JSON, and errors too")
	return cmd
}

func keeperDrainCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "drain SERVER...",
		Short: "Retire servers: keep nothing there that is watched",
		Long: "Retire servers. New files get no shares there, and the shares of what is watched are put on others. When these are verified, mutable " +
			"shares are removed from the server, and the leases of the others are renewed no longer, so that it may delete them.\n\n" +
			"SERVER is an identifier, which begins with v0-, or a nickname that only one server has that the running node knows. tahoe keeper status says when no file needs the server any more.",
		Args: atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return drainServers(ctx, e, r, args) })
		},
	}
	f.add(cmd)
	return cmd
}

func drainServers(ctx context.Context, e *Env, r *remote, args []string) error {
	return editKeeper(e, func(list *basedir.KeeperList) error {
		for _, arg := range args {
			id, err := serverID(ctx, r, arg)
			if err != nil {
				return err
			}
			list.Add(basedir.KeeperLine{Kind: basedir.KeepRetire, Name: id})
		}
		return nil
	})
}

// serverID is the identifier of a server.
func serverID(ctx context.Context, r *remote, arg string) (string, error) {
	if strings.HasPrefix(arg, "v0-") {
		return arg, nil
	}
	w, err := r.Welcome(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, s := range w.Servers {
		if s.NodeID == arg {
			return arg, nil
		}
		if s.Nickname == arg {
			found = append(found, s.NodeID)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d servers are called %s; give the identifier of one, which the home page of the node shows", len(found), quoteArg(arg))
	}
	return found[0], nil
}

func keeperUndrainCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "undrain SERVER...",
		Short: "Use servers again that were to be retired",
		Long:  "Use servers again that were to be retired. SERVER is as in tahoe keeper drain.",
		Args:  atLeastOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error {
				return editKeeper(e, func(list *basedir.KeeperList) error {
					for _, arg := range args {
						id, err := serverID(ctx, r, arg)
						if err == nil && !list.Remove(basedir.KeeperLine{Kind: basedir.KeepRetire, Name: id}) {
							err = fmt.Errorf("%s is not to be retired", arg)
						}
						if err != nil {
							return err
						}
					}
					return nil
				})
			})
		},
	}
	f.add(cmd)
	return cmd
}
