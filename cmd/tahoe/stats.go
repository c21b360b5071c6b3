package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

type statsFlags struct {
	remoteFlags
	raw bool
}

func statsCommand(e *Env) *cobra.Command {
	var f statsFlags
	cmd := &cobra.Command{
		Use:   "stats [REMOTE]",
		Short: "Count everything that a directory reaches",
		Long: "Count everything that a directory reaches, and its sizes. What has several paths counts once, and the sizes of files that can " +
			"change are not counted.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return stats(ctx, e, f, r, append(args, "")[0]) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().BoolVarP(&f.raw, "raw", "r", false, "print what the node sends; like --json")
	return cmd
}

func stats(ctx context.Context, e *Env, f statsFlags, r *remote, arg string) error {
	target, err := r.target(arg)
	if err != nil {
		return err
	}
	handle, err := r.Start(ctx, target.Root, target.Path, wapi.StartDeepStats, wapi.CheckOptions{})
	if err != nil {
		return err
	}
	meter := newCounter(e, f.noProgress)
	defer meter.finish()
	answer, err := r.Await(ctx, handle, func(answer []byte) {
		var s wapi.DeepStats
		if json.Unmarshal(answer, &s) == nil {
			meter.set(s.CountFiles + s.CountDirectories + s.CountUnknown)
		}
	})
	if err != nil {
		return err
	}
	meter.finish()
	if f.raw || f.json {
		_, err = fmt.Fprintf(e.Stdout, "%s\n", strings.TrimSpace(string(answer)))
		return err
	}
	var s wapi.DeepStats
	if err := json.Unmarshal(answer, &s); err != nil {
		return err
	}
	_, err = io.WriteString(e.Stdout, report.Stats(s))
	return err
}
