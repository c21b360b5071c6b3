package main

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/caps"
	"tahoe/cmd/tahoe/internal/capdump"
	ours "tahoe/internal/base32"
)

type dumpCapFlags struct {
	nodeID, clientSecret, clientDir, capFile string
	json                                     bool
}

func dumpCapCommand(e *Env) *cobra.Command {
	var f dumpCapFlags
	cmd := &cobra.Command{
		Use:   "dump-cap CAP",
		Short: "Say what is in a capability",
		Long: "Say what is in a capability: its kind, its storage index, its keys, and the secrets that a client derives from it.\n\n" +
			"CAP may be the address of a web page or file of a node too. With --cap-file, CAP is left out: the capability then\n" +
			"stands neither in the shell's history nor in the list of processes. What is printed is as secret as the capability.",
		Example: "  tahoe debug dump-cap --cap-file file.cap\n  tahoe debug dump-cap -n h5hs3wxo... -d ~/.tahoe URI:SSK:...",
		RunE: func(cmd *cobra.Command, args []string) error {
			return dumpCap(e, f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.nodeID, "nodeid", "n", "", "the Tub `id` of a server, for the secrets that are shared with it")
	flags.StringVarP(&f.clientSecret, "client-secret", "c", "", "the client's lease `secret` in base32, for the secrets of leases")
	flags.StringVar(&f.clientDir, "client-dir", "", "the node `directory` whose lease secret to use; also -d")
	// Before the command -d is the node directory, and behind it --client-dir, as in the original: this flag hides the other.
	flags.StringVarP(&f.clientDir, "node-directory", "d", "", "")
	_ = flags.MarkHidden("node-directory")
	flags.StringVar(&f.capFile, "cap-file", "", "read the capability from `FILE`, or from standard input for -")
	addJSON(cmd, &f.json)
	return cmd
}

func dumpCap(e *Env, f dumpCapFlags, args []string) error {
	text, err := f.text(e, args)
	if err != nil {
		return err
	}
	with, err := f.with(e)
	if err != nil {
		return err
	}
	c, err := caps.Parse(text)
	if err != nil {
		return err
	}
	r := capdump.New(c, with)
	if f.json {
		return printJSON(e.Stdout, r)
	}
	return r.Text(e.Stdout)
}

// text is the capability that the user means.
func (f dumpCapFlags) text(e *Env, args []string) (string, error) {
	switch {
	case f.capFile != "" && len(args) > 0:
		return "", &usageError{"dump-cap takes a capability or --cap-file, not both"}
	case f.capFile != "":
		text, err := readSecret(e, f.capFile)
		return capOfURL(text), err
	case len(args) != 1:
		return "", &usageError{"dump-cap takes one capability, or --cap-file"}
	}
	return capOfURL(args[0]), nil
}

// capOfURL is the capability in the address of a node's page, or what is no such address as it is.
func capOfURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return text
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/uri/")
	if unescaped, err := url.PathUnescape(rest); ok && err == nil {
		return unescaped
	}
	return text
}

// with is what the flags say beside the capability.
func (f dumpCapFlags) with(e *Env) (capdump.With, error) {
	var w capdump.With
	if f.nodeID != "" {
		id, err := base32.StdEncoding.DecodeString(strings.ToUpper(f.nodeID))
		if err != nil || len(id) != len(w.Node) {
			return w, &usageError{"--nodeid: a Tub id is 32 letters and digits, as in the file my_nodeid of a server"}
		}
		w.Node = (*[20]byte)(id)
	}
	secret, err := f.secret(e)
	if err != nil || secret == "" {
		return w, err
	}
	if w.Secret, err = ours.Decode(secret); err != nil {
		return w, &usageError{"the client's secret is not in base32, as in the file private/secret of a client"}
	}
	return w, nil
}

// secret is the client's secret in base32; empty: none was asked for.
func (f dumpCapFlags) secret(e *Env) (string, error) {
	if f.clientSecret != "" || f.clientDir == "" {
		return f.clientSecret, nil
	}
	b, err := os.ReadFile(filepath.Join(e.Path(f.clientDir), "private", "secret"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("--client-dir: %w; a client that has run has that file", err)
	}
	return strings.TrimSpace(string(b)), err
}
