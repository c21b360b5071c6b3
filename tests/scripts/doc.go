// Package scripts runs the built program the way its users do: scripts in testdata, one for each command, against a grid of real
// nodes, with what they print and the codes with which they exit. It is for whoever changes a command.
//
// The invariant: every option of every command stands in a script, and the help of every command in testdata/help.
// TestEveryOption holds the scripts to the first.
package scripts
