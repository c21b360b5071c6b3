package node

import (
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
)

// Of the keys for new mutable files and directories leastKeys lie ready at first, and mostKeys where many are used.
const (
	leastKeys = 8
	mostKeys  = 64
)

// newFiles makes the node's file store.
func (n *Node) newFiles(servers grid.Servers, leaseMaster, convergence []byte) *lafs.Client {
	lease := leases(leaseMaster)
	keys := mutable.NewKeyPool(leastKeys, mostKeys, n.shared.Pool)
	n.children = append(n.children, reactor.Child{Name: "keys", Service: keys})
	up := immutable.NewUploader(immutable.UploaderConfig{
		Servers: servers, Lease: lease, Pool: n.shared.Pool, Budget: n.shared.Uploads, Encoding: n.encoding(),
		Convergence: convergence, SpoolDir: n.settings.TempDir, Clock: n.shared.Clock, Log: n.log, Helper: n.assistant(),
	})
	down := immutable.NewDownloader(immutable.DownloaderConfig{
		Servers: servers, Pool: n.shared.Pool, Budget: n.shared.Downloads, Log: n.log,
	})
	check := immutable.NewChecker(immutable.CheckerConfig{
		Servers: servers, Lease: lease, Pool: n.shared.Pool, Budget: n.shared.Downloads, Log: n.log,
	})
	return lafs.New(lafs.Config{
		Uploader: up, Downloader: down, Checker: check, Repairer: immutable.NewRepairer(up, down, check),
		Mutable: mutable.New(mutable.Config{
			Servers: servers, Lease: lease, Pool: n.shared.Pool, Budget: n.shared.Mutable, Keys: keys, SpoolDir: n.settings.TempDir, Clock: n.shared.Clock, Log: n.log,
			Encoding: mutable.Encoding{Needed: n.settings.Client.Needed, Total: n.settings.Client.Total},
		}),
		Access: (&blacklist{path: n.dir.Path("access.blacklist")}).allow,
		Pool:   n.shared.Pool, Budget: n.shared.Directories, Format: lafs.Format(n.settings.Client.MutableFormat), Clock: n.shared.Clock, Log: n.log,
	})
}
