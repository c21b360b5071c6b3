//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreBackground makes reading the terminal in the background an error, instead of stopping the process.
func ignoreBackground() { signal.Ignore(syscall.SIGTTIN) }
