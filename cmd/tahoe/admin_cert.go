package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/internal/gridmanager"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

type addCertFlags struct {
	filename, name string
	json           bool
}

func addGridManagerCertCommand(e *Env) *cobra.Command {
	var f addCertFlags
	cmd := &cobra.Command{
		Use:   "add-grid-manager-cert --filename FILE|- --name NAME",
		Short: "Give a storage node the certificate of a grid manager",
		Long: "Give a storage node a certificate that a grid manager has signed for it, to announce to clients: it is copied to\n" +
			"NAME.cert in the node directory, and tahoe.cfg is told of it. The node must be started anew.",
		Args: exactly(0, "no arguments; the node directory is given by -d before the command"),
		RunE: func(*cobra.Command, []string) error { return addGridManagerCert(e, f) },
	}
	cmd.Flags().StringVarP(&f.filename, "filename", "f", "", "the `FILE` of the certificate, or - for standard input")
	cmd.Flags().StringVarP(&f.name, "name", "n", "", "what this node should call the certificate")
	addJSON(cmd, &f.json)
	return cmd
}

// check says what is wrong with the flags.
func (f addCertFlags) check() error {
	simple := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.", c)
	}
	switch {
	case f.name == "":
		return &usageError{"say what to call the certificate: --name NAME"}
	case f.filename == "":
		return &usageError{"say where the certificate is: --filename FILE, or --filename - for standard input"}
	case gridmanager.CheckName(f.name) != nil || strings.ContainsFunc(f.name, func(c rune) bool { return !simple(c) }):
		return &usageError{fmt.Sprintf("--name %q: a name has letters, digits, hyphens, dots and underscores, and does not begin with a dot", f.name)}
	}
	return nil
}

const certSection = "grid_manager_certificates"

func addGridManagerCert(e *Env, f addCertFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	signed, err := readCertificate(e, f.filename)
	if err != nil {
		return err
	}
	path, err := e.NodeDir()
	if err != nil {
		return err
	}
	dir, kind, err := basedir.Open(path)
	if err != nil {
		return err
	}
	if kind != basedir.Client {
		return fmt.Errorf("%s is the directory of an introducer, and only storage nodes have certificates", dir)
	}
	count, err := keepCertificate(dir, f.name, signed)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, map[string]any{"certificates": count, "file": dir.Path(f.name + ".cert")})
	}
	_, err = fmt.Fprintf(e.Stderr, "There are now %d certificates\n", count)
	return err
}

// readCertificate reads a certificate. Who signed it is for clients to find out.
func readCertificate(e *Env, name string) (gridmanager.Signed, error) {
	in := e.Stdin
	if name == "-" {
		fmt.Fprintln(e.Stderr, "reading certificate from stdin")
	} else {
		file, err := os.Open(e.Path(name))
		if err != nil {
			return gridmanager.Signed{}, err
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, gridmanager.MaxCertificate+1))
	if err != nil {
		return gridmanager.Signed{}, fmt.Errorf("read the certificate: %w", err)
	}
	signed, err := gridmanager.ParseSigned(b)
	if err != nil {
		return gridmanager.Signed{}, fmt.Errorf("the certificate cannot be used: %w", err)
	}
	return signed, nil
}

// keepCertificate writes the certificate, and then tells tahoe.cfg of it. It returns how many the node now has.
func keepCertificate(dir basedir.Dir, name string, signed gridmanager.Signed) (int, error) {
	path, cfg := dir.Path(name+".cert"), dir.Path("tahoe.cfg")
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return 0, errors.Join(err, fmt.Errorf("there is a certificate of the name %q already (at %s)", name, path))
	}
	info, err := os.Stat(cfg)
	if err != nil {
		return 0, err
	}
	file, err := config.Read(cfg)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(file.Set("storage", "grid_management", "True"), file.Set(certSection, name, name+".cert")); err != nil {
		return 0, err
	}
	if err := basedir.WriteFile(path, append(signed.Indented(), '\n'), 0o644); err != nil {
		return 0, err
	}
	if err := basedir.WriteFile(cfg, file.Bytes(), info.Mode().Perm()); err != nil {
		return 0, err
	}
	return len(file.Keys(certSection)), nil
}

// readLine reads the one line that standard input has.
func readLine(e *Env) (string, error) {
	const most = 64 << 10
	b, err := io.ReadAll(io.LimitReader(e.Stdin, most))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
