package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"tahoe/node"
	"tahoe/reactor"
)

func runCommand(e *Env) *cobra.Command {
	var basedir string
	var allowStdinClose bool
	cmd := &cobra.Command{
		Use:   "run [NODEDIR...]",
		Short: "Run one or several nodes in this process",
		Long: "Run one or several nodes in this process, until Ctrl-C.\n\n" +
			"A program that starts a node should keep the node's standard input open: the node stops when it is closed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := nodeDirsOf(e, basedir, args)
			if err != nil {
				return err
			}
			return runNodes(cmd.Context(), e, dirs, allowStdinClose)
		},
	}
	cmd.Flags().StringVarP(&basedir, "basedir", "C", "", "the node `directory`; like -d")
	cmd.Flags().BoolVar(&allowStdinClose, "allow-stdin-close", false, "go on when standard input is closed")
	return cmd
}

func nodeDirsOf(e *Env, basedir string, args []string) ([]string, error) {
	if len(args) < 2 {
		dir, err := nodeDirOf(e, basedir, args)
		return []string{dir}, err
	}
	if basedir != "" || e.nodeDir != "" {
		return nil, &usageError{"node directories are given as arguments and by an option; leave one of them out"}
	}
	dirs := make([]string, len(args))
	for i, a := range args {
		if a == "" {
			return nil, &usageError{"the name of a node directory is empty"}
		}
		if strings.HasPrefix(a, "-") {
			return nil, &usageError{fmt.Sprintf("%q is not a node directory; options of twistd are not for this program", a)}
		}
		dirs[i] = e.Path(a)
	}
	return dirs, nil
}

// runNodes opens all nodes, so that a bad one is told before anything runs, and runs them.
func runNodes(ctx context.Context, e *Env, dirs []string, allowStdinClose bool) (err error) {
	log := newLog(e.Stderr, slog.LevelInfo)
	shared := node.NewShared(log)
	var nodes []*node.Node
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.Close())
		}
	}()
	host := reactor.NewHost(log)
	for _, dir := range dirs {
		n, err := node.Open(dir, shared)
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
		host.Add(n.Name(), n)
		for _, w := range n.Warnings() {
			log.Warn(w, "node", n.Name())
		}
	}
	if !allowStdinClose {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		whenClosed(e.Stdin, func() {
			log.Info("standard input was closed, so the node stops; --allow-stdin-close keeps it running")
			cancel()
		})
	}
	return serve(ctx, host, log, func() {
		for _, n := range nodes {
			fmt.Fprintf(e.Stdout, "running node in %s\n", n.Dir())
			if url := n.WebURL(); url != "" {
				fmt.Fprintf(e.Stdout, " web port: %s\n", url)
			}
			for _, d := range n.Doors() {
				fmt.Fprintf(e.Stdout, " %s port: %s\n", d.Protocol, d.Address)
			}
			if path := n.IntroducerFURL(); path != "" {
				fmt.Fprintf(e.Stdout, " what nodes need to use this introducer: %s\n", path)
			}
			if path := n.ForClients(); path != "" {
				fmt.Fprintf(e.Stdout, " what clients need to use its storage: %s\n", path)
			}
		}
	})
}

// garbage is how much of the memory in use may be garbage, in percent. The large buffers are reused, so that collecting
// twice as often as usual costs next to nothing and keeps the process small.
const garbage = 50

// serve runs a service as the whole of the process; up is called once it can serve.
func serve(ctx context.Context, s reactor.Service, log *slog.Logger, up func()) error {
	debug.SetGCPercent(garbage)
	return reactor.Main(ctx, announced{s, up}, reactor.MainConfig{Log: log})
}

// announced is a service that tells when it is ready.
type announced struct {
	reactor.Service
	up func()
}

func (a announced) Run(ctx context.Context, ready func()) error {
	return a.Service.Run(ctx, func() { a.up(); ready() })
}

// whenClosed calls f when the stream ends. It leaves a terminal alone: that of a background process may not be read, and
// a terminal that goes away sends a signal. The goroutine lives as long as the stream, which only the other end can
// close; it owns nothing.
func whenClosed(stdin io.Reader, f func()) {
	if IsTerminal(stdin) {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		f()
	}()
}

// newLog writes what people should know, one line each.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// quoteArg is an argument as a shell reads it.
func quoteArg(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
