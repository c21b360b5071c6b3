package web

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"tahoe/lafs"
)

// args are the arguments of a request: those of the query first, then the fields of a form.
type args struct {
	query url.Values
	form  map[string]string
}

func (a args) get(name string) string {
	if v, ok := a.query[name]; ok {
		return v[0]
	}
	return a.form[name]
}

func (a args) has(name string) bool {
	_, field := a.form[name]
	return field || a.query.Has(name)
}

// operation is the t= argument.
func (a args) operation() string { return strings.TrimSpace(a.get("t")) }

// boolean reads an argument that is false when it is missing.
func (a args) boolean(name string) (bool, error) {
	yes, ok := parseBoolean(a.get(name))
	if !ok {
		return false, badRequest("invalid boolean argument: %s='%s' is neither true nor false", name, short(a.get(name)))
	}
	return yes, nil
}

func parseBoolean(v string) (yes, ok bool) {
	switch strings.ToLower(v) {
	case "true", "t", "1", "on":
		return true, true
	case "", "false", "f", "0", "off":
		return false, true
	}
	return false, false
}

// replace says what a new child may replace. Without the argument it is any child, and so it is when it is empty.
func (a args) replace(name string) (lafs.Replace, error) {
	v := a.get(name)
	if strings.ToLower(v) == "only-files" {
		return lafs.ReplaceOnlyFiles, nil
	}
	yes, ok := parseBoolean(v)
	switch {
	case !ok:
		return 0, badRequest("invalid %s= argument: '%s' is neither true nor false nor only-files", name, short(v))
	case yes, v == "":
		return lafs.ReplaceAny, nil
	}
	return lafs.ReplaceNever, nil
}

// format is how something new is to be stored; it is empty when the request leaves it to the node.
func (a args) format() (lafs.Format, error) {
	switch format := a.get("format"); strings.ToUpper(format) {
	case "CHK":
		return lafs.CHK, nil
	case "SDMF":
		return lafs.SDMF, nil
	case "MDMF":
		return lafs.MDMF, nil
	case "":
	default:
		return "", badRequest("Unknown format: %s, I know CHK, SDMF, MDMF", short(format))
	}
	mutable, err := a.boolean("mutable")
	if mutable {
		return lafs.SDMF, nil
	}
	return "", err
}

// key is the private key that a new mutable file or directory shall have, or nil.
func (a args) key() (*rsa.PrivateKey, error) {
	text := a.get("private-key")
	if text == "" {
		return nil, nil
	}
	der, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		return nil, badRequest("private-key= is not a key in DER, written in the URL-safe form of base64")
	}
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if key, ok := k.(*rsa.PrivateKey); ok {
			return checkKey(key)
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return checkKey(key)
	}
	return nil, badRequest("private-key= is not an RSA key")
}

func checkKey(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if bits := key.N.BitLen(); bits != 2048 {
		return nil, badRequest("private-key= has %d bits, and the key of a mutable file has 2048", bits)
	}
	return key, nil
}

// offset is where in a mutable file the body of a PUT is to be written; ok says whether the request has one.
func (a args) offset() (off int64, ok bool, err error) {
	if !a.has("offset") {
		return 0, false, nil
	}
	off, err = strconv.ParseInt(a.get("offset"), 10, 64)
	if err != nil {
		return 0, true, badRequest("offset='%s' is not a whole number", short(a.get("offset")))
	}
	return off, true, nil
}
