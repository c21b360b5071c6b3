package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/frontends/web/wapi"
)

func mvCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "mv FROM TO",
		Short: "Give something on the grid another name",
		Long: "Give something on the grid another name, perhaps in another directory. When TO ends in a slash, the last name of FROM is " +
			"appended. A file that has the new name is replaced, a directory is not. Nothing is copied.",
		Example: "  tahoe mv tahoe:draft tahoe:old/draft-1\n  tahoe mv tahoe:draft tahoe:old/",
		Args:    exactly(2, "a path and the new path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return relink(ctx, e, f, r, args, true) })
		},
	}
	f.add(cmd)
	return cmd
}

func lnCommand(e *Env) *cobra.Command {
	var f remoteFlags
	cmd := &cobra.Command{
		Use:   "ln FROM TO",
		Short: "Give something on the grid one name more",
		Long: "Give something on the grid one name more. FROM is a path, or a capability. When TO ends in a slash, the last name of FROM is " +
			"appended. A file that has the new name is replaced, a directory is not. Nothing is copied: both names stand for the same.",
		Example: "  tahoe ln tahoe:report tahoe:shared/report\n  tahoe ln URI:CHK:... tahoe:picture.jpg",
		Args:    exactly(2, "what there is and the new path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return relink(ctx, e, f, r, args, false) })
		},
	}
	f.add(cmd)
	return cmd
}

// relink links what is at the first argument at the second, and, to move it, unlinks it where it was.
func relink(ctx context.Context, e *Env, f remoteFlags, r *remote, args []string, move bool) error {
	from, to, err := relinkTargets(r, args, move)
	if err != nil {
		return err
	}
	uri, err := capAt(ctx, r, from)
	if err != nil {
		return err
	}
	same, err := samePlace(ctx, r, from, to, move)
	if err == nil && !same {
		err = relinkTo(ctx, r, from, to, uri, move)
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, uriResult{URI: uri})
	}
	_, err = fmt.Fprintln(e.Stdout, "OK")
	return err
}

// capAt is the strongest capability of what is at a place. Of what a later version made, only the description has it.
func capAt(ctx context.Context, r *remote, t alias.Target) (string, error) {
	uri, err := r.URI(ctx, t.Root, t.Path)
	if answer, ok := errors.AsType[*wapi.Error](err); !ok || answer.Status != http.StatusBadRequest {
		return uri, err
	}
	node, err := r.Node(ctx, t.Root, t.Path)
	if err == nil && node.URI() == "" {
		err = errors.New("the node does not say what its capability is")
	}
	return node.URI(), err
}

func relinkTo(ctx context.Context, r *remote, from, to alias.Target, uri string, move bool) error {
	err := r.PutURI(ctx, to.Root, to.Path, uri, wapi.ReplaceOnlyFiles)
	switch {
	case errors.Is(err, wapi.ErrConflict):
		return &saidError{"You can't overwrite a directory with a file", err}
	case err != nil && move:
		return fmt.Errorf("%w; NOT removing the original", err)
	case err != nil || !move:
		return err
	}
	if _, err := r.Unlink(ctx, from.Root, from.Path); err != nil {
		return &codedError{codeMoveLinked, fmt.Errorf("the new name is there, and the old one could not be removed: %w", err)}
	}
	return nil
}

// relinkTargets are the two places. What would lose something is refused.
func relinkTargets(r *remote, args []string, move bool) (from, to alias.Target, err error) {
	if from, err = r.target(args[0]); err == nil {
		to, err = r.target(args[1])
	}
	if err != nil {
		return from, to, err
	}
	if to.Slash || len(to.Path) == 0 { // the directory of an alias or a capability needs no slash
		if from.Name() == "" {
			return from, to, &usageError{"what is moved or linked has no name of its own here: say what it is to be called"}
		}
		to = to.Child(from.Name())
	}
	switch inside := from.Root == to.Root && len(to.Path) > len(from.Path) && slices.Equal(to.Path[:len(from.Path)], from.Path); {
	case !move:
	case len(from.Path) == 0:
		return from, to, &usageError{"what is moved is the last name of a path, and there is none"}
	case inside:
		return from, to, errors.New("a directory cannot be moved into itself: nobody would find it again")
	}
	return from, to, nil
}

// samePlace says whether two names are one. The original links such a name to what it stands for, and then removes it.
func samePlace(ctx context.Context, r *remote, from, to alias.Target, move bool) (bool, error) {
	if !move || from.Name() != to.Name() {
		return false, nil
	}
	if from.Root == to.Root && slices.Equal(from.Path, to.Path) {
		return true, nil
	}
	a, err := r.ReadURI(ctx, from.Root, from.Parent().Path)
	if err != nil {
		return false, err
	}
	b, err := r.ReadURI(ctx, to.Root, to.Parent().Path)
	if errors.Is(err, wapi.ErrNotFound) {
		return false, nil
	}
	return a == b, err
}
