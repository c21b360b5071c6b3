package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

func deepCheckCommand(e *Env) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "deep-check [REMOTE...]",
		Short: "Check everything that a directory reaches",
		Long: "Check everything that a directory reaches, itself too. Without REMOTE it is the directory of the alias tahoe. With --raw or " +
			"--json, a line is the JSON object that the node sent, and the last line has statistics.\n\n" +
			"Exit code 14 says that something is not healthy, or was not healthy and is not repaired; 12 that something cannot be read any more.",
		Example: "  tahoe deep-check --repair --add-lease tahoe:",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return deepCheck(ctx, e, f, r, orDefault(args)) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print a line for each object")
	return cmd
}

func deepCheck(ctx context.Context, e *Env, f checkFlags, r *remote, args []string) error {
	var found [report.Lost + 1]int
	for _, arg := range args {
		d, err := deepCheckOne(ctx, e, f, r, arg)
		for health, n := range d.After {
			found[health] += n
		}
		if err != nil {
			return err
		}
	}
	return healthError(found)
}

func deepCheckOne(ctx context.Context, e *Env, f checkFlags, r *remote, arg string) (report.DeepCheck, error) {
	d := report.DeepCheck{Repair: f.Repair, Verbose: f.verbose}
	target, err := r.target(arg)
	if err != nil {
		return d, err
	}
	meter := newCounter(e, f.noProgress || f.verbose)
	defer meter.finish()
	for line, err := range r.StreamDeepCheck(ctx, target.Root, target.Path, f.CheckOptions) {
		if err != nil {
			return d, err
		}
		text := d.Add(line.Unit)
		if text != "" && IsTerminal(e.Stdout) {
			meter.clear()
		}
		if err := f.printUnit(e.Stdout, line, text); err != nil {
			return d, err
		}
		meter.add(1)
	}
	meter.finish()
	if f.raw || f.json {
		return d, nil
	}
	_, err = io.WriteString(e.Stdout, d.Done())
	return d, err
}

func (f *checkFlags) printUnit(w io.Writer, line wapi.Line, text string) (err error) {
	if f.raw || f.json {
		_, err = fmt.Fprintf(w, "%s\n", line.JSON)
	} else {
		_, err = io.WriteString(w, text)
	}
	return err
}
