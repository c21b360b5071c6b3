package immutable

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"tahoe/internal/taghash"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable/happiness"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
)

// A Helper makes the shares of files and places them, for clients whose own way to the servers is slow.
type Helper interface {
	// Store has the helper store a file, and returns when it says that it has. It reads f.Data no more when it has returned. The error
	// is one that wraps ErrNoHelper when there is no helper now.
	Store(ctx context.Context, f Sealed) (*Helped, error)
}

// ErrNoHelper is wrapped by the error of a Helper that cannot be reached.
var ErrNoHelper = errors.New("the helper is not connected")

// Helped is what a helper says that it did.
type Helped struct {
	UEBHash     taghash.Hash
	Pushed      int // shares that it sent
	Preexisting int // shares that were there
	Sharemap    map[storage.ShareNum][]grid.ServerID
}

// errOtherFile is what is wrong when the shares that a helper tells of are not those of the file.
var errOtherFile = errors.New("the shares that it tells of are not those of this file")

// assisted has the helper store a file. It returns neither a result nor an error when the file is to be sent without it: because it
// is away, could not do it, or did something else. What the helper says is compared with what the file's shares are, so that the
// capability is always that of a file that one can read.
func (u *Uploader) assisted(ctx context.Context, plain *plaintext, g layout.Geometry, l layout.Layout, happy int, m *uploadMeter) (*UploadResult, error) {
	sealed, err := u.sealedOf(plain, g, happy, m)
	if err != nil {
		return nil, err
	}
	said, ueb, err := u.delegate(ctx, sealed, plain, g, l, m)
	switch {
	case err == nil:
		r := &UploadResult{Index: sealed.Index, Pushed: said.Pushed, Preexisting: said.Preexisting, UEB: ueb, Helped: true}
		u.locate(r, said.Sharemap, g.Total)
		r.Cap, err = readCap(plain, g, taghash.UEB(ueb))
		return r, err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, ErrNoHelper):
		u.c.Log.Info("upload without the helper", "index", sealed.Index.Abbrev(), "why", err)
	default:
		u.c.Log.Warn("upload without the helper", "index", sealed.Index.Abbrev(), "why", err)
	}
	if errors.Is(err, errOtherFile) {
		// Other shares may be on the servers under the index of this file. With a new key it has another one.
		_, _ = rand.Read(plain.key[:])
	}
	m.again()
	return nil, nil
}

// delegate has the helper store the file, and finds out meanwhile what the shares of the file are.
func (u *Uploader) delegate(ctx context.Context, f Sealed, plain *plaintext, g layout.Geometry, l layout.Layout, m *uploadMeter) (said *Helped, ueb []byte, err error) {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		said, err = u.c.Helper.Store(ctx, f)
		return err
	})
	both.Go(func() (err error) {
		ueb, err = u.fingerprint(ctx, plain, g, l, m)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, nil, err
	}
	if said.UEBHash != taghash.UEB(ueb) {
		return nil, nil, errOtherFile
	}
	return said, ueb, nil
}

// fingerprint makes the shares of a file, sends them to nobody, and returns the UEB that all of them would have.
func (u *Uploader) fingerprint(ctx context.Context, plain *plaintext, g layout.Geometry, l layout.Layout, m *uploadMeter) ([]byte, error) {
	pipe, done, err := u.pipeline(ctx, plain, g, l, m)
	if err != nil {
		return nil, err
	}
	defer done()
	for share := range g.Total {
		pipe.ring.leave(share)
	}
	if _, err := pipe.run(ctx); err != nil {
		return nil, err
	}
	return pipe.ring.end.ueb, nil
}

// sealedOf is the file as the helper gets it.
func (u *Uploader) sealedOf(plain *plaintext, g layout.Geometry, happy int, m *uploadMeter) (Sealed, error) {
	block, err := aes.NewCipher(plain.key[:])
	if err != nil {
		return Sealed{}, fmt.Errorf("make cipher: %w", err)
	}
	m.toPush.Store(plain.size)
	return Sealed{
		Index: taghash.StorageIndex(plain.key), Size: plain.size,
		Encoding: Encoding{Needed: g.Needed, Happy: happy, Total: g.Total, MaxSegment: g.SegmentSize},
		Data:     &sealing{plain, block, m},
	}, nil
}

// A sealing is the ciphertext of a source, made as it is read.
type sealing struct {
	plain *plaintext
	block cipher.Block
	meter *uploadMeter
}

func (s *sealing) ReadAt(p []byte, off int64) (int, error) {
	if err := readFullAt(s.plain, p, off); err != nil {
		return 0, err
	}
	decrypt(s.block, off, p) // which encrypts as well: the key stream is the same
	s.meter.reached(off + int64(len(p)))
	return len(p), nil
}

// locate notes where the shares are, as the helper says. Servers that this node does not know are counted, but not named.
func (u *Uploader) locate(r *UploadResult, where map[storage.ShareNum][]grid.ServerID, total int) {
	r.Sharemap = map[storage.ShareNum][]*grid.Server{}
	r.Servermap = map[grid.ServerID][]storage.ShareNum{}
	known := map[grid.ServerID]*grid.Server{}
	for _, s := range u.c.Servers.Permuted(r.Index) {
		known[s.ID()] = s
	}
	for share, ids := range where {
		if int(share) >= total {
			continue
		}
		for _, id := range ids {
			r.Servermap[id] = append(r.Servermap[id], share)
			if s := known[id]; s != nil {
				r.Sharemap[share] = append(r.Sharemap[share], s)
			}
		}
	}
	var held [][]int
	for _, shares := range r.Servermap {
		slices.Sort(shares)
		var has []int
		for _, n := range shares {
			has = append(has, int(n))
		}
		held = append(held, has)
	}
	r.Happiness = happiness.Measure(held)
}
