package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/internal/gridmanager"
)

// gridManagerName is the command, and the name by which the original calls a program of its own.
const gridManagerName = "grid-manager"

// arguments are those of a command line, of which the first word is the program's name. Whoever calls the program
// grid-manager means this command of it.
func arguments(line []string) []string {
	if len(line) == 0 {
		return nil
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(line[0])), ".exe")
	if name == gridManagerName {
		return append([]string{gridManagerName}, line[1:]...)
	}
	return line[1:]
}

func gridManagerCommand(e *Env) *cobra.Command {
	m := &managerAt{e: e}
	cmd := &cobra.Command{
		Use:   gridManagerName + " -c DIR|- COMMAND",
		Short: "Say which storage servers clients should upload to",
		Long: "Say which storage servers clients should upload to, by certificates.\n\n" +
			"A client that knows the public key of a grid manager uploads only to servers which announce a certificate that this\n" +
			"manager has signed and that has not expired. The manager is kept in a directory of its own, DIR, far from servers: who can\n" +
			"read it can sign. With -c -, its configuration comes on standard input, and goes to standard output where it changes.\n\n" +
			"A link to this program, or a copy, that is named grid-manager does the same.",
		Example: "  tahoe grid-manager -c manager create\n" +
			"  tahoe grid-manager -c manager add alice pub-v0-...   # what alice's file node.pubkey says\n" +
			"  tahoe grid-manager -c manager sign alice 90 | ssh alice tahoe admin add-grid-manager-cert -n ours -f -\n" +
			"  tahoe grid-manager -c manager public-identity        # for clients: [grid_managers] ours = pub-v0-...",
		Args: noSuchCommand,
		RunE: needsCommand,
	}
	cmd.PersistentFlags().StringVarP(&m.config, "config", "c", "", "the manager's `directory`, or - for standard input")
	cmd.AddCommand(m.createCommand(), m.publicIdentityCommand(), m.addCommand(), m.removeCommand(), m.listCommand(), m.signCommand())
	return cmd
}

// A managerAt is a grid manager, as -c names it.
type managerAt struct {
	e      *Env
	config string
}

// piped says whether the manager comes on standard input.
func (m *managerAt) piped() bool { return m.config == "-" }

func (m *managerAt) dir() gridmanager.Dir { return gridmanager.Dir(m.e.Path(m.config)) }

func (m *managerAt) check() error {
	if m.config == "" {
		return &usageError{"say where the grid manager is: -c DIR, or -c - for standard input"}
	}
	return nil
}

// load reads the manager.
func (m *managerAt) load() (*gridmanager.Manager, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	var manager *gridmanager.Manager
	var err error
	if m.piped() {
		var b []byte
		const most = 16<<20 + 1
		if b, err = io.ReadAll(io.LimitReader(m.e.Stdin, most)); err == nil {
			manager, err = gridmanager.ParseManager(b)
		}
	} else {
		manager, err = m.dir().Load()
	}
	if err != nil {
		return nil, fmt.Errorf("read the grid manager of %q: %w", m.config, err)
	}
	return manager, nil
}

// save writes a manager that has changed.
func (m *managerAt) save(manager *gridmanager.Manager) error {
	if m.piped() {
		_, err := fmt.Fprintf(m.e.Stdout, "%s\n", manager.Encode())
		return err
	}
	return m.dir().Save(manager)
}

func (m *managerAt) createCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create",
		Short: "Make a new grid manager",
		Long:  "Make a new grid manager, with a key of its own, in a directory that is not there yet.",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if err := m.check(); err != nil {
				return err
			}
			manager := gridmanager.NewManager()
			if m.piped() {
				return m.save(manager)
			}
			err := m.dir().Create(manager)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already; name a directory that is not, for a new grid manager", m.dir())
			}
			return err
		},
	}
}

func (m *managerAt) publicIdentityCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "public-identity",
		Short: "Print the manager's public key",
		Long:  "Print the manager's public key, which clients write into section [grid_managers] of their tahoe.cfg.",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			manager, err := m.load()
			if err != nil {
				return err
			}
			public := manager.Key().Public().String()
			if asJSON {
				return printJSON(m.e.Stdout, map[string]string{"public_identity": public})
			}
			_, err = fmt.Fprintln(m.e.Stdout, public)
			return err
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func (m *managerAt) addCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME PUBLIC-KEY",
		Short: "Make a storage server known to the manager",
		Long:  "Make a storage server known to the manager, under a name of your choice. PUBLIC-KEY is what its file node.pubkey says.",
		Args:  exactly(2, "a name and a public key"),
		RunE: func(_ *cobra.Command, args []string) error {
			manager, err := m.load()
			if err != nil {
				return err
			}
			key, err := gridmanager.ParsePublicKey(strings.TrimSpace(args[1]))
			if err != nil {
				return err
			}
			if err := manager.Add(gridmanager.Server{Name: args[0], Key: key}); err != nil {
				return err
			}
			return m.save(manager)
		},
	}
}

func (m *managerAt) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a storage server, and the files of its certificates",
		Long: "Forget a storage server, and remove the files of its certificates. Certificates that it announces hold until they\n" +
			"expire.",
		Args: exactly(1, "the name of a server"),
		RunE: func(_ *cobra.Command, args []string) error {
			manager, err := m.load()
			if err != nil {
				return err
			}
			if err := manager.Remove(args[0]); err != nil {
				return err
			}
			if !m.piped() {
				if err := m.dir().Drop(args[0]); err != nil {
					return err
				}
			}
			return m.save(manager)
		},
	}
}
