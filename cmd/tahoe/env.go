package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
)

// An Env is all that a command sees of the world around it.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Program        string // what the user types to run this program
	Dir            string // where relative paths begin; "": the directory of the process

	nodeDir     string // -d; "": the default
	begun       bool   // the command line could be read
	stdinSecret string // the capability that was read from standard input; "": none was
}

// NodeDir is the node directory that the command is about, as -d says it: ~/.tahoe by default.
func (e *Env) NodeDir() (string, error) {
	if e.nodeDir != "" {
		return e.Path(e.nodeDir), nil
	}
	home, err := e.home()
	return filepath.Join(home, ".tahoe"), err
}

// Path is the path that the user means by p: ~ is the home directory, and what is relative begins at Dir.
func (e *Env) Path(p string) string {
	if rest, ok := strings.CutPrefix(p, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := e.home(); err == nil {
			p = home + rest
		}
	}
	if filepath.IsAbs(p) || e.Dir == "" {
		return p
	}
	return filepath.Join(e.Dir, p)
}

func (e *Env) home() (string, error) {
	if h := e.Getenv("HOME"); h != "" {
		return h, nil
	}
	return os.UserHomeDir()
}

// IsTerminal says whether a person is at the other end of a stream of Env.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
