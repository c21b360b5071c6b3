// Package wapi is the web API as seen from both of its ends: the shapes of its answers, and a client of it for the
// commands and for programs that drive a node over HTTP.
//
// The invariant: nothing that this package returns as an error holds a capability. Capabilities travel in URLs, and
// URLs stand in the errors of net/http; they are taken out here, so that callers may print any error.
package wapi

import (
	"encoding/json"
	"fmt"
)

// KindHeader is the response header that says what kind of failure an error answer reports, for programs. The status
// alone cannot: too few servers for an upload is a plain 500, as scripts that know the original expect.
const KindHeader = "Tahoe-Error"

// The values of KindHeader.
const (
	KindNotEnoughServers = "not-enough-servers"
	KindNotEnoughShares  = "not-enough-shares"
	KindNotYet           = "not-supported-yet"
	KindNoSpace          = "no-space"
	KindStopping         = "stopping"
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

// Server is a storage server as its client sees it. What is not known is null.
type Server struct {
	NodeID           string   `json:"nodeid"`
	ConnectionStatus string   `json:"connection_status"`
	AvailableSpace   *uint64  `json:"available_space"`
	Nickname         string   `json:"nickname"`
	Version          *string  `json:"version"`
	LastReceivedData *float64 `json:"last_received_data"` // seconds since 1970
}

// FileNode is the answer to GET /uri/FILECAP?t=json: a pair of the word "filenode" and an object.
type FileNode struct {
	Mutable   bool   `json:"mutable"`
	Format    string `json:"format"`
	Size      int64  `json:"size"`
	ReadURI   string `json:"ro_uri"`
	VerifyURI string `json:"verify_uri,omitempty"`
}

const fileNodeKind = "filenode"

type fileNodeFields FileNode

// MarshalJSON writes the pair.
func (n FileNode) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{fileNodeKind, fileNodeFields(n)})
}

// UnmarshalJSON reads the pair.
func (n *FileNode) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return fmt.Errorf("read file description: %w", err)
	}
	var kind string
	if len(pair) != 2 || json.Unmarshal(pair[0], &kind) != nil || kind != fileNodeKind {
		return fmt.Errorf("description is not a pair of %q and an object", fileNodeKind)
	}
	var f fileNodeFields
	if err := json.Unmarshal(pair[1], &f); err != nil {
		return fmt.Errorf("read file description: %w", err)
	}
	*n = FileNode(f)
	return nil
}
