package lafs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/storage"
)

// TestCheckEveryKind checks and repairs what every kind of capability names, down to the one that only verifies.
func TestCheckEveryKind(t *testing.T) {
	servers, mems := newServers(t)
	c := clientOf(servers)
	ctx := t.Context()
	put, err := c.Put(ctx, strings.NewReader(strings.Repeat("x", 1000)), lafs.PutOptions{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	file := lafs.NewChild{Name: "file", Child: lafs.ChildOf(put.Cap)}
	frozen, err := c.MkdirImmutable(ctx, []lafs.NewChild{file})
	if err != nil {
		t.Fatal(err)
	}
	kinds := []caps.Cap{put.Cap, frozen.Cap()}
	for _, f := range []lafs.Format{lafs.SDMF, lafs.MDMF} {
		m, err := c.PutMutable(ctx, strings.NewReader("contents"), 8, lafs.MutableOptions{Format: f})
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.Mkdir(ctx, []lafs.NewChild{file}, lafs.MkdirOptions{Format: f})
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, m.Cap(), d.Cap())
	}
	verify := lafs.CheckOptions{Verify: true}
	for _, k := range kinds {
		v, _ := caps.VerifyOnly(k)
		for _, m := range mems {
			m.Remove(v.Index(), 3)
		}
		for _, x := range []caps.Cap{k, v} {
			if r, err := c.Check(ctx, x, verify); err != nil || r.Healthy || r.Good != 9 || r.Index != v.Index() {
				t.Errorf("%s: got %+v, %v", caps.Abbrev(x), r, err)
			}
		}
		r, err := c.Repair(ctx, v, verify)
		if err != nil || r.Successful != !caps.IsMutable(k) {
			t.Errorf("%s: got %+v, %v", caps.Abbrev(v), r, err)
		}
		if r, err = c.Repair(ctx, k, verify); err != nil || !r.After.Healthy || r.Successful != caps.IsMutable(k) {
			t.Errorf("%s: got %+v, %v", caps.Abbrev(k), r, err)
		}
	}
	lit, _ := caps.NewLiteral([]byte("x"))
	unknown, _ := caps.Parse("x-tahoe-future-test-writeable:x")
	for _, k := range []caps.Cap{lit, unknown} {
		r, err := c.Check(ctx, k, verify)
		rep, rerr := c.Repair(ctx, k, verify)
		if r != nil || err != nil || rep != nil || rerr != nil {
			t.Errorf("%s: got %v, %v; %v, %v", caps.Abbrev(k), r, err, rep, rerr)
		}
	}
	if _, err := c.Check(ctx, nil, verify); !errors.Is(err, lafs.ErrWrongKind) {
		t.Errorf("got %v", err)
	}
}

// TestDeepCheck: each once, in the order of Walk, with what is lost among the rest; and an end when the visitor wants one.
func TestDeepCheck(t *testing.T) {
	servers, mems := newServers(t)
	c := clientOf(servers)
	ctx := t.Context()
	var files []lafs.NewChild
	for i := range 30 {
		put, err := c.Put(ctx, strings.NewReader(strings.Repeat(fmt.Sprint(i%10), 100+i)), lafs.PutOptions{Size: int64(100 + i)})
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, lafs.NewChild{Name: fmt.Sprintf("%02d", i), Child: lafs.ChildOf(put.Cap)})
	}
	sub, err := c.Mkdir(ctx, files[:5], lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := c.Mkdir(ctx, nil, lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Mkdir(ctx, append(files, lafs.NewChild{Name: "lost", Child: lost.Child()}, lafs.NewChild{Name: "sub", Child: sub.Child()}), lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	index, _ := lost.Child().Index()
	small, _ := files[7].Child.Index()
	for _, m := range mems {
		for n := range storage.ShareNum(10) {
			m.Remove(index, n)
		}
		m.Remove(small, 5)
	}
	var walked, checked []string
	if err := c.Walk(ctx, root.Cap(), func(v lafs.Visit) error {
		walked = append(walked, strings.Join(v.Path, "/"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	if err := c.DeepCheck(ctx, root.Cap(), false, lafs.CheckOptions{}, func(x lafs.Checked) error {
		path := strings.Join(x.Path, "/")
		checked = append(checked, path)
		if !x.Check.Healthy {
			bad[path] = x.Check.Recoverable
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(walked) != fmt.Sprint(checked) || len(checked) != 33 {
		t.Errorf("got %v, want %v", checked, walked)
	}
	if readable, ok := bad["lost"]; len(bad) != 2 || !bad["07"] || readable || !ok {
		t.Errorf("got %v", bad)
	}
	stop := errors.New("enough")
	n := 0
	if err := c.DeepCheck(ctx, root.Cap(), true, lafs.CheckOptions{}, func(x lafs.Checked) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || n != 3 {
		t.Errorf("got %v after %d", err, n)
	}
}
