package dirnode_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/lafs/dirnode"
)

// A recording is a directory that the original made, what it lists, and what became of it by its edits.
type recording struct {
	Name, Cap string
	Children  []recordedChild // nil: the contents were made otherwise
	Contents  []byte
	Listing   []recordedChild // with the capability
	ReadOnly  []recordedChild // with the power to read only
	Edits     []recordedEdit
}

type recordedChild struct {
	Name, Write, Read string
	Metadata          json.RawMessage
}

type recordedEdit struct {
	Op, Name, Replace, Only string
	Children                []recordedChild
	Metadata                string
	Now                     float64
	Error                   string // the name of the original's exception
	SHA256                  string // of the contents afterwards
}

func recordings(t testing.TB) (all []recording) {
	t.Helper()
	b, err := os.ReadFile("testdata/recorded.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func parseCap(t testing.TB, s string) caps.Cap {
	t.Helper()
	if s == "" {
		return nil
	}
	c, err := caps.Parse(s)
	if err != nil {
		t.Fatalf("parse %q: %v", s, err)
	}
	return c
}

func readCap(t testing.TB, s string) caps.Read {
	t.Helper()
	c, ok := parseCap(t, s).(caps.Read)
	if !ok {
		t.Fatalf("%q cannot read", s)
	}
	return c
}

func newChildren(t testing.TB, recorded []recordedChild) (all []dirnode.NewChild) {
	t.Helper()
	for _, r := range recorded {
		n := dirnode.NewChild{Name: r.Name, Child: dirnode.Child{Write: parseCap(t, r.Write), Read: parseCap(t, r.Read)}}
		var text string
		if json.Unmarshal(r.Metadata, &text) == nil && text != "" {
			n.Metadata = json.RawMessage(text)
		}
		all = append(all, n)
	}
	return all
}

// TestPackAsTheOriginal: the same children give the same bytes.
func TestPackAsTheOriginal(t *testing.T) {
	for _, r := range recordings(t) {
		if r.Children == nil {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			got, err := dirnode.Pack(newChildren(t, r.Children), readCap(t, r.Cap))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, r.Contents)
		})
	}
}

// compare points at the first byte that differs.
func compare(t *testing.T, got, want []byte) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("byte %d: got %q, want %q", i, got[max(0, i-60):min(len(got), i+60)], want[max(0, i-60):min(len(want), i+60)])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
}

// TestListAsTheOriginal: the same bytes give the same children.
func TestListAsTheOriginal(t *testing.T) {
	for _, r := range recordings(t) {
		c := readCap(t, r.Cap)
		weak, _ := caps.ReadOnly(c)
		for _, x := range []struct {
			name string
			c    caps.Read
			want []recordedChild
		}{{"whole", c, r.Listing}, {"read-only", weak, r.ReadOnly}} {
			t.Run(r.Name+"/"+x.name, func(t *testing.T) {
				table, err := dirnode.Parse(r.Contents, x.c)
				if err != nil {
					t.Fatal(err)
				}
				var got []dirnode.Entry
				for e := range table.All() {
					got = append(got, e)
				}
				if len(got) != len(x.want) {
					t.Fatalf("got %d entries, want %d", len(got), len(x.want))
				}
				for i, w := range x.want {
					checkEntry(t, got[i], w)
				}
			})
		}
	}
}

func checkEntry(t *testing.T, got dirnode.Entry, want recordedChild) {
	t.Helper()
	var metadata string
	if err := json.Unmarshal(want.Metadata, &metadata); err != nil {
		t.Fatal(err)
	}
	if got.Name != want.Name || text(got.Write) != want.Write || text(got.Read) != want.Read || string(got.Metadata.Raw()) != metadata {
		t.Errorf("got %q %q %q %s\nwant %q %q %q %s", got.Name, text(got.Write), text(got.Read), got.Metadata.Raw(),
			want.Name, want.Write, want.Read, metadata)
	}
}

func text(c caps.Cap) string {
	if c == nil {
		return ""
	}
	return c.Encode()
}

// TestEditAsTheOriginal: the same edits at the same times give the same bytes, and the same refusals.
func TestEditAsTheOriginal(t *testing.T) {
	for _, r := range recordings(t) {
		c, contents := readCap(t, r.Cap), r.Contents
		for i, e := range r.Edits {
			table, err := dirnode.Parse(contents, c)
			if err != nil {
				t.Fatal(err)
			}
			draft := dirnode.NewDraft(table)
			err = edit(t, e).Apply(draft)
			if want := refusals[e.Error]; !errors.Is(err, want) {
				t.Errorf("%s: edit %d: got %v, want %v", r.Name, i, err, want)
			}
			after, changed := draft.Contents()
			if err != nil && changed {
				t.Fatalf("%s: edit %d is refused, and changes something", r.Name, i)
			}
			if err != nil {
				continue
			}
			if sum := sha256.Sum256(after); hex.EncodeToString(sum[:]) != e.SHA256 {
				t.Fatalf("%s: edit %d (%s of %q at %v) makes other bytes than the original's", r.Name, i, e.Op, e.Name, e.Now)
			}
			contents = after
		}
		if !bytes.Equal(contents, r.Contents) != (len(r.Edits) > 0) {
			t.Errorf("%s: the edits changed nothing", r.Name)
		}
	}
}

// refusals are the errors for the original's exceptions.
var refusals = map[string]error{
	"":                         nil,
	"ExistingChildError":       dirnode.ErrChildExists,
	"NoSuchChildError":         dirnode.ErrNoChild,
	"MustNotBeUnknownRWError":  dirnode.ErrUnknownPower,
	"MustBeDeepImmutableError": dirnode.ErrNotDeepImmutable,
	"ChildOfWrongTypeError":    errWrongType,
}

var errWrongType = errors.New("not of the kind that was wanted")

// wrongType maps the two errors of ours to the one of the original.
type wrongType struct{ dirnode.Edit }

func (w wrongType) Apply(d *dirnode.Draft) error {
	err := w.Edit.Apply(d)
	if errors.Is(err, dirnode.ErrNotDirectory) || errors.Is(err, dirnode.ErrIsDirectory) {
		return errWrongType
	}
	return err
}

func edit(t *testing.T, e recordedEdit) dirnode.Edit {
	t.Helper()
	at := time.UnixMicro(int64(math.Round(e.Now * 1e6)))
	switch e.Op {
	case "set":
		replace := map[string]dirnode.Replace{"any": dirnode.ReplaceAny, "never": dirnode.ReplaceNever, "only-files": dirnode.ReplaceOnlyFiles}[e.Replace]
		return &dirnode.Set{Children: newChildren(t, e.Children), Replace: replace, At: at}
	case "unlink":
		only := map[string]dirnode.Kind{"dirnode": dirnode.Directory, "filenode": dirnode.File}[e.Only]
		return wrongType{&dirnode.Unlink{Name: e.Name, Only: only}}
	case "metadata":
		return &dirnode.SetMetadata{Name: e.Name, Metadata: json.RawMessage(e.Metadata), At: at}
	}
	t.Fatalf("unknown edit %q", e.Op)
	return nil
}
