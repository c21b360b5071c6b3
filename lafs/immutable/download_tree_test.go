package immutable_test

import (
	"testing"
	"testing/synctest"

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
