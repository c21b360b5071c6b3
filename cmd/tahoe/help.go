package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Groups of commands in the list of all, and their headings.
const (
	groupFiles = "files"
	groupNodes = "nodes"
	groupCare  = "care"
)

// usualWidth is that of help when nobody says another with COLUMNS.
const (
	usualWidth = 80
	leastWidth = 40
)

// addHelp gives all commands below root their help.
func addHelp(e *Env, root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: groupFiles, Title: "Use the grid:"},
		&cobra.Group{ID: groupNodes, Title: "Make and run nodes:"},
		&cobra.Group{ID: groupCare, Title: "Look after it:"},
	)
	root.AddCommand(topics()...)
	root.SetHelpCommandGroupID(groupCare)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { cmd.Print(helpText(cmd, helpWidth(e))) })
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		cmd.Print(helpText(cmd, helpWidth(e)))
		return nil
	})
}

func helpWidth(e *Env) int {
	n, err := strconv.Atoi(e.Getenv("COLUMNS"))
	if err != nil {
		return usualWidth
	}
	return max(n, leastWidth)
}

// grouped are commands of one group.
func grouped(id string, cmds ...*cobra.Command) []*cobra.Command {
	for _, c := range cmds {
		c.GroupID = id
	}
	return cmds
}

// topics are texts that tahoe help shows, and no commands.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes mean", Long: codesText, Annotations: asItIs},
		{Use: "remote-paths", Short: "How to write what is on the grid", Long: pathsText, Annotations: asItIs},
	}
}

// asItIs marks a command whose long text has its own lines.
var asItIs = map[string]string{"text": "as it is"}

const pathsText = `Where a command takes something on the grid, it is written in one of these ways:

ALIAS:a/b            a/b in the directory that ALIAS stands for (tahoe list-aliases)
a/b                  the same with the alias tahoe, or the directory of --dir-cap
URI:DIR2:...         a capability, which is a file or a directory itself
URI:DIR2:.../a/b     a/b in the directory of a capability; also URI:DIR2:...:./a/b
URI:@FILE            the capability that FILE holds
URI:@FILE:./a/b      a/b in its directory
URI:@-               the capability on standard input; with a path as before

A capability is all that it takes to read a file or to change a directory, and
other users of a machine can see the command lines of its programs. URI:@FILE
and URI:@- keep capabilities off them. They are no names: an argument that
begins with URI: is always a capability.`

// helpText is all that there is to say about a command.
func helpText(cmd *cobra.Command, width int) string {
	var b strings.Builder
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	if cmd.Annotations["text"] == "" {
		about = wrap(about, width)
	}
	b.WriteString(strings.TrimSpace(about) + "\n")
	if cmd.Runnable() {
		b.WriteString("\nUsage:\n  " + cmd.UseLine() + "\n")
	}
	for _, verb := range cmd.Aliases {
		b.WriteString("  " + cmd.Parent().CommandPath() + " " + verb + "\n")
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	b.WriteString(listCommands(cmd))
	if cmd.IsAdditionalHelpTopicCommand() {
		return b.String()
	}
	if cmd.HasAvailableLocalFlags() {
		b.WriteString("\nOptions:\n" + cmd.LocalFlags().FlagUsagesWrapped(width))
	}
	if cmd.HasAvailableInheritedFlags() {
		b.WriteString("\nOptions of all commands:\n" + cmd.InheritedFlags().FlagUsagesWrapped(width))
	}
	if cmd.Runnable() {
		b.WriteString("\nExit codes: tahoe help exit-codes. What is on the grid: tahoe help remote-paths.\n")
	}
	return b.String()
}

// listCommands are the commands below one, by their groups.
func listCommands(cmd *cobra.Command) string {
	var b strings.Builder
	titles := cmd.Groups()
	if len(titles) == 0 {
		titles = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, g := range titles {
		b.WriteString(listed(cmd, g.Title, func(c *cobra.Command) bool { return c.IsAvailableCommand() && c.GroupID == g.ID }))
	}
	b.WriteString(listed(cmd, "Read more (tahoe help NAME):", (*cobra.Command).IsAdditionalHelpTopicCommand))
	return b.String()
}

func listed(cmd *cobra.Command, title string, is func(*cobra.Command) bool) string {
	width := 0
	for _, c := range cmd.Commands() {
		width = max(width, len(c.Name()))
	}
	var b strings.Builder
	for _, c := range cmd.Commands() {
		if is(c) {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, c.Name(), c.Short)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + title + "\n" + b.String()
}

// wrap breaks the lines of paragraphs anew. Lines that are indented stay as they are.
func wrap(text string, width int) string {
	var lines []string
	paragraph := ""
	end := func() {
		lines = append(lines, wrapWords(paragraph, width)...)
		paragraph = ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && line[0] != ' ' {
			paragraph += " " + line
			continue
		}
		end()
		lines = append(lines, line)
	}
	end()
	return strings.Join(lines, "\n")
}

func wrapWords(text string, width int) (lines []string) {
	line, column := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			line, column = word, n
		case column+1+n > width:
			lines = append(lines, line)
			line, column = word, n
		default:
			line, column = line+" "+word, column+1+n
		}
	}
	if column > 0 {
		lines = append(lines, line)
	}
	return lines
}
