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
package mutable
