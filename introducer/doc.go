// Package introducer is how the nodes of a grid find each other: servers publish signed announcements at an introducer, and
// clients subscribe to them there. It holds the announcement, the introducer (Server), and what other nodes run to publish
// and to hear (Client). It is for node.
//
// An announcement is a JSON object in UTF-8, an Ed25519 signature of its bytes, and the public key; signature and key are
// "v0-" and lower-case base32. The object names the service ("service-name", today "storage"), counts the changes
// ("seqnum") and holds what the service has to say. By Foolscap it is a tuple of three byte strings (message, signature,
// key). An introducer keeps one announcement for each service and key; another one takes its place when its seqnum is
// greater.
//
// The invariant: nobody acts on an announcement that was not verified, since only verifying makes a Verified. What a client
// reads back from its own cache is called Heard, and was verified before it was written. And what strangers send has a limit
// in number, size and depth.
package introducer
