// Package ristorage is Foolscap's storage protocol: the remote interfaces RIStorageServer, RIBucketWriter and
// RIBucketReader. Server offers any storage.Server at a Tub, and Client is a storage.Server that is reached by a FURL. It is
// for storage nodes whose clients insist on Foolscap, and for clients of servers that speak nothing else.
//
// The invariant: both ends share one table of errors and one codec of messages; what the other end says is checked, number
// by number and length by length, before anything is done with it; and a share that is being written belongs to the
// connection that asked for it: when the connection goes, so does the share.
//
// Foolscap carries less than the storage contract. Client makes up for it as follows:
//   - A server does not say which spans of a share are missing, nor that a share is incomplete. Client keeps account.
//   - A server takes a lease or an advice about a share that it does not have without a word. Client asks what there is.
//   - There is no list of a slot's shares. Reading nothing of all of them is one.
//   - A server that is read-only says that there is no space: storage.ErrReadOnly arrives as storage.ErrNoSpace.
//   - A change of a slot is one message, so that its data are in memory; Client refuses more than 100 MiB.
package ristorage

// Interfaces, as they are named on the wire.
const (
	serverInterface = "RIStorageServer.tahoe.allmydata.com"
	writerInterface = "RIBucketWriter"
	readerInterface = "RIBucketReader"
)

// Methods. Their arguments are sent by position: the original's own names for them differ from those of its interfaces.
const (
	methodVersion  = "get_version"
	methodAllocate = "allocate_buckets"
	methodAddLease = "add_lease"
	methodBuckets  = "get_buckets"
	methodReadSlot = "slot_readv"
	methodSlot     = "slot_testv_and_readv_and_writev"
	methodAdvise   = "advise_corrupt_share"

	methodWrite = "write"
	methodClose = "close"
	methodAbort = "abort"
	methodRead  = "read"
)

// Limits, in bytes where they are sizes. The original has none of its own for what a message may hold; each of these stands
// where a message could otherwise take memory without end.
const (
	maxShareSize  = 1 << 62   // larger ones fit nowhere
	maxRead       = 16 << 20  // of one answer about an immutable share; a block has 1 MiB at most
	maxSlotAnswer = 128 << 20 // asked for, of all shares together
	maxSlotWrite  = 100 << 20 // sent in one change of a slot
	maxVector     = 1 << 17   // entries of a test, read or write vector
	maxHole       = 64 << 10  // what an upload may leave unwritten; old clients leave out about 1000 bytes
)

const (
	piece     = 256 << 10 // of an immutable share goes into one message
	window    = 4         // of these messages are under way at once, for each share
	slotPiece = 512 << 10 // of each mutable share is read by one call
)

// Keys of the answer about the version.
const (
	versionKey      = "http://allmydata.org/tahoe/protocols/storage/v1"
	keyApplication  = "application-version"
	keyMaxImmutable = "maximum-immutable-share-size"
	keyMaxMutable   = "maximum-mutable-share-size"
	keyAvailable    = "available-space"
)
