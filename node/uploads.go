package node

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"tahoe/frontends/web"
	"tahoe/frontends/web/uploads"
)

// uploadsLabel keeps the keys of uploads apart from those of other things that are sealed under the node's secret.
const uploadsLabel = "tahoe uploads under way, version 1"

// openUploads opens what clients were uploading when the node stopped. They go on.
func (n *Node) openUploads(leaseMaster []byte) (*uploads.Spool, error) {
	c := n.settings.Uploads
	if c.Limit == 0 || n.settings.Web == nil {
		return nil, nil
	}
	secret, err := hkdf.Key(sha256.New, leaseMaster, nil, uploadsLabel, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	spool, err := uploads.Open(c.Dir, uploads.Config{Secret: secret, Limit: c.Limit, Keep: c.Keep, Clock: n.shared.Clock, Log: n.log})
	if err != nil {
		return nil, fmt.Errorf("%s: uploads.dir: %w", n.dir.Path("tahoe.cfg"), err)
	}
	n.closers = append(n.closers, spool)
	return spool, nil
}

// withUploads is a web port's config with them.
func withUploads(c web.Config, spool *uploads.Spool) web.Config {
	c.Uploads = spool
	return c
}
