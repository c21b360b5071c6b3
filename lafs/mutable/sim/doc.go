// Package sim simulates writers and readers of one mutable file in fake time: gateways that do not know of each other, servers
// that fail, hang, lie, lose answers, vanish and return with what they had before. It holds tests alone, for package mutable.
//
// The invariant that they check: an update that was reported as done is in what is read later, unless something that was written
// later or at the same time replaced it; and after each run every share of every server parses and verifies.
package sim
