package main

import (
	"strings"

	"github.com/spf13/cobra"

	"tahoe/node"
)

// nodeFlags are those of create-node that create-client does not have.
type nodeFlags struct {
	storageDir, location, port, hostname, listen string
	noStorage, helper                            bool

	torControlPort, torExecutable, i2pSAMPort, i2pExecutable string
	torLaunch, i2pLaunch                                     bool
}

func (f *nodeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.storageDir, "storage-dir", "", "the `directory` of the shares (default storage, in the node directory)")
	flags.BoolVar(&f.noStorage, "no-storage", false, "keep no shares for others")
	flags.BoolVar(&f.helper, "helper", false, "offer to upload for others")
	f.addWhere(cmd)
}

// addWhere adds the flags that say where a node listens.
func (f *nodeFlags) addWhere(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.location, "location", "", "where others reach this node, such as tcp:example.org:12345")
	flags.StringVar(&f.port, "port", "", "where the node listens, such as tcp:12345")
	flags.StringVar(&f.hostname, "hostname", "", "listen on a free port, and tell others this `name`")
	flags.StringVar(&f.listen, "listen", "tcp", "tcp or none")
	flags.StringVar(&f.torControlPort, "tor-control-port", "", "")
	flags.StringVar(&f.torExecutable, "tor-executable", "", "")
	flags.BoolVar(&f.torLaunch, "tor-launch", false, "")
	flags.StringVar(&f.i2pSAMPort, "i2p-sam-port", "", "")
	flags.StringVar(&f.i2pExecutable, "i2p-executable", "", "")
	flags.BoolVar(&f.i2pLaunch, "i2p-launch", false, "")
	for _, name := range []string{"tor-control-port", "tor-executable", "tor-launch", "i2p-sam-port", "i2p-executable", "i2p-launch"} {
		_ = flags.MarkHidden(name)
	}
}

// check says which of the flags do not go together.
func (f *nodeFlags) check() error {
	both := f.location != "" && f.port != ""
	listeners := strings.Split(f.listen, ",")
	switch {
	case f.tor() || f.i2p() || has(listeners, "tor") || has(listeners, "i2p"):
		return &usageError{"Tor and I2P are not supported yet; use --listen=tcp or --listen=none"}
	case f.listen == "none" && f.hostname != "":
		return &usageError{"--hostname cannot be used with --listen=none"}
	case f.listen == "none" && (f.port != "" || f.location != ""):
		return &usageError{"--port and --location cannot be used with --listen=none"}
	case f.location != "" && f.port == "":
		return &usageError{"--location must be used with --port"}
	case f.port != "" && f.location == "":
		return &usageError{"--port must be used with --location"}
	case both && f.hostname != "":
		return &usageError{"--hostname cannot be used with --port and --location"}
	case f.listen == "none" || both:
		return nil
	case len(listeners) != 1 || listeners[0] != "tcp":
		return &usageError{"--listen must be tcp or none"}
	case f.hostname == "":
		return &usageError{"a node that listens needs --hostname=NAME (or --port and --location); --listen=none makes one that does not"}
	}
	return nil
}

func (f *nodeFlags) tor() bool { return f.torControlPort != "" || f.torExecutable != "" || f.torLaunch }

func (f *nodeFlags) i2p() bool { return f.i2pSAMPort != "" || f.i2pExecutable != "" || f.i2pLaunch }

func has(list []string, s string) bool {
	for _, item := range list {
		if strings.TrimSpace(item) == s {
			return true
		}
	}
	return false
}

func createNodeCommand(e *Env) *cobra.Command {
	var shared createFlags
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "create-node [NODEDIR]",
		Short: "Make a node that keeps shares for others and uses the grid",
		Args:  atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := shared.config(cmd)
			if err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			if f.listen == "none" && !f.noStorage {
				return &usageError{"storage needs a port to listen on; add --no-storage, or use --hostname=NAME instead of --listen=none"}
			}
			f.apply(&c)
			return create(e, shared.basedir, args, c)
		},
	}
	shared.add(cmd)
	f.add(cmd)
	return cmd
}

func (f *nodeFlags) apply(c *node.CreateConfig) {
	c.Storage, c.StorageDir, c.Helper = !f.noStorage, f.storageDir, f.helper
	c.Port, c.Location, c.Hostname = f.port, f.location, f.hostname
}
