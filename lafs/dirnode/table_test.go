package dirnode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/internal/netstring"
	"tahoe/lafs/dirnode"
	"tahoe/reactor"
)

func writeCap(i int) caps.MutableWrite {
	return caps.NewMutableWrite(caps.SDMF, [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}, [32]byte{1})
}

func literal(t testing.TB, text string) dirnode.Child {
	t.Helper()
	k, err := caps.NewLiteral([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return dirnode.ChildOf(k)
}

// row frames an entry.
func row(fields ...string) []byte {
	var raw []byte
	for _, f := range fields {
		raw = netstring.Append(raw, []byte(f))
	}
	return netstring.Append(nil, raw)
}

func TestParseRefuses(t *testing.T) {
	mutable, immutable := writeCap(1), literal(t, "").Read.(caps.Read)
	for _, x := range []struct {
		name, contents string
		c              caps.Read
	}{
		{"no netstring", "hello", mutable},
		{"cut short", string(row("a", "URI:LIT:", "", "{}"))[:10], mutable},
		{"three fields", string(row("a", "URI:LIT:", "")), mutable},
		{"a name that is not UTF-8", string(row("\xff", "URI:LIT:", "", "{}")), mutable},
		{"power in an immutable directory", string(row("a", "URI:LIT:", "power", "{}")), immutable},
	} {
		if _, err := dirnode.Parse([]byte(x.contents), x.c); !errors.Is(err, dirnode.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", x.name, err, dirnode.ErrMalformed)
		}
	}
}

// TestForeignContents: what others wrote is read: in any order, names in any form, twice, and with more fields; and it is kept
// when something else is edited.
func TestForeignContents(t *testing.T) {
	k := writeCap(1)
	malformed := row("malformed", "URI:CHK:nonsense", "", "{}")
	more := row("more", "URI:LIT:", "", "{}", "of the future")
	odd := row("e\u0301", "URI:LIT:ae   ", "", `{"a" : 1.10}`)
	contents := slices.Concat(row("z", "URI:LIT:", "", "[]"), malformed, row("twice", "URI:LIT:", "", "{}"), row("twice", "URI:LIT:ae", "", "{}"), odd, more)
	table, err := dirnode.Parse(contents, k)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range table.All() {
		got = append(got, e.Name+" "+text(e.Cap())+" "+e.Metadata.String())
	}
	want := []string{"more URI:LIT: {}", "twice URI:LIT:ae {}", "z URI:LIT: {}", "\u00e9 URI:LIT:ae " + `{"a" : 1.10}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	draft := dirnode.NewDraft(table)
	if err := (&dirnode.Unlink{Name: "z"}).Apply(draft); err != nil {
		t.Fatal(err)
	}
	after, changed := draft.Contents()
	if want := slices.Concat(malformed, more, row("twice", "URI:LIT:ae", "", "{}"), odd); !changed || !bytes.Equal(after, want) {
		t.Errorf("got %q, want %q", after, want)
	}
}

// TestEditsKeepTheRest: whatever is edited, all other entries stay byte for byte, and are not decoded: they need not even be
// sensible.
func TestEditsKeepTheRest(t *testing.T) {
	k := writeCap(1)
	var contents []byte
	for i := range 1000 {
		contents = append(contents, row(fmt.Sprintf("%04d", i), "nonsense", "garbage", "no metadata")...)
	}
	table, err := dirnode.Parse(contents, k)
	if err != nil {
		t.Fatal(err)
	}
	draft := dirnode.NewDraft(table)
	set := &dirnode.Set{Children: []dirnode.NewChild{{Name: "0500a", Child: literal(t, "x")}}}
	if err := set.Apply(draft); err != nil {
		t.Fatal(err)
	}
	after, _ := draft.Contents()
	before, _, _ := bytes.Cut(after, []byte("0500a"))
	entry := len(after) - len(contents)
	start := bytes.LastIndex(before, []byte(",")) + 1 // of the frame around it
	if got := slices.Concat(after[:start], after[start+entry:]); !bytes.Equal(got, contents) {
		t.Error("the others changed")
	}
}

func TestDeepImmutable(t *testing.T) {
	unknown, err := caps.Parse("x-future:y")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name  string
		child dirnode.Child
		want  error
	}{
		{"literal", literal(t, "x"), nil},
		{"unknown to read", dirnode.Child{Read: unknown}, nil},
		{"unknown to write", dirnode.Child{Write: unknown}, dirnode.ErrUnknownPower},
		{"unknown to write and to read", dirnode.Child{Write: unknown, Read: unknown}, dirnode.ErrNotDeepImmutable},
		{"mutable", dirnode.ChildOf(writeCap(1)), dirnode.ErrNotDeepImmutable},
		{"mutable to read", dirnode.ChildOf(writeCap(1)).ReadOnly(), dirnode.ErrNotDeepImmutable},
		{"nothing", dirnode.Child{}, dirnode.ErrNoCapability},
	} {
		_, err := dirnode.Pack([]dirnode.NewChild{{Name: "fine", Child: literal(t, "")}, {Name: "child", Child: x.child}}, nil)
		if e, ok := errors.AsType[*dirnode.ChildError](err); !errors.Is(err, x.want) || ok != (x.want != nil) || ok && e.Name != "child" {
			t.Errorf("%s: got %v, want %v", x.name, err, x.want)
		}
	}
}

// TestPowerInTheWrongSlot: what is given for reading only allows no more.
func TestPowerInTheWrongSlot(t *testing.T) {
	w := writeCap(7)
	contents, err := dirnode.Pack([]dirnode.NewChild{{Name: "a", Child: dirnode.Child{Read: w}}}, writeCap(1))
	if err != nil || bytes.Contains(contents, []byte(w.Encode())) {
		t.Fatalf("the power to write is given away: %v", err)
	}
	foreign := row("a", w.Encode(), "", "{}") // somebody else did
	for _, c := range [][]byte{contents, foreign} {
		table, err := dirnode.Parse(c, writeCap(1).ReadOnly())
		if err != nil {
			t.Fatal(err)
		}
		if e, err := table.Get("a"); err != nil || e.Cap() != w.ReadOnly() {
			t.Errorf("got %v, %v", e.Cap(), err)
		}
	}
}

func TestMetadata(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"empty", "{}", "{}"},
		{"spaces", " { \"a\" :1 ,\"b\":[ 1,2 , {} ] } ", `{"a": 1, "b": [1, 2, {}]}`},
		{"numbers", `{"a":1.10,"b":123456789012345678901234567890,"c":-0.0,"d":1E5}`, `{"a": 1.10, "b": 123456789012345678901234567890, "c": -0.0, "d": 1E5}`},
		{"text", `{"é":"\u00E9\/\u0041\u0022` + "\u007f\U0001f600" + `\ud800"}`, `{"\u00e9": "\u00e9/A\"\u007f\ud83d\ude00\ud800"}`},
		{"twice", `{"a":1,"b":2,"a":3}`, `{"a": 3, "b": 2}`},
		{"nested", `{"a":{"b":{"c":[[]]}}}`, `{"a": {"b": {"c": [[]]}}}`},
		{"words", `{"a":true,"b":null,"c":false}`, `{"a": true, "b": null, "c": false}`},
		{"array", `[]`, ""}, {"text alone", `"x"`, ""}, {"nothing", "", ""}, {"cut", `{"a":`, ""}, {"twofold", `{}{}`, ""}, {"large", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, ""},
	} {
		m, err := dirnode.ParseMetadata([]byte(x.in))
		if x.want == "" {
			if !errors.Is(err, dirnode.ErrBadMetadata) {
				t.Errorf("%s: got %v, want %v", x.name, err, dirnode.ErrBadMetadata)
			}
			continue
		}
		if err != nil || m.String() != x.want {
			t.Errorf("%s: got %s, %v, want %s", x.name, m, err, x.want)
		}
		if again, err := json.Marshal(m); err != nil || !json.Valid(again) {
			t.Errorf("%s: got %s, %v", x.name, again, err)
		}
	}
}

func TestMetadataTimes(t *testing.T) {
	for _, x := range []struct {
		in                string
		created, modified time.Time
	}{
		{`{}`, time.Time{}, time.Time{}},
		{`{"tahoe":{"linkcrtime":1.5,"linkmotime":2},"ctime":9,"mtime":9}`, time.UnixMilli(1500), time.Unix(2, 0)},
		{`{"ctime":3,"mtime":4}`, time.Unix(3, 0), time.Unix(4, 0)},
		{`{"tahoe":7,"ctime":"x","mtime":1e300}`, time.Time{}, time.Time{}},
	} {
		m, err := dirnode.ParseMetadata([]byte(x.in))
		if err != nil {
			t.Fatal(err)
		}
		created, _ := m.LinkCreated()
		modified, _ := m.LinkModified()
		if !created.Equal(x.created) || !modified.Equal(x.modified) {
			t.Errorf("%s: got %v and %v", x.in, created, modified)
		}
	}
	for in, want := range map[string]bool{`{}`: false, `{"no-write":true}`: true, `{"no-write":false}`: false, `{"no-write":0}`: false, `{"no-write":0.0}`: false, `{"no-write":1}`: true, `{"no-write":"false"}`: true, `{"no-write":null}`: false} {
		if m, _ := dirnode.ParseMetadata([]byte(in)); m.NoWrite() != want {
			t.Errorf("%s: got %v", in, m.NoWrite())
		}
	}
}

// TestEntries: decoding on all processors gives what decoding one after the other does.
func TestEntries(t *testing.T) {
	k := writeCap(1)
	table, err := dirnode.Parse(large(t, k, 1000), k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := table.Entries(t.Context(), reactor.NewPool(4))
	if want := slices.Collect(table.All()); err != nil || !slices.Equal(got, want) || len(got) != 1000 {
		t.Errorf("got %d entries, %v", len(got), err)
	}
	if ahead := slices.Collect(table.Ahead(reactor.NewPool(2))); !slices.Equal(ahead, got) {
		t.Errorf("got %d entries ahead, want %d", len(ahead), len(got))
	}
	some := 0
	for range table.Ahead(reactor.NewPool(2)) {
		if some++; some == 300 {
			break
		}
	}
	var directories []int
	for i, e := range got {
		if e.Kind() == dirnode.Directory {
			directories = append(directories, i)
		}
	}
	picked := slices.Collect(table.Pick(directories).All())
	if want := slices.Collect(table.Directories()); !slices.Equal(picked, want) || len(want) == 0 {
		t.Errorf("picked %d, want %d", len(picked), len(want))
	}
}

// large is the contents of a directory with n children, one in four of them a directory and one in four a mutable file.
func large(t testing.TB, k caps.MutableWrite, n int) []byte {
	t.Helper()
	children := make([]dirnode.NewChild, n)
	for i := range children {
		var c caps.Read = writeCap(i)
		var err error
		switch i % 4 {
		case 0:
			c, err = caps.NewDirectory(c)
		case 1, 2:
			c, err = caps.NewCHK(caps.CHKParams{Key: [16]byte{byte(i), byte(i >> 8)}, Needed: 3, Total: 10, Size: 1000})
		}
		if err != nil {
			t.Fatal(err)
		}
		children[i] = dirnode.NewChild{
			Name: fmt.Sprintf("some name of a file %05d.txt", i), Child: dirnode.ChildOf(c),
			Metadata: json.RawMessage(`{"tahoe": {"linkcrtime": 1700000000.123456, "linkmotime": 1700000000.123456}}`),
		}
	}
	b, err := dirnode.Pack(children, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzParse: whatever is read is kept, and what is listed can be linked again, and is then listed the same.
func FuzzParse(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.Contents[:bytes.Index(r.Contents, []byte("}"))+3]) // the first entry: the fuzzer is slow with large ones
	}
	f.Add(row("a", "URI:LIT:", "", "{}"))
	f.Add(row("e\u0301", "ro.x-future:y  ", "", `{"a" : [1.0, "\ud800"]}`))
	k := writeCap(3)
	f.Fuzz(func(t *testing.T, contents []byte) {
		table, err := dirnode.Parse(contents, k)
		if err != nil {
			return
		}
		draft := dirnode.NewDraft(table)
		if _, changed := draft.Contents(); changed {
			t.Fatal("nothing was changed")
		}
		var children []dirnode.NewChild
		var listed []string
		for e := range table.All() {
			if e.Cap() != nil && len(e.Metadata.String()) < 1<<20 {
				children = append(children, dirnode.NewChild{Name: e.Name, Child: e.Child, Metadata: e.Metadata.Raw()})
				listed = append(listed, e.Name+" "+text(e.Write)+" "+text(e.Read))
			}
		}
		packed, err := dirnode.Pack(children, k)
		if err != nil {
			t.Fatalf("what was listed cannot be linked: %v", err)
		}
		again, err := dirnode.Parse(packed, k)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e := range again.All() {
			got = append(got, e.Name+" "+text(e.Write)+" "+text(e.Read))
		}
		if !slices.Equal(got, listed) {
			t.Fatalf("got %q, want %q", got, listed)
		}
	})
}

// FuzzMetadata: the original's form of an object is an object with the same meaning, and stays as it is.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9\n"}],"c":1e5,"tahoe":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dirnode.ParseMetadata(b)
		if err != nil {
			return
		}
		again, err := dirnode.ParseMetadata(m.Raw())
		if err != nil || again != m {
			t.Fatalf("%q became %q, then %q (%v)", b, m, again, err)
		}
		var before, after any
		if err := errors.Join(json.Unmarshal(b, &before), json.Unmarshal(m.Raw(), &after)); err != nil {
			return // a number that Go has no room for
		}
		if x, y := fmt.Sprintf("%#v", before), fmt.Sprintf("%#v", after); x != y {
			t.Fatalf("%q means %s, became %q, which means %s", b, x, m, y)
		}
	})
}
