package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tahoe/node"
)

func createIntroducerCommand(e *Env) *cobra.Command {
	var basedir string
	var hideIP bool
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "create-introducer NODEDIR",
		Short: "Make an introducer, by which the nodes of a grid find each other",
		Args:  atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && basedir == "" && e.nodeDir == "":
				return &usageError{"say where to make the introducer: create-introducer NODEDIR"}
			case hideIP:
				return &usageError{"--hide-ip needs Tor or I2P, which are not supported yet"}
			case f.listen == "none":
				return &usageError{"an introducer must listen; use --hostname=NAME instead of --listen=none"}
			}
			if err := f.check(); err != nil {
				return err
			}
			return createIntroducer(e, basedir, args, f)
		},
	}
	cmd.Flags().StringVarP(&basedir, "basedir", "C", "", "the node `directory`; like -d")
	cmd.Flags().BoolVar(&hideIP, "hide-ip", false, "never reveal this machine's address (not supported yet)")
	f.addWhere(cmd)
	return cmd
}

func createIntroducer(e *Env, basedir string, args []string, f nodeFlags) error {
	dir, err := nodeDirOf(e, basedir, args)
	if err != nil {
		return err
	}
	made, err := node.CreateIntroducer(dir, node.CreateConfig{Port: f.port, Location: f.location, Hostname: f.hostname}, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "Introducer created in %s\n Start it with: %s run %s\n Nodes then find it by the FURL in %s.\n",
		made, e.Program, quoteArg(dir), filepath.Join(string(made), "private", "introducer.furl"))
	return err
}
