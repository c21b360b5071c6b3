package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func completionCommand(e *Env) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that lets a shell complete commands",
		Long: "Print a script that lets a shell complete this program's command lines: commands, options, aliases, and what is in\n" +
			"directories on the grid, as far as the node answers quickly.\n\n" +
			"bash, now and in the file ~/.bashrc:\n\n  source <(tahoe completion bash)\n\n" +
			"zsh, where compinit has run, now and in ~/.zshrc:\n\n  source <(tahoe completion zsh)\n\n" +
			"fish, for ever:\n\n  tahoe completion fish > ~/.config/fish/completions/tahoe.fish",
		Args:      exactly(1, "the name of a shell: bash, zsh or fish"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			return printCompletion(cmd.Root(), e.Stdout, args[0])
		},
	}
}

func printCompletion(root *cobra.Command, w io.Writer, shell string) error {
	var script strings.Builder
	var err error
	switch shell {
	case "bash":
		script.WriteString(bashHelpers)
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	default:
		return &usageError{fmt.Sprintf("%q: there are scripts for bash, zsh and fish", shell)}
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, script.String())
	return err
}

// bashHelpers are two functions of the package bash-completion that the script calls, for where that is not installed. Both
// are about the colons of aliases: bash breaks words at them.
const bashHelpers = `# What package bash-completion offers, where it is not there.
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    # Sets cur, prev, words and cword to what is being typed, with words joined again that bash broke at a colon or an equals sign.
    _get_comp_words_by_ref() {
        local i joined=()
        cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            local word=${COMP_WORDS[i]}
            if ((${#joined[@]} > 1)) && [[ -n $word ]] && [[ $word == [:=]* || ${COMP_WORDS[i-1]} == *[:=] ]]; then
                joined[${#joined[@]}-1]+=$word
            else
                joined+=("$word")
            fi
            ((i == COMP_CWORD)) && cword=$((${#joined[@]} - 1))
        done
        words=("${joined[@]}")
        cur=${words[cword]}
        prev=${words[cword-1]}
    }
fi
if ! declare -F __ltrim_colon_completions >/dev/null; then
    # Takes from the completions what bash believes to stand before them: all up to the last colon.
    __ltrim_colon_completions() {
        if [[ $1 == *:* && $COMP_WORDBREAKS == *:* ]]; then
            local i before=${1%"${1##*:}"}
            for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
                COMPREPLY[i]=${COMPREPLY[i]#"$before"}
            done
        fi
    }
fi

`
