package wapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"tahoe/frontends/web/wapi"
)

const dirnodeText = `["dirnode", {"children": {
	"b": ["filenode", {"mutable": false, "format": "CHK", "size": 3, "ro_uri": "URI:LIT:me", "metadata": {"tahoe": {"linkcrtime": 1.5, "linkmotime": 2}}}],
	"a": ["filenode", {"mutable": true, "format": "MDMF", "size": "?", "rw_uri": "W", "ro_uri": "R", "verify_uri": "V", "metadata": {"ctime": 7}}],
	"é": ["unknown", {"ro_uri": "imm.x", "metadata": {}}]},
	"rw_uri": "DW", "ro_uri": "DR", "verify_uri": "DV", "mutable": true}]`

func TestNode(t *testing.T) {
	var n wapi.Node
	if err := json.Unmarshal([]byte(dirnodeText), &n); err != nil {
		t.Fatal(err)
	}
	if n.Kind != wapi.KindDirectory || !n.IsMutable() || n.URI() != "DW" || n.ReadURI != "DR" || n.VerifyURI != "DV" || len(n.Children) != 3 {
		t.Fatalf("got %+v", n)
	}
	b, a, e := n.Children[0], n.Children[1], n.Children[2]
	if b.Name != "b" || b.IsMutable() || *b.Size != 3 || b.URI() != "URI:LIT:me" || b.Format != wapi.FormatCHK {
		t.Errorf("the first child: got %+v", b)
	}
	if created, modified := b.LinkTimes(); !created.Equal(time.UnixMilli(1500)) || !modified.Equal(time.Unix(2, 0)) {
		t.Errorf("times of the first child: got %v and %v", created, modified)
	}
	if a.Name != "a" || !a.IsMutable() || a.Size != nil || a.URI() != "W" {
		t.Errorf("the second child: got %+v", a)
	}
	if created, modified := a.LinkTimes(); !created.Equal(time.Unix(7, 0)) || !modified.IsZero() {
		t.Errorf("times of the second child: got %v and %v", created, modified)
	}
	if e.Name != "é" || e.Kind != wapi.KindUnknown || e.Mutable != nil || e.URI() != "imm.x" {
		t.Errorf("the third child: got %+v", e)
	}
}

func TestBadNode(t *testing.T) {
	for _, text := range []string{``, `{}`, `["filenode"]`, `["", {}]`, `[1, {}]`, `["dirnode", {"children": []}]`, `["dirnode", {"children": {"a": 1}}]`, `["filenode", 3]`} {
		var n wapi.Node
		if err := json.Unmarshal([]byte(text), &n); err == nil {
			t.Errorf("%s: got %+v, want an error", text, n)
		}
	}
}

func TestNewChildren(t *testing.T) {
	c := wapi.NewChildren{"a": {Kind: wapi.KindFile, ReadURI: "R", Metadata: json.RawMessage(`{"x":1}`)}, "b": {Kind: wapi.KindDirectory, WriteURI: "W"}}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"a":["filenode",{"ro_uri":"R","metadata":{"x":1}}],"b":["dirnode",{"rw_uri":"W"}]}`
	if string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	var again wapi.NewChildren
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("got back %+v, %v", again, err)
	}
}

// What is written as a tuple is read again, and nothing else is.
func TestTuples(t *testing.T) {
	manifest := wapi.ManifestStatus{
		Finished: true, Origin: "o", Manifest: []wapi.ManifestEntry{{Path: []string{"a", "b"}, Cap: "C"}, {Path: []string{}, Cap: "D"}},
		Stats: wapi.DeepStats{SizeFilesHistogram: []wapi.HistogramBin{{Min: 1, Max: 3, Count: 7}}},
	}
	checkRoundTrip(t, manifest, &wapi.ManifestStatus{})
	checkRoundTrip(t, []wapi.CorruptShare{{Server: "s", StorageIndex: "i", Share: 3}}, &[]wapi.CorruptShare{})
	for text, v := range map[string]any{`[1,2]`: &wapi.HistogramBin{}, `3`: &wapi.ManifestEntry{}, `[1,2,"x"]`: &wapi.CorruptShare{}} {
		if err := json.Unmarshal([]byte(text), v); err == nil {
			t.Errorf("%s as %T: got no error", text, v)
		}
	}
}

func checkRoundTrip(t *testing.T, v, into any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil || !reflect.DeepEqual(reflect.ValueOf(into).Elem().Interface(), v) {
		t.Errorf("%s: got back %+v, %v", b, into, err)
	}
}

// Nothing that a node answers makes the reader of nodes fail in another way than with an error.
func FuzzNode(f *testing.F) {
	f.Add([]byte(dirnodeText))
	f.Add([]byte(`["filenode", {"size": null}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n wapi.Node
		if json.Unmarshal(b, &n) == nil && n.Kind == "" {
			t.Errorf("%q: a node without a kind", b)
		}
		n.LinkTimes()
	})
}

// A node that was asked for JSON tells of its failure in JSON, under whatever type.
func TestErrorInJSON(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusGone)
		_, _ = w.Write([]byte(`{"error": "UnrecoverableFileError: it is lost"}`))
	}))
	defer node.Close()
	c, err := wapi.NewClient(node.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Node(t.Context(), "URI:DIR2:a:b", nil)
	if e, ok := errors.AsType[*wapi.Error](err); !ok || e.Text != "UnrecoverableFileError: it is lost" || !errors.Is(err, wapi.ErrNotEnoughShares) {
		t.Errorf("got %v", err)
	}
}
