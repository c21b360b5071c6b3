// Package keeper keeps files alive without being asked: it finds what can be reached from chosen roots, renews its leases long before they
// end, checks it on a schedule, verifies a sample, makes shares that are missing, spreads them over servers, and moves them away
// from servers that are to be retired. It is for a node, which runs a Keeper as one of its services, and shows what it says.
//
// What is due when is arithmetic (policy.go): a pure function of what is known of a file and of the time, with a spread that makes the
// work even. What is known of a file (Facts) lies in a database (Store), of a million files as of ten, and never in memory. Each visit of
// a file begins with what is known and ends with what was found, so that who is killed anywhere goes on: at worst a visit is made again, and each
// can be.
//
// The invariants: the store holds no capability that lets anybody read or write, only those to verify. And no copy of a share is given
// up, by letting its leases end or by removing it, before all shares of its file were verified at servers that stay.
package keeper
