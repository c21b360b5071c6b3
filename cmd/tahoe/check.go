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

// checkFlags are those of check and deep-check.
type checkFlags struct {
	remoteFlags
	wapi.CheckOptions
	raw, verbose bool
}

func (f *checkFlags) add(cmd *cobra.Command) {
	f.remoteFlags.add(cmd)
	cmd.Flags().BoolVar(&f.raw, "raw", false, "print what the node sends; like --json")
	cmd.Flags().BoolVar(&f.Verify, "verify", false, "read all shares and check every hash, instead of asking which shares there are")
	cmd.Flags().BoolVar(&f.Repair, "repair", false, "make what is missing")
	cmd.Flags().BoolVar(&f.AddLease, "add-lease", false, "renew the leases of all shares")
}

func checkCommand(e *Env) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [REMOTE...]",
		Short: "Find out whether a file or directory has all its shares",
		Long: "Find out whether a file or directory has all its shares. Without REMOTE it is the directory of the alias tahoe.\n\n" +
			"Exit code 14 says that something is not healthy, or was not healthy and is not repaired; 12 that it cannot be read any more.",
		Example: "  tahoe check --verify --repair tahoe:pictures/cat.jpg",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return check(ctx, e, f, r, orDefault(args)) })
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "")
	_ = cmd.Flags().MarkHidden("verbose") // the original has it, and does nothing with it
	return cmd
}

// orDefault is the directory of the default alias when there are no arguments.
func orDefault(args []string) []string {
	if len(args) == 0 {
		return []string{""}
	}
	return args
}

func check(ctx context.Context, e *Env, f checkFlags, r *remote, args []string) error {
	var found [report.Lost + 1]int
	for _, arg := range args {
		target, err := r.target(arg)
		if err != nil {
			return err
		}
		answer, err := r.CheckJSON(ctx, target.Root, target.Path, f.CheckOptions)
		if err != nil {
			return err
		}
		health, text, err := f.read(answer)
		if err != nil {
			return err
		}
		found[health]++
		if _, err := io.WriteString(e.Stdout, text); err != nil {
			return err
		}
	}
	return healthError(found)
}

// read is the health of what was checked, and what to print about it.
func (f *checkFlags) read(answer []byte) (health report.Health, text string, err error) {
	if f.Repair {
		var r wapi.RepairResult
		err = json.Unmarshal(answer, &r)
		health, text = report.HealthAfter(r), report.Repair(r)
	} else {
		var r wapi.CheckResult
		err = json.Unmarshal(answer, &r)
		health, text = report.HealthOf(r), report.Check(r)
	}
	if f.raw || f.json {
		text = strings.TrimSpace(string(answer)) + "\n"
	}
	return health, text, err
}

// healthError is an error when something is not as it should be.
func healthError(found [report.Lost + 1]int) error {
	total := found[report.Healthy] + found[report.Unhealthy] + found[report.Lost]
	switch {
	case found[report.Lost] > 0:
		return &codedError{codeNoShares, fmt.Errorf("%d of the %d that were checked cannot be read any more", found[report.Lost], total)}
	case found[report.Unhealthy] > 0:
		return &unhealthyError{fmt.Sprintf("%d of the %d that were checked are not healthy", found[report.Unhealthy], total)}
	}
	return nil
}
