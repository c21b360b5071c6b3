package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/frontends/web/wapi"
)

func mkdirCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var format string
	cmd := &cobra.Command{
		Use:   "mkdir [REMOTE]",
		Short: "Make a directory and print its capability",
		Long: "Make a directory and print its capability. Without REMOTE no directory knows it, and nobody finds it without the " +
			"capability. A directory that is there already stays as it is. Directories on the way are made.",
		Example: "  tahoe mkdir tahoe:pictures/2026",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if up := strings.ToUpper(format); up != "" && up != wapi.FormatSDMF && up != wapi.FormatMDMF {
				return &usageError{fmt.Sprintf("--format %s: not a format of directories; SDMF and MDMF are", format)}
			}
			return f.run(cmd, e, func(ctx context.Context, r *remote) error {
				uri, err := mkdir(ctx, r, wapi.MkdirOptions{Format: format}, args)
				if err != nil {
					return err
				}
				return printURI(e, f, uri)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&format, "format", "", "the `format` of the directory: SDMF or MDMF")
	return cmd
}

func mkdir(ctx context.Context, r *remote, o wapi.MkdirOptions, args []string) (string, error) {
	if len(args) == 0 {
		return r.Mkdir(ctx, o)
	}
	to, err := r.target(args[0])
	switch {
	case err != nil:
		return "", err
	case len(to.Path) == 0: // the original makes one that has nothing to do with the argument
		return "", &usageError{"the directory is there already: say what the new one is to be called in it, as in ALIAS:NAME, or leave the argument out"}
	}
	return r.MkdirAt(ctx, to.Root, to.Path, o)
}

// printURI prints a capability on a line.
func printURI(e *Env, f remoteFlags, uri string) error {
	if f.json {
		return printJSON(e.Stdout, uriResult{URI: uri})
	}
	_, err := fmt.Fprintln(e.Stdout, uri)
	return err
}
