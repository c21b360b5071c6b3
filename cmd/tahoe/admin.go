package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tahoe/internal/gridmanager"
)

func adminCommand(e *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin COMMAND",
		Short: "Keys, certificates and state files of a node",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.AddCommand(generateKeypairCommand(e), derivePubkeyCommand(e), migrateCrawlerCommand(e), addGridManagerCertCommand(e))
	return cmd
}

func generateKeypairCommand(e *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "generate-keypair",
		Short: "Make an Ed25519 key, and print both its halves",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			return printKeys(e, gridmanager.NewPrivateKey(), asJSON)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func derivePubkeyCommand(e *Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "derive-pubkey PRIVATE-KEY|-",
		Short: "Print the public half of a key",
		Long: "Print the public half of a key that generate-keypair made, and the key itself.\n\n" +
			"With -, the key is read from standard input, and stands neither in the shell's history nor in the list of processes.",
		Args: exactly(1, "one private key, or - to read it from standard input"),
		RunE: func(_ *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				var err error
				if text, err = readLine(e); err != nil {
					return err
				}
			}
			key, err := gridmanager.ParsePrivateKey(text)
			if err != nil {
				return err
			}
			return printKeys(e, key, asJSON)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// keyPair is what the commands about keys print with --json. It is only ever extended.
type keyPair struct {
	Private string `json:"private"`
	Public  string `json:"public"`
}

func printKeys(e *Env, key gridmanager.PrivateKey, asJSON bool) error {
	k := keyPair{Private: key.Encode(), Public: key.Public().String()}
	if asJSON {
		return printJSON(e.Stdout, k)
	}
	_, err := fmt.Fprintf(e.Stdout, "private: %s\npublic: %s\n", k.Private, k.Public)
	return err
}
