package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func unlinkCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:     "unlink REMOTE",
		Aliases: []string{"rm"},
		Short:   "Take a name out of its directory",
		Long: "Take a name out of its directory. What it stood for is still there for whoever has its capability, or another name for it, " +
			"until its leases end.",
		Example: "  tahoe unlink tahoe:pictures/cat.jpg",
		Args:    exactly(1, "a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error {
				return unlink(ctx, e, f, r, cmd.CalledAs(), args[0])
			})
		},
	}
	f.add(cmd)
	return cmd
}

func unlink(ctx context.Context, e *Env, f remoteFlags, r *remote, verb, arg string) error {
	target, err := r.target(arg)
	if err != nil {
		return err
	}
	if len(target.Path) == 0 {
		return fmt.Errorf("'tahoe %s' can only unlink directory entries, so a path must be given.", verb)
	}
	uri, err := r.Unlink(ctx, target.Root, target.Path)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, uriResult{URI: uri})
	}
	_, err = fmt.Fprintln(e.Stdout, "200 OK")
	return err
}
