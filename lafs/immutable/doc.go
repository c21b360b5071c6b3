// Package immutable uploads and downloads immutable files: CHK files, whose shares lie on the servers of a grid, and
// literals, which live in their capability. It is for the file store in package lafs and for repair.
//
// The invariant: nothing leaves this package unverified, and nothing enters the grid unencrypted. A reader sees only
// bytes that are proved by the capability; a server sees only ciphertext, whose key it never gets.
//
// An upload reads its source twice, or spools it encrypted when it can be read only once: the first pass yields the
// convergent key, the second is encrypted, erasure-coded and hashed segment by segment while every share streams to
// its server. See pipeline in encode.go for the memory that takes. A download is the reverse; see File.
package immutable
