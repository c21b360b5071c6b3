//go:build !unix

package gridtest

// Freeze skips the test: there is no way to do it on this system.
func (p *Process) Freeze() { p.tb.Skip("programs can be frozen on Unix only") }

// Thaw does nothing: nothing is frozen.
func (p *Process) Thaw() {}
