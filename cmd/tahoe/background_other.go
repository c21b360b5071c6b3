//go:build !unix

package main

// ignoreBackground does nothing where a process that reads a terminal in the background is not stopped.
func ignoreBackground() {}
