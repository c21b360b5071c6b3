package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/fetch"
	"tahoe/frontends/web/wapi"
)

type getFlags struct {
	remoteFlags
	capFile string
}

func getCommand(e *Env) *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get REMOTE [LOCAL|-]",
		Short: "Fetch a file from the grid",
		Long: "Fetch a file from the grid, and write it to LOCAL, or to standard output without LOCAL or for -. " +
			"REMOTE is a capability, a path such as ALIAS:a/b, or a path in the directory of the alias tahoe.\n\n" +
			"LOCAL appears when the whole file is there, and is not touched when something fails. When get is interrupted, or the node " +
			"goes away, what has come of a file that cannot change is kept beside LOCAL, and the same command goes on from there.\n\n" +
			"With --cap-file=FILE, REMOTE is left out; it is the same as URI:@FILE for REMOTE (see: tahoe help remote-paths).",
		Example: "  tahoe get tahoe:pictures/cat.jpg cat.jpg\n  tahoe get URI:CHK:... picture.jpg\n  tahoe get --cap-file directory.cap | tar xz",
		Args:    func(_ *cobra.Command, args []string) error { return checkGet(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return get(ctx, e, f, r, args) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().StringVar(&f.capFile, "cap-file", "", "read the capability from `FILE`, or from standard input for -")
	return cmd
}

func checkGet(f getFlags, args []string) error {
	first, most := 1, 2
	if f.capFile != "" {
		first, most = 0, 1
	}
	switch {
	case len(args) < first:
		return &usageError{"get needs the file's capability or path: as its first argument, or with --cap-file"}
	case len(args) == most && args[most-1] == "":
		return &usageError{"the name of the local file is empty; leave it out, or write -, for standard output"}
	case len(args) > most:
		return &usageError{fmt.Sprintf("get takes a remote file and one name, not %d arguments more", len(args)-most)}
	case f.json && (len(args) < most || args[most-1] == "-"):
		return &usageError{"--json needs the name of a local file, because the file itself goes to standard output without one"}
	}
	return nil
}

// getResult is what `tahoe get --json` prints. It is only ever extended.
type getResult struct {
	Size int64  `json:"size"`
	File string `json:"file,omitempty"`
}

func get(ctx context.Context, e *Env, f getFlags, r *remote, args []string) error {
	if f.capFile != "" {
		args = append([]string{"URI:@" + f.capFile}, args...)
	}
	from, err := r.target(args[0])
	if err != nil {
		return err
	}
	local := ""
	if len(args) > 1 && args[1] != "-" {
		local = args[1]
	}
	return fetchTo(ctx, e, f, r, from, local)
}

func fetchTo(ctx context.Context, e *Env, f getFlags, r *remote, from alias.Target, local string) error {
	ownScreen := local != "" || !IsTerminal(e.Stdout) // else the file itself is drawn there
	meter := newMeter(e, -1, f.noProgress || !ownScreen)
	defer meter.finish()
	d := fetch.Download{
		Open: func(ctx context.Context, part wapi.Range) (*wapi.Body, error) {
			body, err := r.GetAt(ctx, from.Root, from.Path, part)
			return body, ofDirectory(err)
		},
		Size: meter.begin,
		Read: meter.add,
	}
	if local == "" {
		_, err := d.To(ctx, e.Stdout)
		return err
	}
	path := e.Path(local)
	n, err := d.ToFile(ctx, path)
	if err != nil {
		return err
	}
	meter.finish()
	if f.json {
		return printJSON(e.Stdout, getResult{Size: n, File: path})
	}
	_, err = fmt.Fprintf(e.Stderr, "%d bytes retrieved and written to %s\n", n, local)
	return err
}

// ofDirectory says in words that a node sent the reader on to the page of a directory.
func ofDirectory(err error) error {
	if e, ok := errors.AsType[*wapi.Error](err); ok && e.Status == http.StatusFound {
		return &saidError{"this is a directory: `tahoe ls` lists it, and `tahoe cp -r` fetches what is in it", err}
	}
	return err
}
