package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

func lsCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var o report.ListOptions
	cmd := &cobra.Command{
		Use:   "ls [REMOTE]",
		Short: "List a directory",
		Long: "List a directory, or show a file. Without REMOTE it is the directory of the alias tahoe.\n\n" +
			"With --long, a line is: drwx SIZE DATE NAME. The first letter is d for a directory, - for a file, and ? for what a later version made; " +
			"r and w say that it can be read and changed by way of this name. The size of what can change is ? unless it is known. The date " +
			"is when the name was made.\n\n" +
			"Exit code 2 says that there is nothing of that name.",
		Example: "  tahoe ls -l tahoe:pictures",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return ls(ctx, e, f, r, o, append(args, "")[0]) })
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVarP(&o.Long, "long", "l", false, "show permissions, sizes and dates")
	cmd.Flags().BoolVar(&o.URI, "uri", false, "show capabilities")
	cmd.Flags().BoolVar(&o.ReadURI, "readonly-uri", false, "show capabilities to read")
	cmd.Flags().BoolVarP(&o.Classify, "classify", "F", false, "append / to directories, * to files that can be changed, and ? to what a later version made")
	return cmd
}

func ls(ctx context.Context, e *Env, f remoteFlags, r *remote, o report.ListOptions, arg string) error {
	target, err := r.target(arg)
	if err != nil {
		return err
	}
	text, err := r.NodeJSON(ctx, target.Root, target.Path)
	switch {
	case errors.Is(err, wapi.ErrNotFound):
		return &codedError{codeListNotFound, &saidError{"No such file or directory", err}}
	case err != nil:
		return err
	case f.json:
		_, err = fmt.Fprintf(e.Stdout, "%s\n", strings.TrimSpace(string(text)))
		return err
	}
	children, err := childrenOf(text, target.Name())
	if err != nil {
		return err
	}
	o.Now = time.Now()
	for _, line := range report.Listing(children, o) {
		if _, err := fmt.Fprintln(e.Stdout, line); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(children, func(c wapi.Child) bool { return c.Kind == wapi.KindUnknown }) {
		fmt.Fprintln(e.Stderr, "What is marked ? is of a kind that this node does not know; a node of a later version may.")
	}
	return nil
}

// childrenOf are the children of a directory, sorted, or what else it is, under its name.
func childrenOf(text []byte, name string) ([]wapi.Child, error) {
	var n wapi.Node
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if n.Kind != wapi.KindDirectory {
		return []wapi.Child{{Name: name, Node: n}}, nil
	}
	slices.SortFunc(n.Children, func(a, b wapi.Child) int { return strings.Compare(a.Name, b.Name) })
	return n.Children, nil
}
