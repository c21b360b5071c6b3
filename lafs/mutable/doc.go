// Package mutable reads, writes and creates mutable files: SDMF and MDMF files, whose shares lie in slots of the servers of
// a grid. It is for the file store in package lafs, which keeps directories in them, and for check and repair.
//
// Whoever has the write capability can publish a new version of a file. A version has a sequence number and a root hash and
// is signed; any k of its N shares rebuild it. Writers do not coordinate: each writes to a server only if that server's
// share is still the one that it knows, and a server that says otherwise is a surprise, which ends the write with an
// *UncoordinatedWriteError.
//
// The invariant: nothing leaves this package unverified, and a write is reported as done only if its version can be
// read: at least k different shares of it were accepted by servers, and no server showed another writer's version.
//
// What that does not promise: servers which the writer cannot reach keep what they have. Where they have k different shares of an
// older version between them, whoever reaches only those reads the older version, and may write a rival to the new one, which is
// reported as done too; of the two the one with the higher number is what readers see once all servers are back, and the other is
// lost. No rule of one writer can exclude that: to refuse to write while k shares are out of reach would mean no writing as soon as k
// of N servers are away, and shares that were given new homes since leave no trace that others are elsewhere. Nor is there a way
// to tell a newer version of which fewer than k shares are within reach from one whose writer gave up: a write replaces it. So
// writes go on, as the original's do, and the log warns of both. The first write that reaches all servers again replaces what
// they have.
package mutable
