package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// idleOptions are options of the original that mean nothing here, with the reason. They are accepted, so that scripts which
// set them go on working, and whoever sets one is told.
var idleOptions = []struct{ name, value, reason string }{
	{"wormhole-server", "URL", "this program makes and takes no invites"},
	{"wormhole-invite-appid", "ID", "this program makes and takes no invites"},
	{"eliot-destination", "DESTINATION", "this program writes its log as text to standard error, and no Eliot logs"},
}

// addGlobalOptions adds the options of the original that stand before the command and do nothing.
func addGlobalOptions(e *Env, root *cobra.Command) {
	for _, o := range idleOptions {
		root.PersistentFlags().String(o.name, "", fmt.Sprintf("does nothing: %s (`%s`)", o.reason, o.value))
		_ = root.PersistentFlags().MarkHidden(o.name)
	}
	var destinations bool
	root.Flags().BoolVar(&destinations, "help-eliot-destinations", false, "say which Eliot destinations there are: none")
	_ = root.Flags().MarkHidden("help-eliot-destinations")
	before, run := root.PersistentPreRun, root.RunE
	root.PersistentPreRun = func(cmd *cobra.Command, args []string) {
		before(cmd, args)
		for _, o := range idleOptions {
			if root.PersistentFlags().Changed(o.name) {
				fmt.Fprintf(e.Stderr, "tahoe: --%s does nothing: %s\n", o.name, o.reason)
			}
		}
	}
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if !destinations {
			return run(cmd, args)
		}
		_, err := fmt.Fprintf(e.Stdout, "There are no Eliot destinations: %s.\n", idleOptions[2].reason)
		return err
	}
}

// inviteCommand says why there are no invites.
func inviteCommand() *cobra.Command {
	return goneCommand("invite", "invites are not supported yet: give a new client the introducer's FURL (create-client --introducer) "+
		"or the server's entry for private/servers.yaml over a channel that you trust")
}
