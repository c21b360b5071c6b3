// Package gbs is the Great Black Swamp storage protocol, HTTP and CBOR inside TLS. Handler serves any storage.Server,
// Server puts a handler behind a listener, and Client is a storage.Server that is somewhere else. It is for storage nodes
// and for the clients of a grid.
//
// The invariant: both ends share one table of errors and one codec of messages, so that a storage.Server and a Client of a
// Handler of it behave alike; a length that the network claims is checked against its limit before memory is taken for it;
// and no swissnum or secret gets into an error or a log.
package gbs

// Limits of the protocol, as the original has them where it has any. All sizes are in bytes.
const (
	maxAllocateBody = 8192
	maxCorruptBody  = 32768
	maxSlotBody     = 1 << 48
	maxShares       = 256 // in one message
	maxTests        = 30  // of one share
	maxReads        = 30

	// The original does not limit what follows; each would let one request take memory without end.
	maxSlotWrites    = 1 << 17 // of all shares of a message: 16 GiB in blocks of 128 KiB
	maxSpecimens     = 4 << 20 // of all tests of a message
	maxSlotReads     = 4 << 20 // sum of the sizes in a read vector
	maxSlotAnswer    = 32 << 20
	maxWriteAnswer   = 1 << 20 // some 40000 holes in a share
	maxErrorAnswer   = 8192    // of an error's sentence; the original reads no more than 10000
	maxSmallAnswer   = 1 << 16
	maxUploadSecret  = 256
	maxSecretHeaders = 8
)

const (
	mimeCBOR   = "application/cbor"
	mimeOctets = "application/octet-stream"

	headerSecret = "X-Tahoe-Authorization"
	// headerError carries a word of the error table, for statuses that stand for several errors. The original ignores it.
	headerError = "Tahoe-Storage-Error"

	pathVersion   = "/storage/v1/version"
	pathLease     = "/storage/v1/lease/"
	pathImmutable = "/storage/v1/immutable/"
	pathMutable   = "/storage/v1/mutable/"

	versionKey = "http://allmydata.org/tahoe/protocols/storage/v1"
)
