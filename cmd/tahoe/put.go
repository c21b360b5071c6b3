package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tahoe/frontends/web/wapi"
)

// transferFlags are what put and get have in common.
type transferFlags struct {
	nodeURL    string
	json       bool
	noProgress bool
}

func (f *transferFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.nodeURL, "node-url", "u", "", "the `URL` of the node's web port (default: what the node directory says)")
	cmd.Flags().BoolVar(&f.json, "json", false, "say the result as JSON")
	cmd.Flags().BoolVar(&f.noProgress, "no-progress", false, "show no progress, not even on a terminal")
}

func (f *transferFlags) client(e *Env) (*wapi.Client, error) {
	url := f.nodeURL
	if url == "" {
		dir, err := e.NodeDir()
		if err != nil {
			return nil, err
		}
		if url, err = wapi.ReadNodeURL(dir); err != nil {
			return nil, err
		}
	} else if _, err := wapi.ParseNodeURL(url); err != nil {
		return nil, &usageError{"--node-url: " + err.Error()}
	}
	return wapi.NewClient(url, nil)
}

// transfer runs a command that the first signal interrupts in order, and the second at once.
func transfer(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted{}
	}
	return err
}

// errInterrupted is a context.Canceled that says who did it.
type errInterrupted struct{}

func (errInterrupted) Error() string { return "interrupted" }
func (errInterrupted) Unwrap() error { return context.Canceled }

type putFlags struct {
	transferFlags
	format  string
	mutable bool
}

func putCommand(e *Env) *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put [LOCAL|-]",
		Short: "Store a file on the grid and print its capability",
		Long: "Store a file on the grid and print its capability: the short text that is all it takes to read the file.\n\n" +
			"Without LOCAL, or for -, what comes on standard input is stored, however long it is.",
		Example: "  tahoe put picture.jpg\n  tar cz directory | tahoe put > directory.cap",
		Args:    func(_ *cobra.Command, args []string) error { return checkPut(f, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return transfer(cmd.Context(), func(ctx context.Context) error { return put(ctx, e, f, args) })
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.format, "format", "", "the `format` of the new file: CHK, which cannot change")
	cmd.Flags().BoolVarP(&f.mutable, "mutable", "m", false, "make a file that can change")
	_ = cmd.Flags().MarkHidden("mutable")
	return cmd
}

func checkPut(f putFlags, args []string) error {
	format := strings.ToUpper(f.format)
	switch {
	case len(args) == 1 && args[0] == "":
		return &usageError{"the name of the local file is empty; leave it out, or write -, for standard input"}
	case len(args) > 1:
		return &usageError{"a file cannot be put into a directory by this version yet: leave out the second argument, and keep the capability that is printed"}
	case f.mutable, format == "SDMF", format == "MDMF":
		return &usageError{"mutable files are not supported by this version yet"}
	case format != "" && format != "CHK":
		return &usageError{fmt.Sprintf("--format %s: not a format, CHK is", f.format)}
	}
	return nil
}

// putResult is what `tahoe put --json` prints. It is only ever extended.
type putResult struct {
	URI  string `json:"uri"`
	Size int64  `json:"size"`
}

func put(ctx context.Context, e *Env, f putFlags, args []string) error {
	client, err := f.client(e)
	if err != nil {
		return err
	}
	defer client.Close()
	src, size, err := openSource(e, args)
	if err != nil {
		return err
	}
	defer src.Close()
	meter := newMeter(e, size, f.noProgress)
	meter.last = "all sent, waiting for the grid"
	uri, created, err := client.Put(ctx, meter.reader(src), size, wapi.PutOptions{Format: f.format})
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
		err = fmt.Errorf("%s is a directory, and this version stores files only", args[0])
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

func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// readSecret reads a capability from a file, or from standard input for -, so that it need not stand on a command line,
// which other users of the machine can see.
func readSecret(e *Env, name string) (string, error) {
	const most = 64 << 10
	in := e.Stdin
	if name != "-" {
		file, err := os.Open(e.Path(name))
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read the capability: %w", err)
	}
	text := strings.TrimSpace(string(b))
	switch {
	case text == "":
		return "", errors.New("--cap-file: there is no capability in it")
	case strings.ContainsAny(text, "\r\n"):
		return "", errors.New("--cap-file: there is more than one line in it, and it should hold one capability")
	}
	return text, nil
}
