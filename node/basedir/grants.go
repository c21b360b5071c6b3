package basedir

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tahoe/node/config"
)

// A Grant is a client of the node's storage that has an address of its own.
type Grant struct {
	Name     string
	Limit    uint64 // bytes of shares; 0 is without limit
	ReadOnly bool   // it stores and changes nothing
}

// grantsFile is private/grants.yaml. It holds no secret: the address of each grant lies beside it.
type grantsFile struct {
	Grants map[string]struct {
		Limit    string `yaml:"limit"`
		ReadOnly bool   `yaml:"readonly"`
	} `yaml:"grants"`
}

const grantsName = "grants.yaml"

// Grants are those of private/grants.yaml, by name.
func (d Dir) Grants() ([]Grant, error) {
	var file grantsFile
	if err := d.readYAML(grantsName, &file); err != nil {
		return nil, err
	}
	var out []Grant
	for _, name := range slices.Sorted(maps.Keys(file.Grants)) {
		if !isGrantName(name) {
			return nil, fmt.Errorf("%s: the name of a grant is up to 40 small letters, digits and dashes, and begins with a letter; %q is not", d.Private(grantsName), name)
		}
		limit, err := config.ParseSize(file.Grants[name].Limit)
		if err != nil {
			return nil, fmt.Errorf("%s: the limit of %s %w", d.Private(grantsName), name, err)
		}
		out = append(out, Grant{name, uint64(limit), file.Grants[name].ReadOnly})
	}
	return out, nil
}

func isGrantName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return s != "" && len(s) <= 40 && strings.Trim(s, letters+"0123456789-") == "" && strings.ContainsRune(letters, rune(s[0]))
}

// GrantAddress is the address of a grant, as StorageAddress is that of everybody. Its secret is made the first time, and lies in
// private/grant-NAME.furl: who removes that file takes the grant back from those who have it.
func (d Dir) GrantAddress(name string, i Identity, hints []config.Hint) (Storage, error) {
	return d.storageAddress("grant-"+name+".furl", i, hints)
}

// WriteForGrant writes private/grant-NAME-for-clients.yaml, which the client of a grant needs, unless it says the same already.
func (d Dir) WriteForGrant(name string, s Static) error {
	return d.writeForClients("grant-"+name+"-for-clients.yaml", s)
}
