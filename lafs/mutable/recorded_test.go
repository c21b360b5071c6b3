package mutable_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tahoe/caps"
	"tahoe/internal/taghash"
	"tahoe/lafs/mutable"
	"tahoe/storage"
)

// A recorded file is one that the original wrote.
type recorded struct {
	Name, Cap     string
	Needed, Total int
	Size          int
	Seqnum        uint64
	Shares        []storage.ShareNum
}

func (r recorded) contents() []byte {
	b := make([]byte, r.Size)
	for i := range b {
		b[i] = byte(7*i + i/251 + 1)
		if r.Name == "mdmf-3-10" && i >= 131000 {
			b[i] += 4
		}
	}
	return b
}

// put gives the shares to servers, one to each, as the writer would.
func (r recorded) put(t *testing.T, w *world) caps.MutableWrite {
	t.Helper()
	parsed, err := caps.Parse(r.Cap)
	must(t, err)
	c := parsed.(caps.MutableWrite)
	for i, n := range r.Shares {
		b, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%s.%d", r.Name, n)))
		must(t, err)
		_, err = w.mems[i].TestAndWrite(t.Context(), c.Index(), storage.SlotWrite{
			WriteEnabler: taghash.WriteEnabler(c.Key(), w.servers[i].TubID()),
			Shares:       map[storage.ShareNum]storage.ShareWrite{n: {Writes: []storage.Write{{Data: bytes.NewReader(b)}}}},
		})
		must(t, err)
	}
	return c
}

// What the original wrote is read, and written on.
func TestRecorded(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "files.json"))
	must(t, err)
	var files []recorded
	must(t, json.Unmarshal(b, &files))
	for _, r := range files {
		t.Run(r.Name, func(t *testing.T) {
			w := newWorld(t, 10)
			c := r.put(t, w)
			want := r.contents()
			readOnly, err := w.files().Open(c.ReadOnly())
			must(t, err)
			v := wantContents(t, readOnly, want)
			if v.Seqnum != r.Seqnum || v.Needed != r.Needed || v.Total != r.Total {
				t.Errorf("got version %+v", v)
			}
			file, err := w.files().Open(c)
			must(t, err)
			want = append(want, "and more"...)
			v, err = file.Modify(t.Context(), 1<<20, func(old []byte) ([]byte, error) { return append(old, "and more"...), nil })
			must(t, err)
			if got := w.audit(file); got[r.Seqnum+1] != r.Total || len(got) != 1 {
				t.Errorf("got shares %v", got)
			}
			wantContents(t, readOnly, want)
			if v.Needed != r.Needed || v.Total != r.Total {
				t.Errorf("got version %+v", v)
			}
			_, err = file.WriteAt(t.Context(), bytes.NewReader([]byte("inside")), int64(r.Size/2), 6)
			must(t, err)
			copy(want[r.Size/2:], "inside")
			wantContents(t, readOnly, want)
			w.audit(file)
		})
	}
}

// With a share less than needed nothing is read, and the error says what there was.
func TestRecordedTooFew(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "files.json"))
	must(t, err)
	var files []recorded
	must(t, json.Unmarshal(b, &files))
	for _, r := range files {
		w := newWorld(t, 4)
		r.Shares = r.Shares[1:]
		file, err := w.files().Open(r.put(t, w))
		must(t, err)
		_, err = file.Stat(t.Context())
		wantShort(t, err, r.Needed-1, r.Needed, 4)
	}
}

func wantShort(t *testing.T, err error, have, need, asked int) {
	t.Helper()
	short, ok := err.(*mutable.NotEnoughSharesError)
	if !ok || short.Have != have || short.Need != need || len(short.Asked) != asked {
		t.Errorf("got %v, want %d of %d shares, %d servers", err, have, need, asked)
	}
}
