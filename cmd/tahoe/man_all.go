package main

import (
	"fmt"
	"strings"
)

// An entry is a term and what there is to say of it.
type manualEntry struct{ term, text string }

// manualOfAll is what tahoe(1) has beside the help: exit codes, files and environment.
func manualOfAll() string {
	var b strings.Builder
	section := func(title string, entries []manualEntry) {
		fmt.Fprintf(&b, ".SH %s\n", title)
		for _, e := range entries {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", roff(e.term), roff(e.text))
		}
	}
	section("EXIT STATUS", []manualEntry{
		{fmt.Sprint(codeOK), "All that was asked for was done."},
		{fmt.Sprint(codeFailure), "Something failed; one sentence on standard error says what."},
		{fmt.Sprint(codeUsage), "The command line says something that cannot be; some commands say so of a name that is not there, as their pages tell."},
		{fmt.Sprint(codeUnreachable), "The node does not answer."},
		{fmt.Sprint(codeNoServers), "Too few servers took shares of a new file."},
		{fmt.Sprint(codeNoShares), "Too few shares of a file can be had."},
		{fmt.Sprint(codeInterrupted), "Stopped by a signal."},
		{fmt.Sprint(codeNotEmpty), "A new node was to be made in a directory that holds something."},
	})
	section("FILES", []manualEntry{
		{"~/.tahoe", "The node directory, where -d names no other."},
		{"tahoe.cfg", "The configuration of the node, in its directory."},
		{"node.url", "Where the node's web port is, for commands."},
		{"node.pubkey", "The public key of a storage server, for grid managers."},
		{"private/aliases", "The aliases: names of directories, with their capabilities. Keep it secret."},
		{"private/servers.yaml", "Storage servers that the node uses besides those of introducers."},
		{"private/introducers.yaml", "The introducers of the node's grid."},
		{"private/secret", "What the node's lease secrets are derived from. Keep it secret."},
		{"private/backupdb.sqlite", "What was backed up before, so that it need not be sent again."},
		{"storage/shares", "The shares that a storage node keeps for others."},
	})
	section("ENVIRONMENT", []manualEntry{
		{"HOME", "The directory in which the node directory .tahoe is."},
		{"TERM", "No progress is drawn on a terminal of the kind dumb."},
	})
	return b.String()
}

// roff is a text as roff shows it unchanged.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
