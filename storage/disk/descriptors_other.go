//go:build !unix

package disk

// descriptors is a number that is enough for any server: what limits open files here is memory alone.
func descriptors() uint64 { return 1 << 14 }
