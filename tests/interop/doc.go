// Package interop tests our nodes together with those of the original, Tahoe-LAFS 1.20.0, each in a process of its own, on
// loopback: in one grid, on the same files, and in turn on the same node directory. It is for whoever changes anything
// that others see: a format, a protocol, the name of a file.
//
// original.sh finds or makes the original. Without it the tests are skipped and say so.
//
// The invariant: whatever one of the two has stored, the other one reads, and everything that a test started has ended when
// it ends.
package interop
