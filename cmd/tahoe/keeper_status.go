package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

func keeperStatusCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var verbose bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the files are that are kept alive",
		Long: "Say how the files are that are kept alive: what is at risk and since when, what is done about it, and what happened lately.\n\n" +
			"Exit code 14 says that something is not as it should be; 12 that something cannot be read any more.",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error {
				k, err := r.Keeper(ctx)
				if err != nil {
					return err
				}
				if f.json {
					err = printJSON(e.Stdout, k)
				} else {
					_, err = io.WriteString(e.Stdout, report.Keeper(k, time.Now(), verbose))
				}
				if err != nil {
					return err
				}
				return keeperError(k)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show all of the history that the node tells of")
	return cmd
}

// keeperError makes an exit code of how the files are.
func keeperError(k wapi.Keeper) error {
	var found [report.Lost + 1]int
	found[report.Lost] = k.By["lost"] + k.By["unreachable"]
	found[report.Unhealthy] = k.By["damaged"]
	found[report.Healthy] = k.Files - found[report.Lost] - found[report.Unhealthy]
	return healthError(found)
}

// keeperOrderCommands are those that a running node obeys at once.
func keeperOrderCommands(e *Env) []*cobra.Command {
	var out []*cobra.Command
	for _, o := range []struct{ order, short, long, done string }{
		{wapi.KeeperPause, "Stop keeping files alive for now", "Stop what the keeper does, at once. It begins nothing until tahoe keeper resume, also after a restart of the node. Leases run out meanwhile.", "The keeper is paused."},
		{wapi.KeeperResume, "Go on after a pause", "Go on where the keeper was paused.", "The keeper goes on."},
		{wapi.KeeperNow, "Look at everything now", "Search for what is to be kept alive, and look at all of it, whether it is due or not.", "The keeper looks at everything."},
	} {
		var f remoteFlags
		cmd := &cobra.Command{
			Use: o.order, Short: o.short, Long: o.long, Args: atMost(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return f.run(cmd, e, func(ctx context.Context, r *remote) error {
					if err := r.OrderKeeper(ctx, o.order); err != nil {
						return err
					}
					_, err := fmt.Fprintln(e.Stdout, o.done)
					return err
				})
			},
		}
		f.add(cmd)
		out = append(out, cmd)
	}
	return out
}
