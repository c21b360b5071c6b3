package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"tahoe/internal/plural"
	"tahoe/node/basedir"
	"tahoe/storage/share"
)

// sample is how many shares are looked at.
const sample = 300

// leases looks whether the leases of shares are renewed: on a server, those of some of its shares; for a client, whether anything
// renews those of its own files.
func (x *examination) leases(ctx context.Context) {
	if x.kind != basedir.Client {
		return
	}
	if x.settings.Storage.Enabled {
		x.sampleLeases(ctx)
	}
	if x.uploads() {
		x.keeper()
	}
}

// keeper looks whether the node renews the leases of its owner's files by itself.
func (x *examination) keeper() {
	list, err := x.dir.ReadKeeper()
	var kept []basedir.KeeperLine
	if err == nil {
		kept, err = list.All()
	}
	kept = slices.DeleteFunc(kept, func(l basedir.KeeperLine) bool { return l.Kind == basedir.KeepRetire })
	switch {
	case err != nil:
		x.add(Problem, areaLeases, "What is to be kept alive cannot be read: "+err.Error()+".", "Mend that file, or make it anew: tahoe keeper list")
	case x.settings.Keeper.Enabled && len(kept) > 0:
		x.ok(areaLeases, "The keeper renews the leases of what it watches, which tahoe keeper list shows.")
	default:
		x.add(Note, areaLeases, "Nothing on this node renews the leases of your files by itself, and servers may remove shares 31 days after the last renewal.",
			"Say what is to be kept alive, with [keeper] enabled: tahoe keeper add aliases")
	}
}

// sampleLeases looks at some shares of the node's storage, wherever they are.
func (x *examination) sampleLeases(ctx context.Context) {
	root := filepath.Join(x.settings.Storage.Dir, "shares")
	looked, over, unreadable := 0, 0, 0
	now := x.c.Clock.Now()
	for path := range someShares(ctx, root) {
		if looked == sample {
			break
		}
		ends, err := lastLease(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		looked++
		switch {
		case err != nil:
			unreadable++
		case !ends.After(now):
			over++
		}
	}
	if unreadable > 0 {
		x.add(Problem, areaLeases, fmt.Sprintf("%d of the %s looked at cannot be read.", unreadable, plural.Of(looked, "share")), "Look at the disk, and have the files repaired by their owners: tahoe deep-check --verify --repair")
	}
	switch expire := x.settings.Storage.Expire.Enabled; {
	case looked == 0:
		x.ok(areaLeases, "There are no shares yet in %s.", x.settings.Storage.Dir)
	case over == 0:
		x.ok(areaLeases, "All leases of the %s looked at are live.", plural.Of(looked, "share"))
	case expire:
		x.add(Warning, areaLeases, fmt.Sprintf("Of the %s looked at, %d have no live lease, and are removed by expiry.", plural.Of(looked, "share"), over), "Tell the users of the grid to renew leases, if they want to keep their files.")
	default:
		x.add(Note, areaLeases, fmt.Sprintf("Of the %s looked at, %d have no live lease; they stay, because [storage] expire.enabled is off.", plural.Of(looked, "share"), over), "Switch expiry on if the room is needed, and tell the users before.")
	}
}

// someShares yields files of shares: those of one folder after the other, from any on.
func someShares(ctx context.Context, root string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		prefixes, _ := os.ReadDir(root)
		rand.Shuffle(len(prefixes), func(i, j int) { prefixes[i], prefixes[j] = prefixes[j], prefixes[i] })
		for _, p := range prefixes {
			if p.Name() == "incoming" || !p.IsDir() {
				continue
			}
			buckets, _ := os.ReadDir(filepath.Join(root, p.Name()))
			for _, b := range buckets {
				files, _ := os.ReadDir(filepath.Join(root, p.Name(), b.Name()))
				for _, f := range files {
					if _, err := strconv.Atoi(f.Name()); err != nil || !f.Type().IsRegular() {
						continue
					}
					if ctx.Err() != nil || !yield(filepath.Join(root, p.Name(), b.Name(), f.Name())) {
						return
					}
				}
			}
		}
	}
}

// lastLease is when the last lease of a share ends.
func lastLease(path string) (ends time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		return ends, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ends, err
	}
	head := make([]byte, max(share.MagicSize, share.ImmutableHeaderSize))
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return ends, err
	}
	var leases iter.Seq2[share.Lease, error]
	if share.IsMutable(head[:n]) {
		c, err := share.ReadMutable(f, info.Size())
		if err != nil {
			return ends, err
		}
		leases = c.AllLeases(f)
	} else {
		c, err := share.ParseImmutable(head[:n], info.Size())
		if err != nil {
			return ends, err
		}
		leases = c.AllLeases(f)
	}
	for l, bad := range leases {
		if err = cmp.Or(err, bad); bad == nil && l.Time().After(ends) {
			ends = l.Time()
		}
	}
	return ends, err
}
