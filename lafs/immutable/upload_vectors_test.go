package immutable_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"tahoe/caps"
	"tahoe/lafs/immutable"
)

// TestUploadVectors: a capability commits to every byte of every share.
func TestUploadVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../shared/vectors/capabilities.json")
	if err != nil {
		t.Skipf("no vectors of the original here: %v", err)
	}
	var file struct {
		Cases []struct {
			Kind, Convergence, Seed, Expected string
			Length                            int
			Segment                           int64 `json:"segment_size"`
			K, N                              int
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range file.Cases {
		if c.Kind != "chk" {
			continue
		}
		tried++
		if testing.Short() && c.Length*c.N/c.K > 4<<20 {
			continue
		}
		secret, seed := unbase64(t, c.Convergence), unbase64(t, c.Seed)
		data := bytes.Repeat(seed, c.Length/len(seed)+1)[:c.Length]
		g := &upGrid{}
		g.servers = append(g.servers, newUpServer(t, 0, discard{}))
		got, _, err := g.upload(t.Context(), data, func(u *immutable.UploaderConfig) {
			u.Convergence = secret
			u.Encoding = immutable.Encoding{Needed: c.K, Happy: 1, Total: c.N, MaxSegment: c.Segment}
		})
		if err != nil || got.Encode() != c.Expected {
			t.Errorf("%d of %d, %d bytes: got %v, %v; want the capability of the original", c.K, c.N, c.Length, got, err)
		}
	}
	if tried != 120 {
		t.Errorf("%d cases, want 120", tried)
	}
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUploadCapabilities pins capabilities with segments of 1 MiB, which the vectors of the original do not cover.
func TestUploadCapabilities(t *testing.T) {
	for _, c := range []struct {
		size int
		enc  immutable.Encoding
		want string
	}{
		{0, immutable.DefaultEncoding(), "URI:LIT:"},
		{55, immutable.DefaultEncoding(), "URI:LIT:bzxuukef5f24aikfedm7t2qry37lbx4r3734wovc4bycjv7wzxz4ou72lkww7kow3lwxnjslkjbosthbinumnis5"},
		{56, immutable.DefaultEncoding(), "URI:CHK:infacrxv3cpkhuwgrttrntz7wu:omzbplck63nv2wbc4dkrm27bxrc4bpw3xay7zlssnwf2sratiqkq:3:10:56"},
		{1<<20 - 1, immutable.DefaultEncoding(), "URI:CHK:gjza5uz6s76uqvvukbefzste6a:gs6t4a5ohydraejio43pc53w3zr2qfisqof6nvzwogp4klc7fvcq:3:10:1048575"},
		{1 << 20, immutable.DefaultEncoding(), "URI:CHK:g5m77dxufvrlriv4z44fzduqhi:s2cgpmvfsmqrvrzelqnz7k6cblhzho3zxh4xjtyfsvodmdcubmwq:3:10:1048576"},
		{1<<20 + 1, immutable.DefaultEncoding(), "URI:CHK:snjn7iqxlmuwad6sj2vksjv6wq:hlie7dxpcj46tvzfe2apdzc47roljiyiaeufynb4d2tqqzs5f44q:3:10:1048577"},
		{3<<20 + 5, immutable.DefaultEncoding(), "URI:CHK:tye4trmuw47tz3vzuitgfkxnsi:bk2ws6jjzof4bvbp3au3rynlzrwggkhlmlhk3ppvcqvsmkdrzhpa:3:10:3145733"},
		{100_000, immutable.Encoding{Needed: 1, Happy: 1, Total: 1, MaxSegment: 1 << 20}, "URI:CHK:zfq3c3azbduwoenzjacgvt3atq:puw6kqyop75vys4lasaht2zrgabnkbf6pzw7n5oz72g4f6lxat5q:1:1:100000"},
		{100_000, immutable.Encoding{Needed: 7, Happy: 7, Total: 7, MaxSegment: 1000}, "URI:CHK:wsvnbwprsr3b53iww4tsimtz2i:luud3ab422xew6vsvtstqvgyd6vnthci5q56ylk5qyemx3pcqdza:7:7:100000"},
	} {
		t.Run(fmt.Sprintf("%d bytes %d of %d", c.size, c.enc.Needed, c.enc.Total), func(t *testing.T) {
			g := newUpGrid(t, 10)
			got, r, err := g.upload(t.Context(), upData(c.size), func(u *immutable.UploaderConfig) { u.Encoding = c.enc })
			if err != nil {
				t.Fatal(err)
			}
			if got.Encode() != c.want {
				t.Errorf("got %q, want %q", got.Encode(), c.want)
			}
			if _, lit := got.(caps.Literal); lit {
				g.checkNothing(t)
				return
			}
			g.checkShares(t, got, c.enc.MaxSegment, c.enc.Total)
			if r.Pushed != c.enc.Total || r.Preexisting != 0 || r.Size != int64(c.size) || r.Happiness != c.enc.Total {
				t.Errorf("result %+v", r)
			}
		})
	}
}
