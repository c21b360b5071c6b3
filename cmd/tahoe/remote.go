package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/alias"
	"tahoe/cmd/tahoe/internal/fetch"
	"tahoe/frontends/web/wapi"
)

// silenceEnv is the variable that says after how many seconds a node that sends nothing is given up.
const silenceEnv = "__TAHOE_CLI_HTTP_TIMEOUT"

// remoteFlags are those of every command that uses a grid through a node.
type remoteFlags struct {
	nodeURL, dirCap  string
	json, noProgress bool
}

func (f *remoteFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.nodeURL, "node-url", "u", "", "the `URL` of the node's web port (default: what the node directory says)")
	cmd.Flags().StringVar(&f.dirCap, "dir-cap", "", "the `DIRCAP` of the directory that the alias tahoe stands for; also URI:@FILE")
	cmd.Flags().BoolVar(&f.json, "json", false, "say the result as JSON, and errors too")
}

// addProgress adds the flag of what takes long.
func (f *remoteFlags) addProgress(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.noProgress, "no-progress", false, "show no progress, not even on a terminal")
}

// A remote is a grid as the commands see it: a node that does what they ask for, and the names that its user has for directories.
type remote struct {
	*wapi.Client
	aliases alias.Table
}

// run opens the remote and does something with it, until a signal interrupts it.
func (f *remoteFlags) run(cmd *cobra.Command, e *Env, do func(ctx context.Context, r *remote) error) error {
	return transfer(cmd.Context(), func(ctx context.Context) error {
		r, err := f.open(e)
		if err != nil {
			return err
		}
		defer r.Close()
		return do(ctx, r)
	})
}

// open finds the node and reads the aliases. The caller closes the remote.
func (f *remoteFlags) open(e *Env) (*remote, error) {
	client, err := f.client(e)
	if err != nil {
		return nil, err
	}
	aliases, err := f.loadAliases(e)
	if err != nil {
		client.Close()
		return nil, err
	}
	return &remote{Client: client, aliases: aliases}, nil
}

// client shows the node its token, if that can be read, but not to a node that was named: it need not be ours.
func (f *remoteFlags) client(e *Env) (*wapi.Client, error) {
	url, token := f.nodeURL, ""
	if url == "" {
		dir, err := e.NodeDir()
		if err != nil {
			return nil, err
		}
		if url, err = wapi.ReadNodeURL(dir); err != nil {
			return nil, err
		}
		if b, err := os.ReadFile(filepath.Join(dir, "private", "api_auth_token")); err == nil {
			token = strings.TrimSpace(string(b))
		}
	} else if _, err := wapi.ParseNodeURL(url); err != nil {
		return nil, &usageError{"--node-url: " + err.Error()}
	}
	silence, err := silenceOf(e)
	if err != nil {
		return nil, err
	}
	c, err := wapi.NewClient(url, wapi.NewHTTP(silence))
	if err == nil && token != "" {
		c.Show(token)
	}
	return c, err
}

func silenceOf(e *Env) (time.Duration, error) {
	text := e.Getenv(silenceEnv)
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds <= 0 || seconds > 1e9 {
		return 0, &usageError{silenceEnv + " is not a number of seconds"}
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func (f *remoteFlags) loadAliases(e *Env) (alias.Table, error) {
	dir, err := e.NodeDir()
	if err != nil {
		return alias.Table{}, err
	}
	t, err := alias.Load(dir)
	if err != nil {
		return alias.Table{}, err
	}
	t.Secret = func(file string) (string, error) { return readSecret(e, file) }
	if f.dirCap == "" {
		return t, nil
	}
	root, err := t.Resolve(f.dirCap, "")
	switch {
	case err != nil:
		return alias.Table{}, fmt.Errorf("--dir-cap: %w", err)
	case root.Local || root.Alias != "" || len(root.Path) > 0:
		return alias.Table{}, &usageError{"--dir-cap is not the capability of a directory"}
	}
	return t.With(alias.Default, root.Root), nil
}

// target is what an argument means, which without an alias has the default one.
func (r *remote) target(arg string) (alias.Target, error) {
	return r.aliases.Resolve(arg, alias.Default)
}

// transfer runs a command that the first signal interrupts in order, and the second at once.
func transfer(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return &interruptedError{err}
	}
	return err
}

// An interruptedError is a context.Canceled that says who did it.
type interruptedError struct{ err error }

func (e *interruptedError) Error() string {
	if kept, ok := errors.AsType[*fetch.KeptError](e.err); ok {
		return (&fetch.KeptError{Have: kept.Have, Err: errors.New("interrupted")}).Error()
	}
	return "interrupted"
}

// Unwrap lets the error be recognised.
func (e *interruptedError) Unwrap() error { return context.Canceled }

func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// printIndented is printJSON for people who look at it.
func printIndented(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// readSecret reads a capability from a file, or from standard input for -, so that it need not stand on a command line,
// which other users of the machine can see. Standard input is read once, and is then the same for all that name it.
func readSecret(e *Env, name string) (string, error) {
	if name != "-" {
		file, err := os.Open(e.Path(name))
		if err != nil {
			return "", err
		}
		defer file.Close()
		return readSecretFrom(file, name)
	}
	if e.stdinSecret == "" {
		text, err := readSecretFrom(e.Stdin, "standard input")
		if err != nil {
			return "", err
		}
		e.stdinSecret = text
	}
	return e.stdinSecret, nil
}

func readSecretFrom(in io.Reader, origin string) (string, error) {
	const most = 64 << 10
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read the capability: %w", err)
	}
	text := strings.TrimSpace(string(b))
	switch {
	case text == "":
		return "", fmt.Errorf("there is no capability in %s", origin)
	case strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("there is more than one line in %s, and it should hold one capability", origin)
	}
	return text, nil
}
