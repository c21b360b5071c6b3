package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tahoe/internal/durable"
	"tahoe/node"
)

func manCommand(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages into a directory",
		Long: "Write manual pages into a directory: tahoe.1, and one for each command.\n\n" +
			"To install them for yourself: tahoe man ~/.local/share/man/man1",
		Args: exactly(1, "the directory to write manual pages into"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := writeManual(cmd.Root(), e.Path(args[0]))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.Stdout, "%d manual pages are in %s\n", n, args[0])
			return err
		},
	}
}

// writeManual writes a page for each command that help lists, and says how many.
func writeManual(root *cobra.Command, dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	root.InitDefaultHelpCmd()
	n := 0
	for cmd := range everyCommand(root) {
		if listed := cmd.IsAvailableCommand() || cmd.IsAdditionalHelpTopicCommand(); cmd != root && (!listed || cmd.Name() == "help") {
			continue
		}
		page, err := manualPage(cmd)
		if err != nil {
			return n, err
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if err := (durable.FS{}).WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// manualDate is the date on manual pages: fixed, so that the same program writes the same pages.
func manualDate() *time.Time {
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	return &date
}

func manualPage(cmd *cobra.Command) ([]byte, error) {
	cmd.DisableAutoGenTag = true
	var page bytes.Buffer
	err := doc.GenMan(cmd, &doc.GenManHeader{
		Title: strings.ToUpper(strings.ReplaceAll(cmd.CommandPath(), " ", "-")), Section: "1", Date: manualDate(),
		Source: node.Version(), Manual: "Tahoe-LAFS",
	}, &page)
	if err != nil {
		return nil, err
	}
	if !cmd.HasParent() {
		page.WriteString(manualOfAll())
	}
	return page.Bytes(), nil
}
