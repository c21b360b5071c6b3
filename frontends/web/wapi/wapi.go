// Package wapi is the web API as seen from both of its ends: the shapes of its answers, and a client of it for the
// commands and for programs that drive a node over HTTP.
//
// The invariant: nothing that this package returns as an error holds a capability. Capabilities travel in URLs, and
// URLs stand in the errors of net/http; they are taken out here, so that callers may print any error.
package wapi

// KindHeader is the response header that says what kind of failure an error answer reports, for programs. The status
// alone cannot: too few servers for an upload is a plain 500, as scripts that know the original expect.
const KindHeader = "Tahoe-Error"

// The values of KindHeader.
const (
	KindNotEnoughServers = "not-enough-servers"
	KindNotEnoughShares  = "not-enough-shares"
	KindNoSpace          = "no-space"
	KindStopping         = "stopping"
	KindUncoordinated    = "uncoordinated-write" // somebody else wrote at the same time
)

// Welcome is the answer to GET /?t=json.
type Welcome struct {
	Introducers Introducers `json:"introducers"`
	Servers     []Server    `json:"servers"`
}

// Introducers holds one sentence for each introducer of the node.
type Introducers struct {
	Statuses []string `json:"statuses"`
}

// Certificate is what grid managers say of a server. Without a valid one it gets no shares.
type Certificate struct {
	Valid   bool    `json:"valid"`
	Expires *string `json:"expires"` // RFC 3339; null when there is none
}

// Server is a storage server as its client sees it. What is not known is null.
type Server struct {
	NodeID           string       `json:"nodeid"`
	ConnectionStatus string       `json:"connection_status"`
	AvailableSpace   *uint64      `json:"available_space"`
	Nickname         string       `json:"nickname"`
	Version          *string      `json:"version"`
	LastReceivedData *float64     `json:"last_received_data"`    // seconds since 1970
	Certificate      *Certificate `json:"certificate,omitempty"` // where the client has grid managers
}
