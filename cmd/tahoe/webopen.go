package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

func webopenCommand(e *Env) *cobra.Command {
	var f remoteFlags
	var info bool
	cmd := &cobra.Command{
		Use:   "webopen [REMOTE]",
		Short: "Open a page of the node in a browser",
		Long: "Open the page of a file or directory in a browser; without REMOTE, the node's first page. The browser is what the variable " +
			"BROWSER names, or else the usual one. The capability stands on its command line.",
		Example: "  tahoe webopen tahoe:pictures",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, e, func(ctx context.Context, r *remote) error { return webopen(ctx, e, f, r, info, args) })
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVarP(&info, "info", "i", false, "open the page with more about it")
	return cmd
}

// pageResult is what `tahoe webopen --json` prints. It is only ever extended.
type pageResult struct {
	URL string `json:"url"`
}

func webopen(ctx context.Context, e *Env, f remoteFlags, r *remote, info bool, args []string) error {
	url := r.URL()
	if len(args) > 0 {
		target, err := r.target(args[0])
		if err != nil {
			return err
		}
		url = r.PageURL(target.Root, target.Path)
	}
	if info {
		url += "?t=info"
	}
	if err := browse(ctx, e, url); err != nil {
		return err
	}
	if f.json {
		return printJSON(e.Stdout, pageResult{URL: url})
	}
	return nil
}

// browse starts the browser, or the program that finds one.
func browse(ctx context.Context, e *Env, url string) error {
	program, args := browser(e, url)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = e.Stderr, e.Stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("there is no program %s here to open a page with; the variable BROWSER may name one", program)
	case err != nil:
		return fmt.Errorf("open a page with %s: %w", program, err)
	}
	return nil
}

// browser is a program and its arguments. In BROWSER, %s is where the address goes.
func browser(e *Env, url string) (string, []string) {
	if words := strings.Fields(e.Getenv("BROWSER")); len(words) > 0 {
		if !strings.Contains(strings.Join(words, " "), "%s") {
			words = append(words, "%s")
		}
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%s", url)
		}
		return words[0], words[1:]
	}
	switch runtime.GOOS {
	case "darwin":
		return "open", []string{url}
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	return "xdg-open", []string{url}
}
