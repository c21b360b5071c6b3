package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/frontends/web/wapi"
)

type putFlags struct {
	remoteFlags
	format, keyFile string
	mutable         bool
}

func putCommand(e *Env) *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put [LOCAL|- [REMOTE]]",
		Short: "Store a file on the grid and print its capability",
		Long: "Store a file on the grid and print its capability: the short text that is all it takes to read the file. " +
			"Without LOCAL, or for -, what comes on standard input is stored, however long it is.\n\n" +
			"Without REMOTE no directory knows the file, and nobody finds it without the capability. REMOTE is a path, such as ALIAS:a/b, " +
			"or one in the directory of the alias tahoe; directories on the way are made. A file that is there is replaced, or " +
			"overwritten in place when it is mutable. REMOTE may also be the capability to write a mutable file, which is overwritten.\n\n" +
			"With --private-key-path, a key of yours signs a new mutable file. A key must be for one file only and must be kept as secret as " +
			"the capability: whoever has it can write the file. Few need this option.",
		Example: "  tahoe put picture.jpg\n  tahoe put picture.jpg tahoe:pictures/cat.jpg\n  tar cz directory | tahoe put > directory.cap\n" +
			"  tahoe put --format=MDMF - tahoe:journal < journal",
		Args: func(_ *cobra.Command, args []string) error { return checkPut(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return put(ctx, e, f, r, args) })
		},
	}
	f.add(cmd)
	f.addProgress(cmd)
	cmd.Flags().StringVar(&f.format, "format", "", "the `format` of a new file: CHK, which cannot change; SDMF or MDMF, which can")
	cmd.Flags().BoolVarP(&f.mutable, "mutable", "m", false, "make a file that can change; like --format=SDMF")
	cmd.Flags().StringVar(&f.keyFile, "private-key-path", "", "the `FILE` with the RSA key, as PEM, that signs a new mutable file")
	return cmd
}

func checkPut(f putFlags, args []string) error {
	format := strings.ToUpper(f.format)
	switch {
	case len(args) > 0 && args[0] == "":
		return &usageError{"the name of the local file is empty; leave it out, or write -, for standard input"}
	case len(args) > 1 && args[1] == "":
		return &usageError{"the remote name is empty; leave it out for a file that no directory knows"}
	case len(args) > 2:
		return &usageError{fmt.Sprintf("put takes a local and a remote name, not %d arguments", len(args))}
	case format != "" && format != wapi.FormatCHK && format != wapi.FormatSDMF && format != wapi.FormatMDMF:
		return &usageError{fmt.Sprintf("--format %s: not a format; CHK, SDMF and MDMF are", f.format)}
	case f.mutable && format == wapi.FormatCHK:
		return &usageError{"--mutable and --format CHK contradict each other"}
	case f.keyFile != "" && !f.mutable && (format == "" || format == wapi.FormatCHK):
		return &usageError{"--private-key-path is for new mutable files: add --mutable, or --format SDMF or MDMF"}
	case len(args) > 1 && args[0] == "-" && strings.HasPrefix(args[1], "URI:@-"):
		return &usageError{"standard input cannot be both the file and the capability of where it goes"}
	}
	return nil
}

// putResult is what `tahoe put --json` prints. It is only ever extended.
type putResult struct {
	URI  string `json:"uri"`
	Size int64  `json:"size"`
}

func put(ctx context.Context, e *Env, f putFlags, r *remote, args []string) error {
	to, err := putTarget(r, args)
	if err != nil {
		return err
	}
	o := wapi.PutOptions{Format: f.format, Mutable: f.mutable}
	if f.keyFile != "" {
		if o.PrivateKey, err = readPrivateKey(e.Path(f.keyFile)); err != nil {
			return err
		}
	}
	src, size, err := openSource(e, args)
	if err != nil {
		return err
	}
	defer src.Close()
	meter := newMeter(e, size, f.noProgress)
	defer meter.finish()
	meter.last = "all sent, waiting for the grid"
	uri, created, err := send(ctx, r, to, meter.reader(src), size, o)
	meter.finish()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, putResult{URI: uri, Size: meter.done})
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	fmt.Fprintf(e.Stderr, "%d %s\n", status, http.StatusText(status))
	_, err = fmt.Fprintln(e.Stdout, uri)
	return err
}

func send(ctx context.Context, r *remote, to *alias.Target, src io.Reader, size int64, o wapi.PutOptions) (string, bool, error) {
	if to == nil {
		return r.Put(ctx, src, size, o)
	}
	return r.PutAt(ctx, to.Root, to.Path, src, size, o)
}

// putTarget is where the file goes, or nil.
func putTarget(r *remote, args []string) (*alias.Target, error) {
	if len(args) < 2 {
		return nil, nil
	}
	to, err := r.target(args[1])
	switch {
	case err != nil:
		return nil, err
	case to.Slash:
		return nil, &usageError{"the remote name ends in a slash: say what the file is to be called in that directory"}
	case len(to.Path) > 0:
		return &to, nil
	}
	return &to, checkOverwrite(to.Root)
}

// checkOverwrite says why a capability without a path is nothing that a file can be put into.
func checkOverwrite(root string) error {
	c, err := caps.Parse(root)
	if err != nil {
		return err
	}
	switch c.(type) {
	case caps.MutableWrite, caps.Unknown:
		return nil
	}
	if caps.IsDirectory(c) {
		return &usageError{"the remote name is a directory: say what the file is to be called in it, as in ALIAS:NAME"}
	}
	return &usageError{"only a mutable file can be overwritten, with its capability to write; this capability is another one"}
}

// openSource opens what is to be stored. The size is -1 when it cannot be known before the end.
func openSource(e *Env, args []string) (io.ReadCloser, int64, error) {
	if len(args) == 0 || args[0] == "-" {
		if IsTerminal(e.Stdin) {
			fmt.Fprintln(e.Stderr, "waiting for file data on stdin..")
		}
		return io.NopCloser(e.Stdin), stdinSize(e.Stdin), nil
	}
	file, err := os.Open(e.Path(args[0]))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	switch {
	case err == nil && info.IsDir():
		err = fmt.Errorf("%s is a directory; tahoe cp -r copies directories", args[0])
	case err == nil && hasSize(info):
		return file, info.Size(), nil
	case err == nil:
		return file, -1, nil
	}
	_ = file.Close()
	return nil, 0, err
}

// hasSize says whether a file's size is what will be read of it. The files of /proc say that they are empty, and are not.
func hasSize(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Size() > 0 }

// stdinSize is what is left of a file that standard input was redirected from.
func stdinSize(stdin io.Reader) int64 {
	file, ok := stdin.(*os.File)
	if !ok {
		return -1
	}
	info, err := file.Stat()
	if err != nil || !hasSize(info) {
		return -1
	}
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return max(0, info.Size()-at)
}
