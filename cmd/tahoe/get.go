package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/frontends/web/wapi"
)

type getFlags struct {
	transferFlags
	capFile string
}

func getCommand(e *Env) *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get CAP [LOCAL|-]",
		Short: "Fetch a file from the grid",
		Long: "Fetch a file from the grid, and write it to LOCAL, or to standard output without LOCAL or for -.\n\n" +
			"LOCAL appears when the whole file is there, and is not touched when something fails. With --cap-file, CAP is\n" +
			"left out: the capability then stands neither in the shell's history nor in the list of processes.",
		Example: "  tahoe get URI:CHK:... picture.jpg\n  tahoe get --cap-file directory.cap | tar xz",
		Args:    func(_ *cobra.Command, args []string) error { return checkGet(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return transfer(cmd.Context(), func(ctx context.Context) error { return get(ctx, e, f, args) })
		},
	}
	f.add(cmd)
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
		return &usageError{"get needs the capability of a file: as its first argument, or with --cap-file"}
	case len(args) == most && args[most-1] == "":
		return &usageError{"the name of the local file is empty; leave it out, or write -, for standard output"}
	case len(args) > most:
		return &usageError{fmt.Sprintf("get takes a capability and one name, not %d arguments more", len(args)-most)}
	}
	return nil
}

// checkCap refuses what only a later version can follow: aliases and paths.
func checkCap(text string) error {
	bare := strings.TrimPrefix(strings.TrimPrefix(text, "ro."), "imm.")
	switch {
	case !strings.HasPrefix(bare, "URI:"):
		return &usageError{"this is no capability, which would begin with URI:, and aliases are not supported by this version yet"}
	case strings.Contains(bare, "/"):
		return &usageError{"paths below a directory are not supported by this version yet: give the capability of the file itself"}
	}
	return nil
}

// getResult is what `tahoe get --json` prints. It is only ever extended.
type getResult struct {
	Size int64  `json:"size"`
	File string `json:"file,omitempty"`
}

func get(ctx context.Context, e *Env, f getFlags, args []string) (err error) {
	var secret string
	if f.capFile != "" {
		secret, err = readSecret(e, f.capFile)
	} else {
		secret, args = args[0], args[1:]
	}
	if err == nil {
		err = checkCap(secret)
	}
	if err != nil {
		return err
	}
	local := ""
	if len(args) > 0 && args[0] != "-" {
		local = args[0]
	}
	if f.json && local == "" {
		return &usageError{"--json needs the name of a local file, because the file itself goes to standard output without one"}
	}
	client, err := f.client(e)
	if err != nil {
		return err
	}
	defer client.Close()
	return fetch(ctx, e, f, client, secret, local)
}

func fetch(ctx context.Context, e *Env, f getFlags, client *wapi.Client, secret, local string) error {
	body, err := client.Get(ctx, secret, wapi.Range{})
	if err != nil {
		return err
	}
	defer body.Close()
	ownScreen := local != "" || !IsTerminal(e.Stdout) // else the file itself is drawn there
	meter := newMeter(e, body.Size, f.noProgress || !ownScreen)
	defer meter.finish()
	if local == "" {
		return copyAll(e.Stdout, meter.reader(body))
	}
	path := e.Path(local)
	if err := writeWhole(path, func(w io.Writer) error { return copyAll(w, meter.reader(body)) }); err != nil {
		return err
	}
	meter.finish()
	if f.json {
		return printJSON(e.Stdout, getResult{Size: meter.done, File: path})
	}
	_, err = fmt.Fprintf(e.Stderr, "%d bytes retrieved and written to %s\n", meter.done, local)
	return err
}

const copyBlock = 256 << 10

// copyAll copies in large blocks; an *os.File would choose small ones.
func copyAll(w io.Writer, r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, copyBlock))
	return err
}

// writeWhole lets fill write the file at path, which appears, or replaces what was there, when fill has succeeded and its
// bytes are on disk. What is no regular file, such as a device or a pipe, is written as it is.
func writeWhole(path string, fill func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := fs.FileMode(0o666)
	old, err := os.Stat(path)
	switch {
	case err == nil && old.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it", path)
	case err == nil && !old.Mode().IsRegular():
		return writeInto(path, fill)
	case err == nil:
		mode = old.Mode().Perm()
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".part")
	if err := writeNew(tmp, mode, old != nil, fill); err != nil {
		return blame(err, tmp, path)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

// blame makes an error about the temporary file one about the file that the user named.
func blame(err error, tmp, path string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Path == tmp {
		return &fs.PathError{Op: p.Op, Path: path, Err: p.Err}
	}
	return err
}

func writeInto(path string, fill func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Close())
}

// writeNew writes a file that must not be there, and leaves none behind when it fails. With exact, the umask does not apply.
func writeNew(path string, mode fs.FileMode, exact bool, fill func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if exact {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = fill(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
