package sharedump

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tahoe/internal/base32"
	"tahoe/internal/netstring"
	"tahoe/internal/taghash"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
	"tahoe/storage/share"
)

// CHK is what an immutable share says about its file.
type CHK struct {
	Version    int               `json:"version"`
	FileSize   int64             `json:"file-size"`
	Needed     int64             `json:"needed-shares"`
	Total      int64             `json:"total-shares"`
	UEBHash    string            `json:"UEB-hash"`
	UEB        map[string]string `json:"UEB"` // all fields, hashes in base32
	DataSize   int64             `json:"data-size"`
	Validation int64             `json:"validation-size"`
	UEBSize    int               `json:"UEB-size"`

	layout layout.Layout
}

// readCHK reads the header and the UEB of an immutable share.
func (f *file) readCHK() (CHK, error) {
	data := f.data()
	head := make([]byte, min(data.Size(), layout.MaxHeaderSize))
	if _, err := data.ReadAt(head, 0); err != nil && len(head) > 0 {
		return CHK{}, err
	}
	l, err := layout.ParseHeader(head)
	if err != nil {
		return CHK{}, err
	}
	length := make([]byte, l.FieldSize())
	if err := f.readFull(length, l.UEB, "the length of the UEB"); err != nil {
		return CHK{}, err
	}
	n, err := l.UEBLength(length)
	if err != nil {
		return CHK{}, err
	}
	ueb := make([]byte, n)
	if err := f.readFull(ueb, l.UEB+int64(l.FieldSize()), "the UEB"); err != nil {
		return CHK{}, err
	}
	c := CHK{Version: l.Version, UEBSize: n, DataSize: l.PlaintextHashes - l.Data, Validation: l.UEB - l.PlaintextHashes, layout: l}
	return c, c.parseUEB(ueb)
}

// readFull reads a part of the share.
func (f *file) readFull(b []byte, at int64, what string) error {
	data := f.data()
	if at < 0 || at+int64(len(b)) > data.Size() || at+int64(len(b)) < at {
		return fmt.Errorf("%s should lie at %d, but the share has only %d bytes: it is cut short, or its header is wrong", what, at, data.Size())
	}
	_, err := data.ReadAt(b, at)
	return err
}

// parseUEB keeps all fields, also those that nobody knows.
func (c *CHK) parseUEB(b []byte) error {
	hash := taghash.UEB(b)
	c.UEBHash, c.UEB = base32.Encode(hash[:]), map[string]string{}
	for len(b) > 0 {
		key, rest, ok := bytes.Cut(b, []byte{':'})
		if !ok {
			return fmt.Errorf("the UEB has %.20q where a key should be", b)
		}
		value, rest, err := netstring.Next(rest)
		if err != nil {
			return fmt.Errorf("the field %.20q of the UEB: %w", key, err)
		}
		c.UEB[string(key)] = fieldText(string(key), value)
		b = rest
	}
	return c.numbers()
}

// fieldText is how a field is shown.
func fieldText(key string, value []byte) string {
	switch {
	case strings.Contains(key, "hash"):
		return base32.Encode(value)
	case utf8.Valid(value):
		return string(value)
	}
	return strconv.QuoteToASCII(string(value))
}

var errFields = errors.New("the UEB lacks one of size, needed_shares and total_shares, or has no number there")

// numbers reads the fields that all of a file's shares must have, and writes all numbers in one way.
func (c *CHK) numbers() error {
	values := map[string]*int64{"size": &c.FileSize, "needed_shares": &c.Needed, "total_shares": &c.Total, "segment_size": new(int64), "num_segments": new(int64)}
	for key, to := range values {
		text, present := c.UEB[key]
		if !present && key != "size" && key != "needed_shares" && key != "total_shares" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return errFields
		}
		*to, c.UEB[key] = n, strconv.FormatInt(n, 10)
	}
	return nil
}

func (c CHK) verifyCap(i storage.Index) string {
	return fmt.Sprintf("URI:CHK-Verifier:%v:%s:%d:%d:%d", i, c.UEBHash, c.Needed, c.Total, c.FileSize)
}

func (c CHK) sections(container share.Immutable) []Section {
	l := c.layout
	within := func(name string, at int64) Section { return Section{name, share.ImmutableHeaderSize + at, 2} }
	return []Section{
		{"share data", share.ImmutableHeaderSize, 0},
		within("block data", l.Data), within("plaintext_hash_tree", l.PlaintextHashes), within("crypttext_hash_tree", l.CiphertextHashes),
		within("block_hashes", l.BlockHashes), within("share_hashes", l.ShareHashes), within("uri_extension", l.UEB),
		{"leases", container.LeaseAt(0), 0},
	}
}

// The fields of a UEB in the order in which they are shown. They are never changed.
var (
	uebNumbers = []string{"size", "num_segments", "segment_size", "needed_shares", "total_shares"}
	uebCodec   = []string{"codec_name", "codec_params", "tail_codec_params"}
	uebHashes  = []string{"plaintext_hash", "plaintext_root_hash", "crypttext_hash", "crypttext_root_hash", "share_root_hash"}
)

// others are the fields that nobody knows.
func (c CHK) others() []string {
	known := slices.Concat(uebNumbers, uebCodec, uebHashes)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.UEB)), func(k string) bool { return slices.Contains(known, k) })
}
