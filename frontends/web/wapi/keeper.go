package wapi

import (
	"context"
	"net/http"
	"net/url"
)

// Keeper is the answer to GET /keeper?t=json: how the files are that the node keeps alive. It holds no capability. Times are seconds since 1970,
// intervals are in seconds. It is only ever extended.
type Keeper struct {
	Level       string         `json:"level"`    // idle, good, waiting, warning, trouble or loss
	Sentence    string         `json:"sentence"` // for people
	Watched     []string       `json:"watched"`  // names of roots
	Retiring    []string       `json:"retiring"` // servers
	Paused      bool           `json:"paused"`
	OutOfReach  bool           `json:"out-of-reach"` // too few servers are connected
	Connected   int            `json:"servers-connected"`
	Known       int            `json:"servers-known"`
	Files       int            `json:"files"` // and directories
	By          map[string]int `json:"by-state"`
	Failing     int            `json:"repairs-failing"`
	Overdue     int            `json:"due"`
	Visiting    int            `json:"under-way"`
	StillNeeded int            `json:"still-needed-on-retiring-servers"`
	Unchecked   int            `json:"not-checked-since-retiring"`
	Searching   bool           `json:"searching"`
	Searched    int            `json:"searched"` // by the search that goes on
	SearchedAt  *float64       `json:"searched-at"`
	SearchText  string         `json:"search-result"`
	NextDue     *float64       `json:"next-due"`
	OldestLease *float64       `json:"oldest-renewal"` // null while some file was never renewed
	BytesIn     int64          `json:"bytes-received"`
	BytesOut    int64          `json:"bytes-sent"`
	CheckEvery  float64        `json:"check-every"`
	RenewEvery  float64        `json:"renew-every"`
	VerifyEvery float64        `json:"verify-every"` // 0: never
	Delay       float64        `json:"repaired-within"`
	Error       string         `json:"error,omitempty"`
	AtRisk      []KeptFile     `json:"at-risk"` // the worst first
	History     []KeeperEvent  `json:"history"` // the last first
}

// A KeptFile is one that is not as it should be.
type KeptFile struct {
	Place    string  `json:"place"` // root and path
	Index    string  `json:"storage-index"`
	State    string  `json:"state"`
	Since    float64 `json:"since"`
	Good     int     `json:"shares-good"`
	Needed   int     `json:"shares-needed"`
	Total    int     `json:"shares-total"`
	Attempts int     `json:"repairs-failed"`
	Error    string  `json:"error,omitempty"`
	Next     float64 `json:"next-look"`
}

// A KeeperEvent is something that happened.
type KeeperEvent struct {
	At    float64 `json:"at"`
	Kind  string  `json:"kind"`
	Place string  `json:"place,omitempty"`
	Text  string  `json:"text"`
}

// Keeper says how the files are that the node keeps alive.
func (c *Client) Keeper(ctx context.Context) (k Keeper, err error) {
	err = c.info(ctx, "keeper", &k)
	return k, err
}

// The orders to a keeper.
const (
	KeeperPause  = "pause"
	KeeperResume = "resume"
	KeeperNow    = "now" // look at everything, due or not
)

// OrderKeeper gives one.
func (c *Client) OrderKeeper(ctx context.Context, order string) error {
	_, err := c.text(ctx, call{method: http.MethodPost, place: "keeper", query: url.Values{"t": {order}}})
	return err
}
