package immutable_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A large ciphertext hash tree is read from one share. When it is wrong there, it is found in another one, where that has
// it, and nothing is said against shares that are right.
func TestLargeTreeOfAnotherShare(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		e := encodeFile(t, slowEncoder{k: 2, n: 6, maxSegment: 100, v2: v2}, 110_000)
		l := e.l
		if v2 {
			l = e.g.LayoutV2(layout.UEBSize(e.g))
		}
		synctest.Test(t, func(t *testing.T) {
			w := e.world(t, 6)
			for i := range 2 {
				w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), l.CiphertextHashes+5)
			}
			for i := 2; i < 6; i++ { // they come later
				w.faulty[i].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(1)})
			}
			readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain)
			for _, a := range w.advisories() {
				if a.Share > 1 {
					t.Errorf("version 2 %v: advised of share %d, which is right: %s", v2, a.Share, a.Reason)
				}
			}
		})
	}
}

// A slowTree gives spans of a size slowly.
type slowTree struct {
	storage.Server
	size int64
}

func (s slowTree) Buckets(ctx context.Context, i storage.Index) (map[storage.ShareNum]storage.Reader, error) {
	m, err := s.Server.Buckets(ctx, i)
	for n, r := range m {
		m[n] = slowTreeReader{r, s.size}
	}
	return m, err
}

type slowTreeReader struct {
	storage.Reader
	size int64
}

func (r slowTreeReader) Read(ctx context.Context, s storage.Span) (io.ReadCloser, error) {
	body, err := r.Reader.Read(ctx, s)
	if err != nil || s.Size != r.size {
		return body, err
	}
	return &slowBody{ctx, body}, nil
}

type slowBody struct {
	ctx context.Context
	io.ReadCloser
}

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(100 * time.Millisecond):
		return b.ReadCloser.Read(p[:min(len(p), 1000)])
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	}
}

// While one Read of a file fetches its hash tree, which takes long, another one waits.
func TestSecondReadWaitsForTheTree(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 2, n: 6, maxSegment: 100}, 110_000)
	synctest.Test(t, func(t *testing.T) {
		w := e.world(t, 6)
		for i := range 6 {
			if i < 2 {
				w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), e.l.CiphertextHashes+5)
			} else {
				w.faulty[i].Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpBuckets}, Effect: storagetest.Delay(1)})
			}
			w.servers[i] = newUpServer(t, i, slowTree{w.faulty[i], e.g.TreeSize()})
		}
		f := w.downloader().Open(e.chk)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { readAll(t, t.Context(), f, e.plain) })
		time.Sleep(time.Second)
		begin := time.Now()
		readAll(t, t.Context(), f, e.plain)
		if took := time.Since(begin); took < 10*time.Second {
			t.Errorf("took %v: the tree was not slow", took)
		}
	})
}
