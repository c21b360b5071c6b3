// Command tahoe makes, runs and uses the nodes of a storage grid. It is for people at a terminal and for their scripts.
//
// The invariant: a command that did not do all that it was asked to do says so in one sentence on standard error, and
// leaves with a code other than 0. One table, exitCode, has all codes.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), &Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Program: program()}, arguments(os.Args)))
}
