// Package grid is a client's view of the storage servers of its grid: who they are, which are connected, and in which
// order the shares of a file go to them. It is for the uploader and downloader, for node, which feeds it announcements
// and a Connector, and for the status page.
//
// The invariant: all clients that know the same servers put them in the same order for the same storage index. The order
// is part of the format: it is how a client finds what another has stored. It depends on the index and on each server's
// permutation seed alone; peers.preferred moves servers of this client's own choice to the front.
//
// A Server's Storage is a storage.Server whose failures are *ServerError and inform the Broker, which then asks the
// server for a sign of life. There is no polling: an idle grid costs one small request per server in minutes. A Broker
// has one goroutine for each server, which alone makes and closes that server's connection; all others read snapshots.
package grid
