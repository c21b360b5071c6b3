package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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

// token shows the node that its own user asks; "" where that cannot be read, and when a node was named, which need not be ours.
func (f *remoteFlags) token(e *Env) string {
	if f.nodeURL != "" {
		return ""
	}
	dir, err := e.NodeDir()
	if err != nil {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(dir, "private", "api_auth_token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func status(ctx context.Context, e *Env, f remoteFlags, r *remote, verbose bool) error {
	s, err := r.Status(ctx, f.token(e))
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
