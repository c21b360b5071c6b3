package node

import (
	"bytes"
	"context"
	"errors"
	"io"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
)

// store is the file store as the web port sees it.
type store struct {
	up   *immutable.Uploader
	down *immutable.Downloader
}

func (n *Node) newStore(servers grid.Servers, leaseMaster, convergence []byte) web.Store {
	return store{
		up: immutable.NewUploader(immutable.UploaderConfig{
			Servers: servers, Lease: leases(leaseMaster), Pool: n.shared.Pool, Budget: n.shared.Budget, Encoding: n.encoding(),
			Convergence: convergence, SpoolDir: n.settings.TempDir, Clock: n.shared.Clock, Log: n.log,
		}),
		down: immutable.NewDownloader(immutable.DownloaderConfig{Servers: servers, Pool: n.shared.Pool, Budget: n.shared.Budget, Log: n.log}),
	}
}

func (s store) Put(ctx context.Context, src io.Reader, size int64) (caps.Read, error) {
	c, _, err := s.up.Upload(ctx, src, immutable.UploadOptions{Size: size})
	return c, err
}

func (s store) Open(c caps.Cap) (web.File, error) {
	switch c := c.(type) {
	case caps.CHK:
		return s.down.Open(c), nil
	case caps.Literal:
		return literal{c.Data()}, nil
	}
	return nil, errors.New("this capability does not name a file that this version can read")
}

// literal is a file within its capability.
type literal struct{ data []byte }

func (l literal) Size() int64 { return int64(len(l.data)) }

func (l literal) Read(_ context.Context, off, n int64, w io.Writer) error {
	_, err := io.Copy(w, io.NewSectionReader(bytes.NewReader(l.data), off, n))
	return err
}
