package wapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Kind is what a capability names: the first word of the pair that describes it.
type Kind string

// The kinds.
const (
	KindFile      Kind = "filenode"
	KindDirectory Kind = "dirnode"
	KindUnknown   Kind = "unknown" // of a later version
)

// Formats of files, as in Node.Format and in the argument format=.
const (
	FormatCHK  = "CHK"
	FormatSDMF = "SDMF"
	FormatMDMF = "MDMF"
)

// A Node is the answer to t=json: a pair of its kind and an object. What the node did not say is empty or nil.
type Node struct {
	Kind      Kind
	Mutable   *bool  // nil for what is unknown
	Format    string // of a file
	Size      *int64 // of a file; nil in the listing of a directory for a mutable file
	WriteURI  string // empty without the power to write
	ReadURI   string
	VerifyURI string          // empty for literals and for what is unknown
	Metadata  json.RawMessage // an object; nil unless the node was reached through a directory
	Children  []Child         // of the directory that was asked for, in the order in which they came
}

// A Child is an entry of a directory.
type Child struct {
	Name string
	Node
}

// IsMutable says whether the node can change, as far as anybody knows.
func (n Node) IsMutable() bool { return n.Mutable != nil && *n.Mutable }

// URI is the strongest capability of the node: what t=uri answers.
func (n Node) URI() string {
	if n.WriteURI != "" {
		return n.WriteURI
	}
	return n.ReadURI
}

// LinkTimes are when the entry of a directory was made and last changed. Either is zero when it is not known; old entries
// keep the times under other names, which are heeded.
func (n Node) LinkTimes() (created, modified time.Time) {
	var m struct {
		Tahoe struct {
			Created  float64 `json:"linkcrtime"`
			Modified float64 `json:"linkmotime"`
		} `json:"tahoe"`
		Created  float64 `json:"ctime"`
		Modified float64 `json:"mtime"`
	}
	if n.Metadata == nil || json.Unmarshal(n.Metadata, &m) != nil {
		return time.Time{}, time.Time{}
	}
	return firstTime(m.Tahoe.Created, m.Created), firstTime(m.Tahoe.Modified, m.Modified)
}

// firstTime is the first of the seconds since 1970 that are not 0.
func firstTime(seconds ...float64) time.Time {
	for _, s := range seconds {
		if s != 0 {
			return time.UnixMicro(int64(s * 1e6))
		}
	}
	return time.Time{}
}

type nodeFields struct {
	Children  json.RawMessage `json:"children"`
	Mutable   *bool           `json:"mutable"`
	Format    string          `json:"format"`
	Size      json.RawMessage `json:"size"`
	WriteURI  string          `json:"rw_uri"`
	ReadURI   string          `json:"ro_uri"`
	VerifyURI string          `json:"verify_uri"`
	Metadata  json.RawMessage `json:"metadata"`
}

// UnmarshalJSON reads the pair.
func (n *Node) UnmarshalJSON(b []byte) error {
	var f nodeFields
	kind, err := unmarshalPair(b, &f)
	if err != nil {
		return err
	}
	*n = Node{
		Kind: kind, Mutable: f.Mutable, Format: f.Format, WriteURI: f.WriteURI, ReadURI: f.ReadURI, VerifyURI: f.VerifyURI,
		Metadata: f.Metadata,
	}
	var size int64
	if f.Size != nil && json.Unmarshal(f.Size, &size) == nil { // else it is null, or the "?" of old gateways
		n.Size = &size
	}
	if f.Children != nil {
		n.Children, err = unmarshalChildren(f.Children)
	}
	return err
}

// unmarshalPair reads the kind and the object of a pair.
func unmarshalPair(b []byte, object any) (Kind, error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return "", fmt.Errorf("read description of a node: %w", err)
	}
	var kind Kind
	if len(pair) != 2 || json.Unmarshal(pair[0], &kind) != nil || kind == "" {
		return "", errors.New("description of a node is not a pair of a kind and an object")
	}
	if err := json.Unmarshal(pair[1], object); err != nil {
		return "", fmt.Errorf("read description of a node: %w", err)
	}
	return kind, nil
}

// unmarshalChildren reads an object in its order.
func unmarshalChildren(b []byte) ([]Child, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the children of a directory are not an object")
	}
	children := []Child{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read children of a directory: %w", err)
		}
		c := Child{}
		c.Name, _ = name.(string)
		if err := dec.Decode(&c.Node); err != nil {
			return nil, fmt.Errorf("read children of a directory: %w", err)
		}
		children = append(children, c)
	}
	return children, nil
}

// A NewChild is a child in the body of t=set_children, t=mkdir-with-children and t=mkdir-immutable. A capability of which it is
// not known whether it can write goes into WriteURI.
type NewChild struct {
	Kind              Kind
	WriteURI, ReadURI string
	Metadata          json.RawMessage // nil: what the entry had is kept
}

// NewChildren is such a body: names and what they shall stand for.
type NewChildren map[string]NewChild

type newChildFields struct {
	WriteURI string          `json:"rw_uri,omitempty"`
	ReadURI  string          `json:"ro_uri,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// MarshalJSON writes the pair.
func (c NewChild) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{c.Kind, newChildFields{c.WriteURI, c.ReadURI, c.Metadata}})
}

// UnmarshalJSON reads the pair.
func (c *NewChild) UnmarshalJSON(b []byte) error {
	var f newChildFields
	kind, err := unmarshalPair(b, &f)
	*c = NewChild{Kind: kind, WriteURI: f.WriteURI, ReadURI: f.ReadURI, Metadata: f.Metadata}
	return err
}
