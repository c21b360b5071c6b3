package wapi

// Headers of answers about an upload by tus.
const (
	// UploadStateHeader has one of the states.
	UploadStateHeader = "Tahoe-Upload-State"
	// UploadCapHeader has the capability of what was stored.
	UploadCapHeader = "Tahoe-Upload-Cap"
)

// The states of an upload by tus.
const (
	UploadReceiving = "receiving" // the node waits for bytes
	UploadStoring   = "storing"   // all have come, and go to the grid
	UploadStored    = "stored"    // the file is on the grid, and linked where it was to be
	UploadFailed    = "failed"    // the grid did not take it: sending the last byte again tries again
)

// An Upload tells how an upload by tus is.
type Upload struct {
	State    string   `json:"state"`
	Size     *int64   `json:"size"` // null: the client has not said it
	Received int64    `json:"received"`
	Progress *float64 `json:"progress"`        // of the way to the grid, from 0 to 1; null: not on it, or not known
	Expires  float64  `json:"expires"`         // when nothing happens, in seconds since 1970
	Cap      string   `json:"cap,omitempty"`   // of what was stored
	Error    string   `json:"error,omitempty"` // why it failed
}
