package caps_test

import (
	"bytes"
	_ "embed"
	"errors"
	"math"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/storage"
)

//go:embed testdata/attenuate.txt
var attenuateText string

// known are the capabilities of testdata/attenuate.txt: each with what the original leaves of it.
func known() (rows [][]string) {
	for line := range strings.Lines(attenuateText) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Fields(line))
		}
	}
	return rows
}

func parse(t testing.TB, s string) caps.Cap {
	t.Helper()
	c, err := caps.Parse(s)
	if err != nil {
		t.Fatalf("parse %s: %v", s, err)
	}
	return c
}

// encoded is c's text, or - when there is no c.
func encoded[C caps.Cap](c C, ok bool) string {
	if !ok {
		return "-"
	}
	return c.Encode()
}

func indexOf(c caps.Cap) string {
	if c, ok := c.(interface{ Index() storage.Index }); ok {
		return c.Index().String()
	}
	return "-"
}

func TestEveryKindParsesPrintsAndAttenuates(t *testing.T) {
	if len(known()) < 30 {
		t.Fatalf("got %d capabilities, want at least 30", len(known()))
	}
	for _, row := range known() {
		text, read, verify, index := row[0], row[1], row[2], row[3]
		c := parse(t, text)
		if got := c.Encode(); got != text {
			t.Errorf("%s: got %s back", text, got)
		}
		if got := encoded(caps.ReadOnly(c)); got != read {
			t.Errorf("%s: got %s when writing is given up, want %s", text, got, read)
		}
		v, ok := caps.VerifyOnly(c)
		if got := encoded(v, ok); got != verify {
			t.Errorf("%s: got %s when reading is given up, want %s", text, got, verify)
		}
		if ok && v.Index().String() != index {
			t.Errorf("%s: got index %s, want %s", text, v.Index(), index)
		}
		if got := indexOf(c); got != index && got != "-" {
			t.Errorf("%s: got index %s, want %s", text, got, index)
		}
		if c != parse(t, text) {
			t.Errorf("%s: parsing it again gives another value", text)
		}
	}
}

// What power a kind has must be plain from its Go type.
func TestPowerIsInTheType(t *testing.T) {
	for _, row := range known() {
		text := row[0]
		c := parse(t, text)
		kind := strings.Split(text, ":")[1]
		_, isVerify := c.(caps.Verify)
		_, isRead := c.(caps.Read)
		_, isWrite := c.(caps.Write)
		if want := strings.HasSuffix(kind, "-Verifier"); isVerify != want || isRead == want {
			t.Errorf("%s: got verify %v, read %v, want %v, %v", text, isVerify, isRead, want, !want)
		}
		if want := row[1] != text && row[1] != "-"; isWrite != want {
			t.Errorf("%s: got write %v, want %v", text, isWrite, want)
		}
		if got, want := caps.IsDirectory(c), strings.HasPrefix(kind, "DIR2"); got != want {
			t.Errorf("%s: got directory %v, want %v", text, got, want)
		}
		immutable := strings.Contains(kind, "CHK") || strings.Contains(kind, "LIT")
		if got := caps.IsMutable(c); got == immutable {
			t.Errorf("%s: got mutable %v, want %v", text, got, !immutable)
		}
	}
}

func TestDirectoriesWrapFiles(t *testing.T) {
	files := map[string]string{
		"DIR2": "SSK", "DIR2-RO": "SSK-RO", "DIR2-Verifier": "SSK-Verifier",
	}
	for _, row := range known() {
		kind, fields, _ := strings.Cut(strings.TrimPrefix(row[0], "URI:"), ":")
		if !strings.HasPrefix(kind, "DIR2") {
			continue
		}
		file := files[kind]
		if file == "" {
			file = strings.TrimPrefix(kind, "DIR2-")
		}
		var inner caps.Cap
		switch d := parse(t, row[0]).(type) {
		case caps.DirectoryWrite:
			inner = d.Inner()
		case caps.DirectoryRead:
			inner = d.Inner()
		case caps.DirectoryVerify:
			inner = d.Inner()
		}
		if got, want := inner.Encode(), "URI:"+file+":"+fields; got != want {
			t.Errorf("%s: got %s inside, want %s", row[0], got, want)
		}
		if r, ok := inner.(caps.Read); ok {
			d, err := caps.NewDirectory(r)
			if err != nil || d.Encode() != row[0] {
				t.Errorf("%s: wrapped again it is %v, %v", row[0], d, err)
			}
		}
	}
}

func TestNewDirectoryRefusesDirectories(t *testing.T) {
	d, ok := parse(t, "URI:DIR2-LIT:").(caps.Read)
	if !ok {
		t.Fatal("a literal directory cannot be read")
	}
	for _, c := range []caps.Read{d, nil, caps.CHK{}} {
		if got, err := caps.NewDirectory(c); !errors.Is(err, caps.ErrMalformed) {
			t.Errorf("%v: got %v, %v, want %v", c, got, err, caps.ErrMalformed)
		}
	}
}

func TestNewCHK(t *testing.T) {
	good := caps.CHKParams{Key: [16]byte{1}, UEBHash: [32]byte{2}, Needed: 3, Total: 10, Size: 56}
	for _, c := range []struct {
		name   string
		change func(p *caps.CHKParams)
		want   string // part of the error; empty when there is none
	}{
		{name: "usual", change: func(*caps.CHKParams) {}},
		{name: "empty file", change: func(p *caps.CHKParams) { p.Size = 0 }},
		{name: "largest file", change: func(p *caps.CHKParams) { p.Size = math.MaxInt64 }},
		{name: "one of one", change: func(p *caps.CHKParams) { p.Needed, p.Total = 1, 1 }},
		{name: "all of most", change: func(p *caps.CHKParams) { p.Needed, p.Total = 256, 256 }},
		{name: "none needed", change: func(p *caps.CHKParams) { p.Needed = 0 }, want: "no shares are needed"},
		{name: "negative", change: func(p *caps.CHKParams) { p.Needed = -1 }, want: "no shares are needed"},
		{name: "too many", change: func(p *caps.CHKParams) { p.Total = 257 }, want: "more than 256"},
		{name: "more needed than there are", change: func(p *caps.CHKParams) { p.Needed = 11 }, want: "more shares are needed"},
		{name: "negative size", change: func(p *caps.CHKParams) { p.Size = -1 }, want: "negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good
			c.change(&p)
			got, err := caps.NewCHK(p)
			if c.want != "" {
				if !errors.Is(err, caps.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, %v, want %v that says %q", got, err, caps.ErrMalformed, c.want)
				}
				return
			}
			back := caps.CHKParams{Key: got.Key(), UEBHash: got.UEBHash(), Needed: got.Needed(), Total: got.Total(), Size: got.Size()}
			if err != nil || back != p {
				t.Errorf("got the parameters back changed, %v", err)
			}
			if again := parse(t, got.Encode()); again != caps.Cap(got) {
				t.Errorf("got %v after printing and parsing, want %v", again, got)
			}
			v, ok := got.Verify()
			verify, isCHK := v.(caps.CHKVerify)
			if !ok || !isCHK {
				t.Fatalf("got %T to verify with, want CHKVerify", v)
			}
			if verify.Index() != got.Index() || verify.UEBHash() != p.UEBHash || verify.Needed() != p.Needed ||
				verify.Total() != p.Total || verify.Size() != p.Size {
				t.Error("the verify capability has other parameters")
			}
		})
	}
}

func TestNewLiteral(t *testing.T) {
	for n := range caps.MaxLiteral + 1 {
		data := bytes.Repeat([]byte{byte(n)}, n)
		c, err := caps.NewLiteral(data)
		if err != nil || !bytes.Equal(c.Data(), data) || c.Size() != int64(n) {
			t.Errorf("%d bytes: got %x, %v", n, c.Data(), err)
		}
		if again := parse(t, c.Encode()); again != caps.Cap(c) {
			t.Errorf("%d bytes: got %v after printing and parsing", n, again)
		}
		if v, ok := c.Verify(); ok {
			t.Errorf("%d bytes: got %v to verify with, want nothing", n, v)
		}
	}
	if c, err := caps.NewLiteral(make([]byte, caps.MaxLiteral+1)); !errors.Is(err, caps.ErrMalformed) {
		t.Errorf("%d bytes: got %v, %v, want %v", caps.MaxLiteral+1, c, err, caps.ErrMalformed)
	}
}

// The data of a literal is the caller's: changing it changes no capability.
func TestLiteralDataIsACopy(t *testing.T) {
	c, err := caps.NewLiteral([]byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	c.Data()[0] = 'j'
	if got := string(c.Data()); got != "hello" {
		t.Errorf("got %q, want %q", got, "hello")
	}
}

func TestMutable(t *testing.T) {
	for _, f := range []caps.Format{caps.SDMF, caps.MDMF} {
		t.Run(f.String(), func(t *testing.T) {
			w := caps.NewMutableWrite(f, [16]byte{1}, [32]byte{2})
			r, isRead := w.ReadOnly().(caps.MutableRead)
			verify, ok := w.Verify()
			v, isVerify := verify.(caps.MutableVerify)
			if !isRead || !ok || !isVerify {
				t.Fatalf("got %T and %T, want MutableRead and MutableVerify", w.ReadOnly(), verify)
			}
			if again, ok := r.Verify(); !ok || again != verify {
				t.Errorf("got %v from the read capability, want %v", again, verify)
			}
			if w.Key() != [16]byte{1} || r.Key() == w.Key() || r.Key() == [16]byte{} {
				t.Error("the keys are not those of their kinds")
			}
			if w.Index() != r.Index() || w.Index() != v.Index() {
				t.Errorf("got indices %v, %v, %v, want the same", w.Index(), r.Index(), v.Index())
			}
			if w.Fingerprint() != [32]byte{2} || r.Fingerprint() != w.Fingerprint() || v.Fingerprint() != w.Fingerprint() {
				t.Error("the fingerprints differ")
			}
			if w.FileFormat() != f || r.FileFormat() != f || v.FileFormat() != f {
				t.Errorf("got formats %v, %v, %v, want %v", w.FileFormat(), r.FileFormat(), v.FileFormat(), f)
			}
		})
	}
}

func TestCapsAreMapKeys(t *testing.T) {
	m := map[caps.Cap]int{}
	for range 2 {
		for i, row := range known() {
			m[parse(t, row[0])] = i
		}
	}
	if len(m) != len(known()) {
		t.Errorf("got %d entries, want %d", len(m), len(known()))
	}
}

func TestZeroValuesAreHarmless(t *testing.T) {
	for _, c := range []caps.Cap{
		caps.CHK{}, caps.CHKVerify{}, caps.Literal{}, caps.MutableWrite{}, caps.MutableRead{}, caps.MutableVerify{},
		caps.DirectoryWrite{}, caps.DirectoryRead{}, caps.DirectoryVerify{}, caps.Unknown{}, nil,
	} {
		if got := caps.Abbrev(c); got != "none" {
			t.Errorf("%T: got %q, want none", c, got)
		}
		if c != nil && c.Encode() != "" {
			t.Errorf("%T: got text %q, want none", c, c.Encode())
		}
		if v, ok := caps.VerifyOnly(c); ok && c != caps.Cap(v) {
			t.Errorf("%T: got %v to verify with, want nothing", c, v)
		}
		if r, ok := caps.ReadOnly(c); ok && r == nil {
			t.Errorf("%T: got a read capability that is nil", c)
		}
		if err := caps.Require(c, caps.DeepImmutable); err != nil {
			t.Errorf("%T: got %v", c, err)
		}
	}
}

// IndexOf and EncodeVerify say what VerifyOnly would.
func TestWithoutMaking(t *testing.T) {
	all := []caps.Cap{parse(t, "x-future:1"), parse(t, "URI:LIT:me")}
	for _, row := range known() {
		for _, text := range row {
			if c, err := caps.Parse(text); err == nil {
				all = append(all, c)
			}
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d capabilities", len(all))
	}
	for _, c := range all {
		v, ok := caps.VerifyOnly(c)
		index, has := caps.IndexOf(c)
		text := caps.EncodeVerify(c)
		switch {
		case ok != has || ok != (text != ""):
			t.Errorf("%v: got %v and %d bytes, want both %v", c, has, len(text), ok)
		case ok && (v.Index() != index || v.Encode() != text):
			t.Errorf("%v: another index, or another text", c)
		}
	}
	if _, ok := caps.IndexOf(nil); ok || caps.EncodeVerify(nil) != "" {
		t.Error("nothing has an index")
	}
}
