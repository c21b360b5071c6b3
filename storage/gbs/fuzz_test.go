package gbs_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"tahoe/storage"
	"tahoe/storage/gbs"
)

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=5-9", "bytes=0-", "bytes=-5", "bytes=0-9223372036854775806", "bytes=1-2,3-4", "bytes=07-8", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		s, err := gbs.ParseRange(h)
		if err != nil {
			if !errors.Is(err, storage.ErrRange) {
				t.Fatalf("got %v, want ErrRange", err)
			}
			return
		}
		if s.Offset < 0 || s.Size < 1 || s.End() <= 0 {
			t.Fatalf("got %v, want a span of a byte or more", s)
		}
		if again, err := gbs.ParseRange(gbs.FormatRange(s)); err != nil || again != s {
			t.Fatalf("got %v, %v, want %v", again, err, s)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-0/*", "bytes 5-9/10", "bytes 5-9/9", "bytes */0", "bytes */10", "bytes 0-9223372036854775806/*", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		s, total, err := gbs.ParseContentRange(h)
		if err != nil {
			if !errors.Is(err, storage.ErrRange) {
				t.Fatalf("got %v, want ErrRange", err)
			}
			return
		}
		if s.Offset < 0 || s.End() < s.Offset || total < -1 || total >= 0 && s.End() > total {
			t.Fatalf("got %v of %d", s, total)
		}
		if s.Size > 0 {
			if again, _, err := gbs.ParseContentRange(gbs.FormatContent(s)); err != nil || again != s {
				t.Fatalf("got %v, %v, want %v", again, err, s)
			}
		}
	})
}

func TestFormatRangeSaturates(t *testing.T) {
	if got, want := gbs.FormatRange(storage.Span{Offset: 5, Size: math.MaxInt64}), "bytes=5-9223372036854775806"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// recodes wants what was parsed to be encoded to something that is parsed to the same, and errors to be ErrMalformed.
func recodes(t *testing.T, recode func([]byte) ([]byte, error), b []byte) {
	t.Helper()
	once, err := recode(b)
	if err != nil {
		if !errors.Is(err, storage.ErrMalformed) {
			t.Fatalf("got %v, want ErrMalformed", err)
		}
		return
	}
	if err := cbor.Wellformed(b); err != nil {
		t.Fatalf("took what another decoder calls %v", err)
	}
	if twice, err := recode(once); err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("got %x, %v, want %x", twice, err, once)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(encode(f, map[string]any{"share-numbers": set(1, 200), "allocated-size": 70000})))
	f.Add([]byte(encode(f, map[string]any{"already-have": set(1), "allocated": set(2, 24)})))
	f.Add([]byte(encode(f, map[string]any{"reason": "it is"})))
	f.Add([]byte(encode(f, map[string]any{"required": []any{map[string]int{"begin": 1, "end": 1 << 33}}})))
	f.Add([]byte(encode(f, set(0, 255))))
	f.Add(gbs.EncodeVersion(storage.Version{Application: "x/1", Available: 1 << 63}))
	f.Fuzz(func(t *testing.T, b []byte) {
		recodes(t, gbs.RecodeAllocate, b)
		recodes(t, gbs.RecodeAllocated, b)
		recodes(t, func(b []byte) ([]byte, error) {
			reason, err := gbs.ParseReason(b)
			return gbs.EncodeReason(reason), err
		}, b)
		recodes(t, func(b []byte) ([]byte, error) {
			missing, err := gbs.ParseMissing(b, 1<<40)
			return gbs.EncodeMissing(missing), err
		}, b)
		recodes(t, func(b []byte) ([]byte, error) {
			v, err := gbs.ParseVersion(b)
			return gbs.EncodeVersion(v), err
		}, b)
		if shares, err := gbs.ParseShareSet(b); err == nil && len(shares) > storage.MaxShares {
			t.Fatalf("got %d shares", len(shares))
		}
	})
}

func slotBody(t testing.TB) []byte {
	return []byte(encode(t, map[string]any{
		"test-write-vectors": map[int]any{
			0: map[string]any{
				"test":       []any{map[string]any{"offset": 1, "size": 2, "specimen": []byte("ab")}},
				"write":      []any{map[string]any{"offset": 3, "data": bytes.Repeat([]byte("d"), 5000)}, map[string]any{"offset": 9, "data": []byte{}}},
				"new-length": 77,
			},
			255: map[string]any{"test": []any{}, "write": []any{}, "new-length": nil},
		},
		"read-vector": []any{map[string]any{"offset": 0, "size": 1000}},
	}))
}

func FuzzSlotWrite(f *testing.F) {
	f.Add(slotBody(f))
	f.Add([]byte(encode(f, map[string]any{"test-write-vectors": map[int]any{}, "read-vector": []any{}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		recodes(t, func(b []byte) ([]byte, error) {
			w, err := gbs.ParseSlotWrite(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return nil, err
			}
			return gbs.EncodeSlotWrite(w)
		}, b)
	})
}

// The walker finds what another encoder put there, and leaves the data where they are.
func TestSlotWriteFromAnotherEncoder(t *testing.T) {
	body := slotBody(t)
	w, err := gbs.ParseSlotWrite(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	first := w.Shares[0]
	want := []storage.Test{{Offset: 1, Size: 2, Specimen: []byte("ab")}}
	if diff := cmp.Diff(want, first.Tests); diff != "" || *first.NewLength != 77 || w.Shares[255].NewLength != nil {
		t.Errorf("got %v, new lengths %v and %v", diff, *first.NewLength, w.Shares[255].NewLength)
	}
	for n, want := range []string{strings.Repeat("d", 5000), ""} {
		data, ok := first.Writes[n].Data.(*io.SectionReader)
		if !ok {
			t.Fatalf("got %T, want a section of the message", first.Writes[n].Data)
		}
		if got, err := io.ReadAll(data); err != nil || string(got) != want {
			t.Errorf("write %d: got %d bytes, %v, want %d", n, len(got), err, len(want))
		}
	}
}

func FuzzSlotResult(f *testing.F) {
	f.Add([]byte(encode(f, map[string]any{"success": true, "data": map[int]any{3: []any{[]byte("ab")}}})))
	reads := []storage.Span{{Size: 1 << 20}}
	f.Fuzz(func(t *testing.T, b []byte) {
		recodes(t, func(b []byte) ([]byte, error) {
			r, err := gbs.ParseSlotResult(b, reads)
			return gbs.EncodeSlotResult(r), err
		}, b)
	})
}

func FuzzSecrets(f *testing.F) {
	f.Add("lease-renew-secret "+b64(32), "lease-cancel-secret "+b64(32), "upload-secret "+b64(1), "write-enabler "+b64(32))
	f.Add("write-enabler", " upload-secret  "+b64(1), "", "x y")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		h := http.Header{"X-Tahoe-Authorization": {a, b, c, d}}
		once, err := gbs.RecodeSecrets(h)
		if err != nil {
			if !errors.Is(err, storage.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
			return
		}
		for _, v := range h.Values("X-Tahoe-Authorization") {
			if !slices.Contains(once.Values("X-Tahoe-Authorization"), strings.TrimSpace(v)) {
				t.Fatalf("got %d headers without one that was given", len(once))
			}
		}
	})
}

// A request's secrets do not show when it is printed.
func TestSecretsDoNotPrint(t *testing.T) {
	h := http.Header{"X-Tahoe-Authorization": {"lease-renew-secret " + b64(32), "lease-cancel-secret " + b64(32), "upload-secret " + b64(32), "write-enabler " + b64(32)}}
	hexed := fmt.Sprintf("%x", "ssss")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, gbs.Held(h)); strings.Contains(got, "ssss") || strings.Contains(got, hexed) || strings.Contains(got, "115 115") || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte("sss"))) {
			t.Errorf("%s: got %s, which holds a secret", verb, got)
		}
	}
}

// The original says 2^64 when it does not know how much space it has.
func TestVersionOfUnknownSpace(t *testing.T) {
	known := gbs.EncodeVersion(storage.Version{Application: "x", Available: math.MaxUint64, MaxImmutableShare: 1, MaxMutableShare: 2})
	unknown := bytes.Replace(known, []byte("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), []byte("\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00"), 1)
	v, err := gbs.ParseVersion(unknown)
	if err != nil || v.Available != math.MaxUint64 || v.MaxMutableShare != 2 {
		t.Errorf("got %v, %v, want the largest number there is", v, err)
	}
}
