package immutable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/immutable"
	"tahoe/lafs/immutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// An encoded is a file and its shares, made once for many cases.
type encoded struct {
	plain  []byte
	chk    caps.CHK
	shares [][]byte
	l      layout.Layout
	g      layout.Geometry
}

func encodeFile(t testing.TB, enc slowEncoder, size int) encoded {
	t.Helper()
	e := encoded{plain: noise(10, size)}
	e.chk, e.shares = enc.encode(t, e.plain)
	g, err := layout.NewGeometry(enc.k, enc.n, int64(size), enc.maxSegment)
	must(t, err)
	e.g = g
	e.l, err = g.Layout(layout.UEBSize(g))
	must(t, err)
	return e
}

func (e encoded) world(t testing.TB, servers int) *world {
	w := newWorld(t, servers)
	w.place(e.chk, e.shares)
	return w
}

// part is what a report should name for a wrong byte at offset, "" when that is used for nothing.
func (e encoded) part(offset int64) string {
	switch l := e.l; {
	case offset < l.Data:
		return "header"
	case offset < l.PlaintextHashes:
		return fmt.Sprintf("block %d:", (offset-l.Data)/e.g.BlockSize)
	case offset < l.CiphertextHashes:
		return ""
	case offset < l.BlockHashes:
		return "ciphertext hash tree"
	case offset < l.ShareHashes:
		return "block hashes"
	case offset < l.UEB:
		return "share hashes"
	default:
		return "URI extension block"
	}
}

// readDespite flips a bit at offset of all shares but k, reads the file, and checks who was told about it.
func readDespite(t *testing.T, e encoded, offset int64) {
	t.Helper()
	w := e.world(t, e.g.Total)
	bad := e.g.Total - e.g.Needed
	for i := range bad {
		w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), offset)
	}
	limit(t, time.Second, func() { readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain) })
	want := e.part(offset)
	for i, m := range w.mems {
		advice := m.Advisories()
		switch {
		case i >= bad || want == "" || w.faulty[i].Count(storagetest.OpRead) == 0:
			if len(advice) > 0 {
				t.Errorf("byte %d: server %d got advice %v", offset, i, advice)
			}
		case len(advice) != 1 || !strings.HasPrefix(advice[0].Reason, want) || advice[0].Share != storage.ShareNum(i):
			t.Errorf("byte %d: server %d got advice %v, want one about share %d, %q", offset, i, advice, i, want)
		}
	}
}

func TestEveryFlippedByteOfASmallShare(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 100)
	synctest.Test(t, func(t *testing.T) {
		for offset := range int64(len(e.shares[0])) {
			readDespite(t, e, offset)
		}
	})
}

func TestFlippedBytesOfALargeShare(t *testing.T) {
	e := encodeFile(t, slowEncoder{k: 3, n: 6, maxSegment: 256 << 10}, 700_000)
	old := encodeFile(t, slowEncoder{k: 3, n: 6, maxSegment: 128 << 10}, 700_000)
	today := encodeFile(t, slowEncoder{k: 3, n: 6, maxSegment: mib}, 3*mib)
	l := e.l
	for _, at := range []struct {
		name       string
		start, end int64
	}{
		{"blocks", l.Data, l.PlaintextHashes},
		{"ciphertext hash tree", l.CiphertextHashes, l.BlockHashes},
		{"block hashes", l.BlockHashes, l.ShareHashes},
		{"share hashes", l.ShareHashes, l.UEB},
		{"UEB", l.UEB, l.ShareSize()},
	} {
		t.Run(at.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, x := range []encoded{e, old, today} {
					size := int64(len(x.shares[0]))
					from, to := x.region(at.name)
					for _, offset := range []int64{from, from + 1, from + (to-from)/3, (from + to) / 2, to - 1} {
						if offset < size {
							readSurvives(t, x, offset, x.chk == today.chk)
						}
					}
				}
			})
		})
	}
	t.Run("header", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for offset := range today.l.Data {
				readDespite(t, today, offset)
				readSurvives(t, old, offset, false)
			}
		})
	})
}

func (e encoded) region(name string) (start, end int64) {
	l := e.l
	switch name {
	case "blocks":
		return l.Data, l.PlaintextHashes
	case "ciphertext hash tree":
		return l.CiphertextHashes, l.BlockHashes
	case "block hashes":
		return l.BlockHashes, l.ShareHashes
	case "share hashes":
		return l.ShareHashes, l.UEB
	default:
		return l.UEB, l.ShareSize()
	}
}

// readSurvives is readDespite for shares that are read in parts. When the sections are where the reader expects them,
// whoever served the wrong byte must have been told; otherwise some of what was served is not looked at.
func readSurvives(t *testing.T, e encoded, offset int64, expected bool) {
	t.Helper()
	w := e.world(t, e.g.Total)
	for i := range e.g.Total - e.g.Needed {
		w.mems[i].FlipBit(e.chk.Index(), storage.ShareNum(i), offset)
	}
	limit(t, time.Second, func() { readAll(t, t.Context(), w.downloader().Open(e.chk), e.plain) })
	for i, f := range w.faulty {
		served := false
		for _, c := range f.Calls() {
			served = served || c.Op == storagetest.OpRead && c.Span.Offset <= offset && offset < c.Span.End()
		}
		bad := i < e.g.Total-e.g.Needed
		if n := len(w.mems[i].Advisories()); expected && bad && served && n == 0 || !bad && n > 0 {
			t.Errorf("byte %d: server %d, bad %v, got %d advisories", offset, i, bad, n)
		}
	}
}

func TestMisbehavingServers(t *testing.T) {
	file := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 3*mib+5)
	small := encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 500)
	const hour = time.Hour
	every := func(op storagetest.Op, e storagetest.Effect) storagetest.Fault {
		return storagetest.Fault{When: storagetest.When{Op: op}, Effect: e}
	}
	faults := []storagetest.Fault{
		storagetest.HangAll(storagetest.OpBuckets),
		storagetest.HangAll(storagetest.OpRead),
		storagetest.HangAll(storagetest.OpAdvise),
		storagetest.HangAll(storagetest.OpAny),
		storagetest.FailAll(storagetest.OpBuckets, storagetest.ErrFault),
		storagetest.FailAll(storagetest.OpRead, storagetest.ErrFault),
		storagetest.FailAll(storagetest.OpRead, storage.ErrNotFound),
		storagetest.FailAll(storagetest.OpAny, storagetest.ErrFault),
		every(storagetest.OpBuckets, storagetest.Delay(hour)),
		every(storagetest.OpRead, storagetest.Delay(hour)),
	}
	for _, n := range []int64{0, 1, 35, 36, 37, 100, 1000, 400_000, 700_000} {
		faults = append(faults,
			every(storagetest.OpRead, storagetest.Truncate(n)),
			every(storagetest.OpRead, storagetest.Break(n, io.ErrUnexpectedEOF)),
			every(storagetest.OpRead, storagetest.Stall(n)),
			every(storagetest.OpRead, storagetest.Vanish(n)))
	}
	for _, fault := range faults {
		t.Run(fault.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, e := range []encoded{file, small} {
					w := e.world(t, 10)
					for i := range 7 {
						w.faulty[i].Add(fault)
					}
					f := w.downloader().Open(e.chk)
					limit(t, 15*time.Second, func() { readAll(t, t.Context(), f, e.plain) })
					limit(t, 15*time.Second, func() { readAll(t, t.Context(), f, e.plain) })
				}
			})
			synctest.Test(t, func(t *testing.T) { tooFew(t, file, fault) })
			synctest.Test(t, func(t *testing.T) { tooFew(t, small, fault) })
		})
	}
}

// tooFew has eight of ten servers misbehave. When that is too many for a download, the error must say so in time.
func tooFew(t *testing.T, e encoded, fault storagetest.Fault) {
	t.Helper()
	w := e.world(t, 10)
	for i := range 8 {
		w.faulty[i].Add(fault)
	}
	var b bytes.Buffer
	limit(t, 15*time.Second, func() {
		err := w.downloader().Open(e.chk).Read(t.Context(), 0, int64(len(e.plain)), &b)
		if !bytes.HasPrefix(e.plain, b.Bytes()) {
			t.Error("got bytes that are not the plaintext")
		}
		if err == nil {
			if b.Len() != len(e.plain) {
				t.Errorf("got %d bytes and no error", b.Len())
			}
			return
		}
		short, ok := errors.AsType[*immutable.NotEnoughSharesError](err)
		if !ok || short.Have != 2 || short.Need != 3 || len(short.Asked) != 10 {
			t.Errorf("got %v, want one with 2 of 3, and 10 servers", err)
		}
	})
}
