package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tahoe/caps"
	"tahoe/frontends/auth"
	"tahoe/frontends/web/wapi"
	"tahoe/internal/durable"
	"tahoe/node/config"
)

func accountCommand(e *Env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "account COMMAND",
		Short: "Who may sign in with a name, and finds which directory",
		Long: "Who may sign in with a name and a password or key, by SFTP, FTP, WebDAV or in a browser, and finds which directory.\n\n" +
			"Accounts are lines of a file: the one that tahoe.cfg names in [sftpd] accounts.file, else private/accounts in the node " +
			"directory. A running node sees changes at once. Passwords are asked for at the terminal, or read from standard " +
			"input, and only their hashes are kept.",
		Args: noSuchCommand,
		RunE: needsCommand,
	}
	cmd.PersistentFlags().StringVar(&file, "accounts-file", "", "the accounts `file`")
	cmd.AddCommand(accountAddCommand(e, &file), accountListCommand(e, &file), accountRemoveCommand(e, &file), accountPasswdCommand(e, &file), accountHashCommand(e, &file))
	return cmd
}

// accountsPath is the file that the commands are about.
func accountsPath(e *Env, file string) (string, error) {
	if file != "" {
		return e.Path(file), nil
	}
	dir, err := e.NodeDir()
	if err != nil {
		return "", err
	}
	at := *e
	at.Dir = dir
	if _, err := os.Stat(at.Path("tahoe.cfg")); err != nil {
		return "", fmt.Errorf("%s is no node directory: say which is with -d, or name the accounts file with --accounts-file", dir)
	}
	cfg, err := config.Read(at.Path("tahoe.cfg"))
	if err != nil {
		return "", err
	}
	named, found, err := cfg.Get("sftpd", "accounts.file")
	if err != nil {
		return "", err
	}
	if found && named != "" {
		return at.Path(named), nil
	}
	return at.Path("private/accounts"), nil
}

// editAccounts changes the accounts file, in one step and for its owner alone.
func editAccounts(e *Env, file string, edit func(*auth.Book) error) error {
	path, book, err := readAccounts(e, file)
	if err != nil {
		return err
	}
	if err := edit(book); err != nil {
		return inFile(path, err)
	}
	var disk durable.FS
	return disk.WriteFile(path, book.Bytes(), 0o600)
}

func readAccounts(e *Env, file string) (string, *auth.Book, error) {
	path, err := accountsPath(e, file)
	if err != nil {
		return "", nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the first account makes it
	}
	if err != nil {
		return "", nil, err
	}
	book, err := auth.ReadBook(bytes.NewReader(b))
	if err != nil {
		return "", nil, inFile(path, err)
	}
	return path, book, nil
}

// inFile names the file in an error about a line of it.
func inFile(path string, err error) error {
	if _, ok := errors.AsType[*auth.LineError](err); ok || errors.Is(err, auth.ErrPlainPassword) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

type accountFlags struct {
	remoteFlags
	keys     []string
	password bool
	readOnly bool
	noURI    bool
	quota    string
}

func accountAddCommand(e *Env, file *string) *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use:   "add NAME [REMOTE]",
		Short: "Make an account",
		Long: "Make an account, whose tree is REMOTE: a capability, or a path with an alias. A directory that is not there yet is made; " +
			"without REMOTE a new one is, that nobody else knows.\n\n" +
			"Without --key the account has a password, which is asked for, or read from standard input. With --password it has both.",
		Example: "  tahoe account add alice\n  tahoe account add bob tahoe:bob --key ~/.ssh/id_ed25519.pub --quota 10GB",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return &usageError{"say the name of the account, and its directory if there is one already"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return accountAdd(cmd, e, f, *file, args) },
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "a `file` with an SSH public key; may be given several times")
	cmd.Flags().BoolVar(&f.password, "password", false, "a password too")
	cmd.Flags().BoolVar(&f.readOnly, "read-only", false, "the account changes nothing")
	cmd.Flags().BoolVar(&f.noURI, "no-uri", false, "the account reaches nothing but its own tree, also with a capability")
	cmd.Flags().StringVar(&f.quota, "quota", "", "how much the account may hold: a `size`, as 10GB")
	return cmd
}

func accountAdd(cmd *cobra.Command, e *Env, f accountFlags, file string, args []string) error {
	a := auth.Account{Name: args[0], ReadOnly: f.readOnly, NoPaths: f.noURI}
	var err error
	if f.quota != "" {
		if a.Quota, err = auth.ParseSize(f.quota); err != nil {
			return &usageError{"--quota: " + err.Error()}
		}
	}
	if _, book, err := readAccounts(e, file); err != nil {
		return err
	} else if all, err := book.List(); err == nil && hasAccount(all, a.Name) {
		return fmt.Errorf("%s: %w", a.Name, auth.ErrAccountExists)
	}
	proofs, err := readProofs(e, f)
	if err != nil {
		return err
	}
	if a.Root, err = accountRoot(cmd, e, f, args[1:]); err != nil {
		return err
	}
	return editAccounts(e, file, func(b *auth.Book) error { return b.Add(a, proofs...) })
}

func hasAccount(all []auth.Summary, name string) bool {
	for _, s := range all {
		if s.Name == name {
			return true
		}
	}
	return false
}

func readProofs(e *Env, f accountFlags) ([]string, error) {
	var proofs []string
	for _, name := range f.keys {
		b, err := os.ReadFile(e.Path(name))
		if err != nil {
			return nil, err
		}
		text, err := auth.ReadKey(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		proofs = append(proofs, text)
	}
	if len(f.keys) > 0 && !f.password {
		return proofs, nil
	}
	hash, err := newPassword(e)
	if err != nil {
		return nil, err
	}
	return append([]string{hash}, proofs...), nil
}

// accountRoot finds the directory of a new account, or makes it. A capability is taken as it is, without asking a node.
func accountRoot(cmd *cobra.Command, e *Env, f accountFlags, args []string) (caps.Read, error) {
	if len(args) == 1 && strings.HasPrefix(args[0], "URI:DIR2") && !strings.Contains(args[0], "/") {
		return auth.ParseRoot(args[0])
	}
	var uri string
	err := f.run(cmd, e, func(ctx context.Context, r *remote) (err error) {
		if len(args) == 0 {
			uri, err = r.Mkdir(ctx, wapi.MkdirOptions{})
			return err
		}
		to, err := r.target(args[0])
		if err != nil {
			return err
		}
		uri = to.Root
		if len(to.Path) > 0 {
			uri, err = r.MkdirAt(ctx, to.Root, to.Path, wapi.MkdirOptions{})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return auth.ParseRoot(uri)
}

// newPassword asks for a password, twice at a terminal, and gives its hash.
func newPassword(e *Env) (string, error) {
	in, ok := e.Stdin.(*os.File)
	if !ok || !IsTerminal(e.Stdin) {
		b, err := io.ReadAll(io.LimitReader(e.Stdin, 64<<10))
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return auth.HashPassword(auth.NewPassword(strings.TrimSuffix(line, "\r")))
	}
	var typed [2]string
	for k, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(e.Stderr, prompt)
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(e.Stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[k] = string(b)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return auth.HashPassword(auth.NewPassword(typed[0]))
}

// An accountResult is a line of `tahoe account list --json`. It is only ever extended.
type accountResult struct {
	Name     string   `json:"name"`
	Root     string   `json:"root"` // abbreviated: it is a secret
	Password bool     `json:"password"`
	Keys     []string `json:"keys"`
	ReadOnly bool     `json:"read_only"`
	NoURI    bool     `json:"no_uri"`
	Quota    int64    `json:"quota"`
}

func accountListCommand(e *Env, file *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the accounts, without their secrets",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			path, book, err := readAccounts(e, *file)
			if err != nil {
				return err
			}
			all, err := book.List()
			if err != nil {
				return inFile(path, err)
			}
			return printAccounts(e.Stdout, all, asJSON)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func printAccounts(w io.Writer, all []auth.Summary, asJSON bool) error {
	for _, s := range all {
		if asJSON {
			r := accountResult{s.Name, caps.Abbrev(s.Root), s.Password, append([]string{}, s.Keys...), s.ReadOnly, s.NoPaths, s.Quota}
			if err := json.NewEncoder(w).Encode(r); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, caps.Abbrev(s.Root), describeAccount(s)); err != nil {
			return err
		}
	}
	return nil
}

func describeAccount(s auth.Summary) string {
	var words []string
	if s.Password {
		words = append(words, "password")
	}
	words = append(words, s.Keys...)
	if s.ReadOnly {
		words = append(words, "read-only")
	}
	if s.NoPaths {
		words = append(words, "no-uri")
	}
	if s.Quota > 0 {
		words = append(words, "quota="+strconv.FormatInt(s.Quota, 10))
	}
	return strings.Join(words, " ")
}

func accountRemoveCommand(e *Env, file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove an account; its files stay on the grid, for whoever has the capability",
		Args:  exactly(1, "the name of the account"),
		RunE: func(_ *cobra.Command, args []string) error {
			return editAccounts(e, *file, func(b *auth.Book) error { return ofAccount(args[0], b.Remove(args[0])) })
		},
	}
}

// ofAccount names the account in an error.
func ofAccount(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func accountPasswdCommand(e *Env, file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give an account another password, or its first",
		Args:  exactly(1, "the name of the account"),
		RunE: func(_ *cobra.Command, args []string) error {
			return editAccounts(e, *file, func(b *auth.Book) error {
				hash, err := newPassword(e)
				if err != nil {
					return err
				}
				return ofAccount(args[0], b.SetPassword(args[0], hash))
			})
		},
	}
}

func accountHashCommand(e *Env, file *string) *cobra.Command {
	var convert bool
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Print the hash of a password, or replace passwords in plain text by theirs",
		Long: "Print the hash of a password, as it stands in an accounts file.\n\n" +
			"With --convert, replace the passwords that stand in plain text in the accounts file, as older programs kept them.",
		Args: exactly(0, "no arguments: a password on the command line could be seen by others"),
		RunE: func(*cobra.Command, []string) error {
			if convert {
				return convertAccounts(e, *file)
			}
			hash, err := newPassword(e)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(e.Stdout, hash)
			return err
		},
	}
	cmd.Flags().BoolVar(&convert, "convert", false, "replace passwords in plain text in the accounts file")
	return cmd
}

func convertAccounts(e *Env, file string) error {
	n := 0
	err := editAccounts(e, file, func(b *auth.Book) (err error) {
		n, err = b.Convert()
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%d passwords replaced by their hashes\n", n)
	return err
}
