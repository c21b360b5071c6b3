package layout_test

import (
	"bytes"
	"testing"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable/layout"
)

// addShares seeds a fuzz target with the small shares that the original wrote.
func addShares(f *testing.F) {
	for _, r := range recordedFiles(f) {
		if r.Total <= 10 {
			f.Add(r.share(f, r.Shares[0]))
		}
	}
	f.Add([]byte{})
}

func FuzzParseCheckstring(f *testing.F) {
	addShares(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := layout.ParseCheckstring(b)
		if err != nil {
			if !isCorrupt(err) {
				t.Errorf("%v is no *CorruptError", err)
			}
			return
		}
		if got := c.Encode(); !bytes.HasPrefix(b, got) || len(got) > layout.MaxCheckstringSize {
			t.Errorf("%x became %x", b, got)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	addShares(f)
	f.Add(header(f, caps.MDMF, 1<<20))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := layout.ParseHeader(b)
		if err != nil {
			if !isCorrupt(err) {
				t.Errorf("%v is no *CorruptError", err)
			}
			return
		}
		if got := h.Encode(); !bytes.HasPrefix(b, got) || int64(len(got)) != h.HeaderSize() {
			t.Errorf("%x became %x", b[:len(got)], got)
		}
		for p := layout.PartHeader; p <= layout.PartPrivateKey; p++ {
			if s := h.Span(p); s.Size < 0 || s.End() > h.ShareSize() && h.ShareSize() >= h.HeaderSize() {
				t.Errorf("%v at %+v of a share of %d bytes", p, s, h.ShareSize())
			}
		}
		g, err := h.Geometry()
		if err != nil || g.Segments > layout.MaxSegments || h.Span(layout.PartBlockHashes).Size != g.TreeSize() {
			t.Errorf("geometry %+v, %v", g, err)
		}
	})
}

// A share that can be read is the same when it is packed and read again.
func FuzzReadParts(f *testing.F) {
	addShares(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, p, err := layout.ReadParts(bytes.NewReader(b))
		if err != nil {
			if !isCorrupt(err) {
				t.Errorf("%v is no *CorruptError", err)
			}
			return
		}
		s := h.Span(layout.PartData)
		if s.End() > int64(len(b)) {
			return // its data are missing, which ReadParts does not look at
		}
		share, err := p.Pack(bytes.NewReader(b[s.Offset:s.End()]))
		if err != nil {
			return // parts may lie where this package would not place them
		}
		_, again, err := layout.ReadParts(share)
		if err != nil || !equalParts(p, again) {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
		_ = p.VerifyHashes(0) // must not panic, whatever the parts are
	})
}

func equalParts(a, b layout.Parts) bool {
	head, err := a.Head()
	headB, errB := b.Head()
	return err == nil && errB == nil && a.Prefix == b.Prefix && bytes.Equal(head, headB) && bytes.Equal(a.Tail(), b.Tail())
}

func FuzzVerifyShare(f *testing.F) {
	fingerprint := recordedFiles(f)[1].cap(f).Fingerprint()
	addShares(f)
	good := recordedFiles(f)[1]
	f.Fuzz(func(t *testing.T, b []byte) {
		_, p, err := layout.VerifyShare(bytes.NewReader(b), good.Shares[0], fingerprint)
		if err == nil && !bytes.HasPrefix(b, p.Prefix.Encode()) {
			t.Error("a prefix was accepted that is not there")
		}
		if want := good.share(t, good.Shares[0]); err == nil && !bytes.HasPrefix(want, p.Prefix.Encode()) {
			t.Error("a prefix was accepted that the owner of the key did not sign")
		}
	})
}

func FuzzParseShareHashes(f *testing.F) {
	f.Add(make([]byte, 34*4))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := layout.ParseShareHashes(b)
		if err == nil && !bytes.Equal(layout.AppendChain(nil, chain), b) {
			t.Errorf("%x became %v", b, chain)
		}
	})
}

func FuzzParseBlockHashes(f *testing.F) {
	f.Add(make([]byte, 32*3))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := layout.ParseBlockHashes(b)
		if err == nil && !bytes.Equal(layout.AppendTree(nil, tree), b) {
			t.Errorf("%x became %v", b, tree)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(newKey(f).Public().DER())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := layout.ParsePublicKey(b, taghash.Fingerprint(b))
		if err == nil && (!bytes.Equal(key.DER(), b) || key.Fingerprint() != taghash.Fingerprint(b)) {
			t.Errorf("%x became %x", b, key.DER())
		}
		if err != nil && !isCorrupt(err) {
			t.Errorf("%v is no *CorruptError", err)
		}
	})
}
