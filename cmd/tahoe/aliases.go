package main

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/frontends/web/wapi"
)

// uriResult is what the commands print with --json that make a capability or find one. It is only ever extended.
type uriResult struct {
	URI string `json:"uri"`
}

// aliasResult is what create-alias and add-alias print with --json. It is only ever extended.
type aliasResult struct {
	Alias string `json:"alias"`
	URI   string `json:"uri"`
}

func createAliasCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "create-alias ALIAS[:]",
		Short: "Make a new directory, and a name for it",
		Long: "Make a new directory on the grid, and keep its capability in private/aliases of the node directory, under a name. " +
			"ALIAS:a/b then is a path in it. The alias tahoe is the one of paths that name none.",
		Example: "  tahoe create-alias tahoe\n  tahoe put report.pdf tahoe:report.pdf",
		Args:    exactly(1, "the name of the new alias"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return createAlias(ctx, e, f, r, args[0]) })
		},
	}
	f.add(cmd)
	return cmd
}

func createAlias(ctx context.Context, e *Env, f remoteFlags, r *remote, arg string) error {
	dir, name, err := freeName(e, arg)
	if err != nil {
		return err
	}
	uri, err := r.Mkdir(ctx, wapi.MkdirOptions{})
	if err != nil {
		return err
	}
	return addAlias(e, f, dir, name, uri, "created")
}

// freeName is the node directory, and a name that is no alias yet.
func freeName(e *Env, arg string) (dir, name string, err error) {
	if name, err = alias.CheckName(arg); err != nil {
		return "", "", err
	}
	if dir, err = e.NodeDir(); err != nil {
		return "", "", err
	}
	table, err := alias.Load(dir)
	if err != nil {
		return "", "", err
	}
	return dir, name, table.Free(name)
}

func addAlias(e *Env, f remoteFlags, dir, name, uri, done string) error {
	if err := alias.Add(dir, name, uri); err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, aliasResult{Alias: name, URI: uri})
	}
	_, err := fmt.Fprintf(e.Stdout, "Alias '%s' %s\n", name, done)
	return err
}

func addAliasCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:     "add-alias ALIAS[:] DIRCAP",
		Short:   "Give a directory a name",
		Long:    "Keep the capability of a directory in private/aliases of the node directory, under a name.",
		Example: "  tahoe add-alias photos URI:DIR2:...\n  tahoe add-alias photos URI:@photos.cap",
		Args:    exactly(2, "a name and the capability of a directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, name, err := freeName(e, args[0])
			if err != nil {
				return err
			}
			uri, err := directoryCap(e, args[1])
			if err != nil {
				return err
			}
			return addAlias(e, f, dir, name, uri, "added")
		},
	}
	f.add(cmd)
	return cmd
}

// directoryCap reads an argument that is the capability of a directory itself.
func directoryCap(e *Env, arg string) (string, error) {
	secrets := alias.Table{Secret: func(file string) (string, error) { return readSecret(e, file) }}
	target, err := secrets.Resolve(arg, "")
	_, named := errors.AsType[*alias.UnknownError](err)
	switch {
	case err != nil && !named:
		return "", err
	case named, target.Local:
		return "", &usageError{"the second argument is not a capability, which would begin with URI:"}
	case len(target.Path) > 0:
		return "", &usageError{"an alias stands for a directory, not for a path in it: take the capability that tahoe ls --uri shows"}
	}
	c, err := alias.ParseDirectory(target.Root)
	if err != nil {
		return "", err
	}
	return c.Encode(), nil
}

// namedCaps are the capabilities of an alias in `tahoe list-aliases --json`.
type namedCaps struct {
	Write string `json:"readwrite"`
	Read  string `json:"readonly"`
}

func listAliasesCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var readOnly bool
	cmd := &cobra.Command{
		Use:   "list-aliases",
		Short: "List the names that there are for directories",
		Args:  atMost(0),
		RunE: func(_ *cobra.Command, _ []string) error {
			table, err := f.loadAliases(e)
			if err != nil {
				return err
			}
			return listAliases(e, f, table, readOnly)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&readOnly, "readonly-uri", false, "show the capabilities to read, instead of those to write")
	return cmd
}

func listAliases(e *Env, f remoteFlags, table alias.Table, readOnly bool) error {
	all := map[string]namedCaps{}
	width := 0
	for _, name := range table.Names() {
		text, _ := table.Get(name)
		all[name] = namedCaps{Write: text, Read: readCap(text)}
		width = max(width, utf8.RuneCountInString(name)+len("''"))
	}
	if f.json {
		return printIndented(e.Stdout, all)
	}
	for _, name := range table.Names() {
		text := all[name].Write
		if readOnly {
			text = all[name].Read
		}
		if _, err := fmt.Fprintf(e.Stdout, "%*s: %s\n", width, name, text); err != nil {
			return err
		}
	}
	return nil
}

// readCap is a capability without the power to write; empty when that is not known.
func readCap(text string) string {
	c, err := caps.Parse(text)
	if err != nil {
		return ""
	}
	if r, ok := caps.ReadOnly(c); ok {
		return r.Encode()
	}
	return ""
}
