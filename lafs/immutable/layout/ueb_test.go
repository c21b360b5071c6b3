package layout_test

import (
	"bytes"
	"strings"
	"testing"

	"tahoe/lafs/immutable/layout"
)

func sampleUEB(t testing.TB) (layout.Geometry, layout.UEB) {
	g := geometry(t, 3, 10, 2000, 1000)
	u := layout.NewUEB(g)
	for i := range layout.HashSize {
		u.CiphertextHash[i], u.CiphertextRoot[i], u.ShareRoot[i] = byte(i), byte(2*i), byte(3*i)
	}
	return g, u
}

func TestUEBRoundTrip(t *testing.T) {
	g, u := sampleUEB(t)
	b := u.Encode()
	if len(b) != layout.UEBSize(g) {
		t.Errorf("got %d bytes, want %d", len(b), layout.UEBSize(g))
	}
	got, err := layout.ParseUEB(b)
	if err != nil || got != u {
		t.Errorf("got %+v, %v, want %+v", got, err, u)
	}
	if back, err := got.Geometry(3, 10, 2000); err != nil || back != g {
		t.Errorf("got %+v, %v, want %+v", back, err, g)
	}
}

func TestUEBAcceptsWhatOtherWritersAdd(t *testing.T) {
	_, u := sampleUEB(t)
	b := bytes.Replace(u.Encode(), []byte("segment_size:"), []byte("plaintext_hash:3:abc,segment_size:"), 1)
	if got, err := layout.ParseUEB(b); err != nil || got != u {
		t.Errorf("got %+v, %v, want %+v", got, err, u)
	}
}

func TestUEBWithoutRedundantFields(t *testing.T) {
	g, u := sampleUEB(t)
	short := layout.UEB{SegmentSize: u.SegmentSize, CiphertextRoot: u.CiphertextRoot, ShareRoot: u.ShareRoot}
	got, err := layout.ParseUEB(short.Encode())
	if err != nil || got != short {
		t.Fatalf("got %+v, %v, want %+v", got, err, short)
	}
	if back, err := got.Geometry(3, 10, 2000); err != nil || back != g {
		t.Errorf("got %+v, %v, want %+v", back, err, g)
	}
}

func TestParseUEBRefuses(t *testing.T) {
	_, u := sampleUEB(t)
	good := string(u.Encode())
	for _, tc := range []struct{ name, in string }{
		{"empty", ""},
		{"cut", good[:len(good)-1]},
		{"trailing junk", good + "x"},
		{"duplicate", good + "total_shares:2:10,"},
		{"unordered", good + "alpha:1:1,"},
		{"bad key", "a b:1:x," + good},
		{"no key", ":1:x," + good},
		{"short hash", strings.Replace(good, "share_root_hash:32:", "share_root_hash:31:", 1)},
		{"short root", "crypttext_root_hash:3:abc,"},
		{"negative", strings.Replace(good, "size:4:2000", "size:5:-2000", 1)},
		{"plus", strings.Replace(good, "size:4:2000", "size:5:+2000", 1)},
		{"leading zero", strings.Replace(good, "size:4:2000", "size:5:02000", 1)},
		{"zero", strings.Replace(good, "segment_size:4:1002", "segment_size:1:0", 1)},
		{"not a number", strings.Replace(good, "segment_size:4:1002", "segment_size:4:1e03", 1)},
		{"too big", strings.Replace(good, "size:4:2000", "size:20:99999999999999999999", 1)},
		{"empty text", strings.Replace(good, "codec_name:3:crs", "codec_name:0:", 1)},
		{"no roots", "segment_size:4:1002,"},
		{"over the limit", strings.Repeat("a", layout.MaxUEBSize+1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := layout.ParseUEB([]byte(tc.in)); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
}

func TestUEBGeometryRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(u *layout.UEB)
	}{
		{"size", func(u *layout.UEB) { u.Size++ }},
		{"segments", func(u *layout.UEB) { u.Segments++ }},
		{"needed", func(u *layout.UEB) { u.Needed++ }},
		{"total", func(u *layout.UEB) { u.Total-- }},
		{"codec", func(u *layout.UEB) { u.CodecName = "xor" }},
		{"codec parameters", func(u *layout.UEB) { u.CodecParams = "1002-3-11" }},
		{"tail codec parameters", func(u *layout.UEB) { u.TailCodecParams = "1002-3-10" }},
		{"segment size not a multiple of k", func(u *layout.UEB) { u.SegmentSize-- }},
		{"segment size over the limit", func(u *layout.UEB) { u.SegmentSize = 3 << 40 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, u := sampleUEB(t)
			tc.change(&u)
			if g, err := u.Geometry(3, 10, 2000); err == nil {
				t.Errorf("got %+v, want an error", g)
			}
		})
	}
}

func FuzzUEB(f *testing.F) {
	_, u := sampleUEB(f)
	f.Add(u.Encode())
	f.Add([]byte("a:1:x,segment_size:1:3,"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := layout.ParseUEB(b)
		if err != nil {
			return
		}
		again, err := layout.ParseUEB(u.Encode())
		if err != nil || again != u {
			t.Errorf("got %+v, %v, want %+v", again, err, u)
		}
		if g, err := u.Geometry(int(u.Needed), int(u.Total), u.Size); err == nil && g.SegmentSize != u.SegmentSize {
			t.Errorf("got segment size %d, want %d", g.SegmentSize, u.SegmentSize)
		}
	})
}
