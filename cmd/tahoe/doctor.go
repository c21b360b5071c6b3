package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tahoe/internal/plural"
	"tahoe/node/doctor"
)

func doctorCommand(e *Env) *cobra.Command {
	var basedir string
	var json, all bool
	cmd := &cobra.Command{
		Use:   "doctor [NODEDIR]",
		Short: "Look at a node, and say what is wrong and what to do",
		Long: "Look at a node, and say what is wrong and what to do.\n\n" +
			"It looks at the directory, settings, disk, keys and certificates, ports, introducers,\n" +
			"servers, clock and leases, whether the node runs or not, and changes nothing.\n\n" +
			"Exit code 14 says that there is a problem.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := nodeDirOf(e, basedir, args)
			if err != nil {
				return err
			}
			return transfer(cmd.Context(), func(ctx context.Context) error { return examine(ctx, e, dir, json, all) })
		},
	}
	cmd.Flags().StringVarP(&basedir, "basedir", "C", "", "the node `directory`; like -d")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show also what is well")
	cmd.Flags().BoolVar(&json, "json", false, "say the result as JSON, and errors too")
	return cmd
}

func examine(ctx context.Context, e *Env, dir string, json, all bool) error {
	r := doctor.Examine(ctx, dir, doctor.Config{})
	if err := context.Cause(ctx); err != nil {
		return err
	}
	tell := func() error { return tellReport(e.Stdout, r, all) }
	if json {
		tell = func() error { return printJSON(e.Stdout, r) }
	}
	if err := tell(); err != nil || r.Problems == 0 {
		return err
	}
	return &unhealthyError{fmt.Sprintf("the node has %s", things(r.Problems, "problem"))}
}

// tellReport writes a report for people: a line for each finding, and one for what to do.
func tellReport(w io.Writer, r *doctor.Report, all bool) error {
	well := 0
	for _, f := range r.Findings {
		if f.Level == doctor.OK {
			if well++; !all {
				continue
			}
		}
		if _, err := fmt.Fprintf(w, "%-8s %-12s %s\n", f.Level, f.Area, f.Text); err != nil {
			return err
		}
		if f.Advice != "" {
			if _, err := fmt.Fprintf(w, "%-21s → %s\n", "", f.Advice); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s; %s well.\n", things(r.Problems, "problem"), things(r.Warnings, "warning"), are(well))
	return err
}

// things are so many of them.
func things(n int, what string) string {
	if n == 0 {
		return "no " + what + "s"
	}
	return plural.Of(n, what)
}

func are(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return plural.Of(n, "thing") + " are"
}
