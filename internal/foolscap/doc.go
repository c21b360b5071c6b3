// Package foolscap speaks Foolscap, the object protocol of the original's introducer and of its older storage protocol: a
// Tub is an identity (a certificate, named by its hash), a FURL is the right to use one object of a Tub, and calls, answers
// and references to objects cross one connection between two Tubs. It is for introducer, for the Foolscap side of the
// storage port, and for node.
//
// On the wire: a plaintext request for the Tub, an upgrade to TLS in which both ends show certificates, two blocks of header
// lines (the offer of each end, and the decision of the end with the greater Tub id), and then banana: tokens of a number in
// base 128, least significant digit first, a byte that says the type, and a body.
//
// The invariant: whoever does not hold a FURL of this Tub gets nothing of it but its certificate and a few KiB of its memory,
// and what a peer sends has a limit before it has memory.
package foolscap
