package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/sharedump"
)

func dumpShareCommand(e *Env) *cobra.Command {
	var offsets, leasesOnly, asJSON bool
	cmd := &cobra.Command{
		Use:   "dump-share FILE",
		Short: "Say what is in a share file",
		Long: "Say what is in a share file: its kind, leases, encoding, the roots of its hash trees, and the verify capability of\n" +
			"the file that it belongs to, when the file still lies in a directory named after its storage index.",
		Example: "  tahoe debug dump-share --offsets storage/shares/4v/4vozh77tsrw7mdhnj7qvp5ky74/0",
		Args:    exactly(1, "the name of one share file"),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := absolute(e, args[0])
			if err != nil {
				return err
			}
			r, err := sharedump.Read(path, leasesOnly)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.Stdout, r)
			}
			return r.Text(e.Stdout, time.Now(), offsets)
		},
	}
	cmd.Flags().BoolVar(&offsets, "offsets", false, "say where the parts of the share lie")
	cmd.Flags().BoolVar(&leasesOnly, "leases-only", false, "only the leases of an immutable share, not what is in it")
	addJSON(cmd, &asJSON)
	return cmd
}

// blockRandom is the one place where corrupt-share flips a bit.
const blockRandom = "block-random"

func corruptShareCommand(e *Env) *cobra.Command {
	var offset string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "corrupt-share FILE",
		Short: "Flip a bit of a share file, to see what clients make of it",
		Long: "Flip one bit of the block data of a share file, chosen by chance, and say which. A client that reads or verifies the\n" +
			"share will find it corrupt, and take another. There is no way back; never do this to shares that are needed.",
		Args: exactly(1, "the name of one share file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if offset != blockRandom {
				return &usageError{fmt.Sprintf("--offset %s: %s is the only place that there is", quoteArg(offset), blockRandom)}
			}
			flip, err := sharedump.Corrupt(e.Path(args[0]), rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(e.Stdout, flip)
			}
			_, err = fmt.Fprintln(e.Stdout, flip)
			return err
		},
	}
	cmd.Flags().StringVarP(&offset, "offset", "o", blockRandom, "`where` to flip a bit")
	addJSON(cmd, &asJSON)
	return cmd
}
