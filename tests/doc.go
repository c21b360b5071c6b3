// Package tests holds what no single package can test: the layers of the source tree, and whole grids. It is for
// whoever changes more than one package. The invariant: nothing imports it, and it is the only place where a rule
// about all packages is written down as a program.
package tests
