package web

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"net/http"
	"strings"
)

// metadataOf reads Upload-Metadata: pairs of a key and a value in base64, with a blank between, parted by commas.
func metadataOf(text string) (map[string]string, error) {
	all := map[string]string{}
	if text == "" {
		return all, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, coded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		value, err := base64.StdEncoding.DecodeString(coded)
		_, twice := all[key]
		switch {
		case !isMetadataKey(key):
			return nil, badRequest("Upload-Metadata must be pairs of a key and a value in base64, parted by commas: one key is empty or not of ASCII")
		case twice:
			return nil, badRequest("Upload-Metadata has the key %s twice", short(key))
		case err != nil:
			return nil, badRequest("Upload-Metadata: the value of %s is not base64", short(key))
		}
		all[key] = string(value)
	}
	return all, nil
}

func isMetadataKey(key string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return key != ""
}

// metadataTo is the key of where an upload goes.
const metadataTo = "to"

// publicMetadata are metadata as their client sent them, without where the upload goes: the address of an upload is no capability
// for a directory.
func publicMetadata(text string) string {
	var kept []string
	for pair := range strings.SplitSeq(text, ",") {
		pair = strings.TrimSpace(pair)
		if key, _, _ := strings.Cut(pair, " "); key != metadataTo {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, ",")
}

// statusChecksum says that bytes are not those that their checksum is of.
const statusChecksum = 460

const checksumNames = "sha1,sha256,sha512"

// A checksum is what Upload-Checksum says of the bytes of a request.
type checksum struct {
	hash hash.Hash
	want []byte
}

// checksumOf reads the header; nil when there is none.
func checksumOf(r *http.Request) (*checksum, error) {
	text := r.Header.Get("Upload-Checksum")
	if text == "" {
		return nil, nil
	}
	name, coded, _ := strings.Cut(text, " ")
	c := &checksum{}
	switch name {
	case "sha1":
		c.hash = sha1.New()
	case "sha256":
		c.hash = sha256.New()
	case "sha512":
		c.hash = sha512.New()
	default:
		return nil, badRequest("Upload-Checksum: %s is none of %s", short(name), checksumNames)
	}
	var err error
	if c.want, err = base64.StdEncoding.DecodeString(coded); err != nil || len(c.want) != c.hash.Size() {
		return nil, badRequest("Upload-Checksum: what follows %s is not such a checksum in base64", name)
	}
	return c, nil
}

func (c *checksum) verify() error {
	if subtle.ConstantTimeCompare(c.hash.Sum(nil), c.want) == 0 {
		return problem{status: statusChecksum, text: "the bytes of this request are not those that Upload-Checksum is of: send them again"}
	}
	return nil
}
