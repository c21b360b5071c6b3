package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

func statusCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var verbose bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the node does and has done lately",
		Long: "Show what the node does and has done lately.\n\n" +
			"Exit code 2 says that the node did not answer.",
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return status(ctx, e, f, r, verbose) })
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show also what was done for mutable files and directories")
	return cmd
}

// statusResult is what `tahoe status --json` prints. It is only ever extended.
type statusResult struct {
	Status     wapi.Status     `json:"status"`
	Statistics wapi.Statistics `json:"statistics"`
}

func status(ctx context.Context, e *Env, f remoteFlags, r *remote, verbose bool) error {
	s, err := r.Status(ctx)
	if err != nil {
		return &codedError{codeStatus, fmt.Errorf("failed to retrieve data: %w", err)}
	}
	n, err := r.Statistics(ctx)
	if err != nil {
		return &codedError{codeStatus, fmt.Errorf("failed to retrieve data: %w", err)}
	}
	if f.json {
		return printJSON(e.Stdout, statusResult{s, n})
	}
	_, err = io.WriteString(e.Stdout, report.Status(s, n, verbose))
	return err
}
