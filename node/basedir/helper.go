package basedir

import (
	"tahoe/internal/nurl"
	"tahoe/node/config"
)

const helperFURL = "helper.furl"

// HelperFURL returns the secret of the node's upload helper, that of private/helper.furl, and writes the helper's FURL there, with the
// locations of now.
func (d Dir) HelperFURL(i Identity, hints []config.Hint) (nurl.Swissnum, error) {
	swiss, err := d.swissnum(helperFURL, i)
	if err != nil {
		return nurl.Swissnum{}, err
	}
	return swiss, WriteNote(d.Private(helperFURL), []byte(furlOf(i, hints, swiss)+"\n"), 0o600)
}
