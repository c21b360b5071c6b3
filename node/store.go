package node

import (
	"context"
	"fmt"
	"io"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
)

// newFiles makes the node's file store.
func (n *Node) newFiles(servers grid.Servers, leaseMaster, convergence []byte) *lafs.Client {
	up := immutable.NewUploader(immutable.UploaderConfig{
		Servers: servers, Lease: leases(leaseMaster), Pool: n.shared.Pool, Budget: n.shared.Uploads, Encoding: n.encoding(),
		Convergence: convergence, SpoolDir: n.settings.TempDir, Clock: n.shared.Clock, Log: n.log,
	})
	down := immutable.NewDownloader(immutable.DownloaderConfig{Servers: servers, Pool: n.shared.Pool, Budget: n.shared.Downloads, Log: n.log})
	return lafs.NewClient(up, down)
}

// store is a file store as the web port sees it.
type store struct{ files *lafs.Client }

func (s store) Put(ctx context.Context, src io.Reader, size int64) (caps.Read, error) {
	r, err := s.files.Put(ctx, src, lafs.PutOptions{Size: size})
	return r.Cap, err
}

func (s store) Open(c caps.Cap) (web.File, error) {
	n, err := s.files.Open(c)
	if err != nil {
		return nil, err
	}
	f, ok := n.(lafs.File)
	if !ok {
		return nil, fmt.Errorf("%s is no file: %w", caps.Abbrev(c), lafs.ErrWrongKind)
	}
	return f, nil
}
