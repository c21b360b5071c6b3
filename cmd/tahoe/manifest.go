package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

type manifestFlags struct {
	remoteFlags
	index, verifyCap, repairCap, raw bool
}

func manifestCommand(e *Env) *cobra.Command {
	var f manifestFlags
	cmd := &cobra.Command{
		Use:   "manifest [REMOTE]",
		Short: "List everything that a directory reaches",
		Long: "List everything that a directory reaches, itself first: a line with the capability and the path of each. What has several " +
			"paths is listed once. With --raw or --json, a line is the JSON object that the node sent, and the last line has statistics.",
		Example: "  tahoe manifest tahoe: > everything",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return manifest(ctx, e, f, r, append(args, "")[0]) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().BoolVarP(&f.index, "storage-index", "s", false, "print only storage indexes")
	cmd.Flags().BoolVar(&f.verifyCap, "verify-cap", false, "print only capabilities to verify")
	cmd.Flags().BoolVar(&f.repairCap, "repair-cap", false, "print only capabilities to repair")
	cmd.Flags().BoolVarP(&f.raw, "raw", "r", false, "print what the node sends")
	return cmd
}

func manifest(ctx context.Context, e *Env, f manifestFlags, r *remote, arg string) error {
	target, err := r.target(arg)
	if err != nil {
		return err
	}
	meter := newCounter(e, f.noProgress || IsTerminal(e.Stdout))
	defer meter.finish()
	for line, err := range r.StreamManifest(ctx, target.Root, target.Path) {
		if err != nil {
			return err
		}
		meter.add(1)
		if err := f.print(e.Stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func (f *manifestFlags) print(w io.Writer, l wapi.Line) (err error) {
	if f.raw || f.json {
		_, err = fmt.Fprintf(w, "%s\n", l.JSON)
		return err
	}
	if text := f.text(l.Unit); text != "" {
		_, err = fmt.Fprintln(w, text)
	}
	return err
}

// text is what the options ask for of a unit. It is empty when there is nothing of the kind.
func (f *manifestFlags) text(u wapi.Unit) string {
	switch {
	case u.Type != wapi.UnitFile && u.Type != wapi.UnitDirectory:
		return ""
	case f.index:
		return report.Name(u.StorageIndex)
	case f.verifyCap:
		return report.Name(u.VerifyCap)
	case f.repairCap:
		return report.Name(u.RepairCap)
	}
	return report.Name(u.Cap) + " " + report.Path(u.Path)
}
