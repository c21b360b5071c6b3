// Package rihelper is the upload helper's protocol over Foolscap: the remote interfaces RIHelper, RIUploadHelper and
// RIEncryptedUploadable, as the original's helpers and clients speak them. Server offers a helper.Helper at a Tub; Client is an
// immutable.Helper that is reached by a FURL. It is for node.
//
// A client asks upload_chk(index) and is told what is on the grid, or given an object for the upload; it calls upload(reader) of that,
// and the helper reads ciphertext from the reader until it has all, and answers when the shares are placed. The helper says from
// where it reads: so an upload that broke off goes on, by the same two calls.
//
// The invariant: each end takes what the other says for no more than that. The server bounds what it asks for and what it takes; the
// client gives away ciphertext alone, only while an upload runs, and compares the answer with what it knows of the file.
package rihelper

// Interfaces and the class of results, as they are named on the wire.
const (
	helperInterface = "RIHelper.tahoe.allmydata.com"
	uploadInterface = "RIUploadHelper.tahoe.allmydata.com"
	readerInterface = "RIEncryptedUploadable.tahoe.allmydata.com"
	resultsClass    = "allmydata.upload.UploadResults.tahoe.allmydata.com"
)

// Methods.
const (
	methodVersion   = "get_version"
	methodUploadCHK = "upload_chk"
	methodUpload    = "upload"
	methodSize      = "get_size"
	methodEncoding  = "get_all_encoding_parameters"
	methodRead      = "read_encrypted"
	methodClose     = "close"
)

// Keys of the answers about versions.
const (
	helperVersion  = "http://allmydata.org/tahoe/protocols/helper/v1"
	uploadVersion  = "http://allmydata.org/tahoe/protocols/helper/chk-upload/v1"
	keyApplication = "application-version"
)

// Keys of the results.
const (
	attrUEBHash     = "uri_extension_hash"
	attrUEB         = "uri_extension_data"
	attrSharemap    = "sharemap"
	attrPushed      = "pushed_shares"
	attrPreexisting = "preexisting_shares"
)

// What failures are called on the wire.
const (
	violation = "foolscap.tokens.Violation"
	unhappy   = "allmydata.interfaces.UploadUnhappinessError"
	failure   = "builtins.RuntimeError"
)

// maxServerID is how long the id of a server in a sharemap may be.
const maxServerID = 200
