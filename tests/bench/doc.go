// Package bench measures whole grids: the real program, a process for each node, TLS between them. Run it with
//
//	go test -run='^$' -bench=. -benchtime=5x ./tests/bench
//
// The invariant: no figure stands alone. Each benchmark prints what the machine's own primitives did in the same run and
// the ratio to them, and no test passes or fails by a clock.
package bench
