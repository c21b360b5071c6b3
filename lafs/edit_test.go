package lafs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs"
	"tahoe/lafs/dirnode"
)

func TestEdits(t *testing.T) {
	c, _ := newMemoryClient(t)
	d := mkdir(t, c)
	ctx := t.Context()
	existed, err := d.SetChildren(ctx, []lafs.NewChild{literal(t, "b", "1"), literal(t, "a", "2")}, lafs.ReplaceNever)
	if err != nil || fmt.Sprint(existed) != "[false false]" {
		t.Fatalf("got %v, %v", existed, err)
	}
	existed, err = d.SetChildren(ctx, []lafs.NewChild{literal(t, "c", "1"), literal(t, "a", "3")}, lafs.ReplaceOnlyFiles)
	if err != nil || fmt.Sprint(existed) != "[false true]" {
		t.Fatalf("got %v, %v", existed, err)
	}
	if err := d.Rename(ctx, "a", "z", lafs.ReplaceAny); err != nil {
		t.Fatal(err)
	}
	if err := d.SetMetadata(ctx, "z", []byte(`{"color":"red"}`)); err != nil {
		t.Fatal(err)
	}
	e, err := d.Get(ctx, "z")
	if _, ok := e.Metadata.LinkCreated(); err != nil || !ok || e.Kind() != lafs.KindFile {
		t.Errorf("got %+v, %v", e, err)
	}
	if gone, err := d.Unlink(ctx, "b"); err != nil || gone.Name != "b" || gone.Cap() != literal(t, "", "1").Read {
		t.Errorf("got %+v, %v", gone, err)
	}
	if got, want := sprint(names(t, d)), `["c" "z"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefusals(t *testing.T) {
	c, m := newMemoryClient(t)
	ctx := t.Context()
	sub := mkdir(t, c)
	d := mkdir(t, c, literal(t, "file", "1"), lafs.NewChild{Name: "dir", Child: sub.Child()})
	ro, err := c.OpenDirectory(d.Child().Read)
	if err != nil {
		t.Fatal(err)
	}
	imm, err := c.MkdirImmutable(ctx, []lafs.NewChild{literal(t, "x", "y")})
	if err != nil {
		t.Fatal(err)
	}
	set := func(d *lafs.Directory, n lafs.NewChild, r lafs.Replace) error { _, err := d.Set(ctx, n, r); return err }
	unlink := func(d *lafs.Directory, name string, k lafs.Kind) error {
		_, err := d.UnlinkOnly(ctx, name, k)
		return err
	}
	unknown := lafs.ChildOf(parse(t, "x-tahoe-future-test-writeable:x"))
	for _, x := range []struct {
		name string
		err  error
		want error
	}{
		{"never", set(d, literal(t, "file", "2"), lafs.ReplaceNever), lafs.ErrChildExists},
		{"only files", set(d, literal(t, "dir", "2"), lafs.ReplaceOnlyFiles), lafs.ErrChildExists},
		{"read-only", set(ro, literal(t, "n", "2"), lafs.ReplaceAny), lafs.ErrReadOnly},
		{"immutable", set(imm, literal(t, "n", "2"), lafs.ReplaceAny), lafs.ErrReadOnly},
		{"no capability", set(d, lafs.NewChild{Name: "n"}, lafs.ReplaceAny), lafs.ErrNoCapability},
		{"unknown power", set(d, lafs.NewChild{Name: "n", Child: unknown}, lafs.ReplaceAny), lafs.ErrUnknownPower},
		{"name", set(d, literal(t, "\xff", "2"), lafs.ReplaceAny), lafs.ErrBadName},
		{"metadata", d.SetMetadata(ctx, "file", []byte(`[]`)), lafs.ErrBadMetadata},
		{"metadata of nobody", d.SetMetadata(ctx, "nobody", []byte(`{}`)), lafs.ErrNoChild},
		{"unlink nobody", unlink(d, "nobody", lafs.KindUnknown), lafs.ErrNoChild},
		{"unlink a file", unlink(d, "file", lafs.KindDirectory), lafs.ErrNotDirectory},
		{"unlink a directory", unlink(d, "dir", lafs.KindFile), lafs.ErrIsDirectory},
		{"rename nobody", d.Rename(ctx, "nobody", "x", lafs.ReplaceAny), lafs.ErrNoChild},
		{"rename onto", d.Rename(ctx, "file", "dir", lafs.ReplaceNever), lafs.ErrChildExists},
		{"move nobody", c.Move(ctx, d, "nobody", sub, "x", lafs.ReplaceAny), lafs.ErrNoChild},
		{"move from what is read-only", c.Move(ctx, ro, "file", sub, "x", lafs.ReplaceAny), lafs.ErrReadOnly},
		{"move to what is read-only", c.Move(ctx, d, "file", ro, "x", lafs.ReplaceAny), lafs.ErrReadOnly},
	} {
		if !errors.Is(x.err, x.want) {
			t.Errorf("%s: got %v, want %v", x.name, x.err, x.want)
		}
	}
	if m.Written != 0 {
		t.Errorf("refusals wrote %d versions", m.Written)
	}
	_, err = c.MkdirImmutable(ctx, []lafs.NewChild{literal(t, "fine", "y"), {Name: "culprit", Child: sub.Child()}})
	if e, ok := errors.AsType[*lafs.ChildError](err); !ok || e.Name != "culprit" || !errors.Is(err, lafs.ErrNotDeepImmutable) {
		t.Errorf("got %v, want culprit named", err)
	}
}

func TestMove(t *testing.T) {
	c, _ := newMemoryClient(t)
	ctx := t.Context()
	from, to := mkdir(t, c, literal(t, "a", "1"), literal(t, "b", "2")), mkdir(t, c, literal(t, "x", "3"))
	if err := c.Move(ctx, from, "a", to, "x", lafs.ReplaceNever); !errors.Is(err, lafs.ErrChildExists) {
		t.Errorf("got %v, want %v", err, lafs.ErrChildExists)
	}
	if err := c.Move(ctx, from, "a", to, "y", lafs.ReplaceNever); err != nil {
		t.Error(err)
	}
	if err := c.Move(ctx, from, "b", from, "b", lafs.ReplaceNever); err != nil {
		t.Errorf("onto itself: %v", err)
	}
	if err := c.Move(ctx, from, "b", from, "c", lafs.ReplaceNever); err != nil {
		t.Error(err)
	}
	if got, want := sprint(names(t, from))+sprint(names(t, to)), `["c"]["x" "y"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMoveKeepsWhatCameMeanwhile: a child that replaced the one that was moved is not taken away.
func TestMoveKeepsWhatCameMeanwhile(t *testing.T) {
	c, m := newMemoryClient(t)
	from, to := mkdir(t, c, literal(t, "a", "old")), mkdir(t, c)
	m.Surprise = func([]byte, []byte) []byte { // when the target is written, the source becomes another
		m.Surprise = nil
		w, _ := from.Cap().(caps.DirectoryWrite)
		contents, err := dirnode.Pack([]lafs.NewChild{literal(t, "a", "new")}, w)
		if err != nil {
			t.Error(err)
		}
		m.Place(w.Inner(), contents)
		return nil
	}
	if err := c.Move(t.Context(), from, "a", to, "b", lafs.ReplaceAny); err != nil {
		t.Fatal(err)
	}
	if got, want := sprint(names(t, from))+sprint(names(t, to)), `["a"]["b"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e, _ := to.Get(t.Context(), "b"); e.Cap() != literal(t, "", "old").Read {
		t.Error("another child was moved")
	}
}

// TestGroupCommit: edits that come while a version is written go out together in the next, each with its own result.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newMemoryClient(t)
		d := mkdir(t, c, literal(t, "there", "x"))
		m.Surprise = func([]byte, []byte) []byte { time.Sleep(time.Second); return nil } // each version takes a while
		const n = 50
		errs := make([]error, n)
		var running sync.WaitGroup
		for i := range n {
			running.Go(func() {
				name, replace := fmt.Sprint("child", i), lafs.ReplaceAny
				if i%5 == 4 {
					name, replace = "there", lafs.ReplaceNever
				}
				other, err := c.OpenDirectory(d.Cap()) // every front end has its own
				if err != nil {
					t.Error(err)
					return
				}
				_, errs[i] = other.Set(t.Context(), literal(t, name, "y"), replace)
			})
		}
		running.Wait()
		for i, err := range errs {
			if want := i%5 == 4; errors.Is(err, lafs.ErrChildExists) != want || (err != nil) != want {
				t.Errorf("edit %d: got %v", i, err)
			}
		}
		if got, want := len(names(t, d)), 1+n*4/5; got != want {
			t.Errorf("got %d children, want %d", got, want)
		}
		if m.Written > 2 {
			t.Errorf("%d versions were written, want 2", m.Written)
		}
	})
}

// TestGroupCommitAndCancelling: who gives up leaves the others alone, also while it is its turn.
func TestGroupCommitAndCancelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newMemoryClient(t)
		d := mkdir(t, c)
		m.Surprise = func([]byte, []byte) []byte { time.Sleep(time.Second); return nil }
		ctxs := make([]context.Context, 6)
		cancels := make([]context.CancelFunc, 6)
		errs := make([]error, 6)
		var running sync.WaitGroup
		for i := range ctxs {
			ctxs[i], cancels[i] = context.WithCancel(t.Context())
			running.Go(func() { _, errs[i] = d.Set(ctxs[i], literal(t, fmt.Sprint(i), "y"), lafs.ReplaceAny) })
			synctest.Wait()
		}
		cancels[1]() // the first of those that wait, who would write for the others
		cancels[3]()
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		cancels[2]() // who writes for the others now
		running.Wait()
		if got, want := sprint(names(t, d)), `["0" "2" "4" "5"]`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for i, err := range errs {
			if want := i == 1 || i == 3; errors.Is(err, context.Canceled) != want {
				t.Errorf("edit %d: got %v", i, err)
			}
		}
		for _, cancel := range cancels {
			cancel()
		}
		if _, err := d.Set(ctxs[0], literal(t, "late", "y"), lafs.ReplaceAny); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

// TestAllGiveUp: when nobody wants a version any more, it is not written.
func TestAllGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newMemoryClient(t)
		d := mkdir(t, c)
		m.Surprise = func([]byte, []byte) []byte { time.Sleep(time.Second); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := d.Set(ctx, literal(t, "a", "y"), lafs.ReplaceAny); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if m.Written != 0 {
			t.Errorf("%d versions were written", m.Written)
		}
	})
}

// TestPanicPassesTheTurn: a panic of the one who writes, which a web server survives, keeps nobody waiting for ever.
func TestPanicPassesTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newMemoryClient(t)
		d := mkdir(t, c)
		calls := 0
		m.Surprise = func(_, _ []byte) []byte {
			calls++
			time.Sleep(time.Second)
			if calls == 2 {
				panic("for the test")
			}
			return nil
		}
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				defer func() {
					if r := recover(); (r != nil) != (i == 1) {
						t.Errorf("edit %d panics with %v", i, r)
					}
				}()
				_, err := d.Set(t.Context(), literal(t, fmt.Sprint(i), "x"), lafs.ReplaceAny)
				if (err != nil) != (i == 2) {
					t.Errorf("edit %d: got %v", i, err)
				}
			})
		}
		all.Wait()
		if _, err := d.Set(t.Context(), literal(t, "later", "x"), lafs.ReplaceAny); err != nil {
			t.Error(err)
		}
	})
}

// TestSurprises: an edit is made again on what another writer left, and is not refused for what it did itself.
func TestSurprises(t *testing.T) {
	for _, x := range []struct {
		name string
		edit func(ctx context.Context, d *lafs.Directory) error
		want string
	}{
		{"set", func(ctx context.Context, d *lafs.Directory) error {
			existed, err := d.Set(ctx, literal(t, "new", "x"), lafs.ReplaceNever)
			if existed {
				t.Error("what was not there is said to have been")
			}
			return err
		}, `["a" "b" "new" "other"]`},
		{"unlink", func(ctx context.Context, d *lafs.Directory) error {
			e, err := d.Unlink(ctx, "a")
			if e.Name != "a" {
				t.Errorf("got %+v", e)
			}
			return err
		}, `["b" "other"]`},
		{"rename", func(ctx context.Context, d *lafs.Directory) error { return d.Rename(ctx, "a", "c", lafs.ReplaceNever) }, `["b" "c" "other"]`},
		{"metadata", func(ctx context.Context, d *lafs.Directory) error { return d.SetMetadata(ctx, "a", []byte(`{}`)) }, `["a" "b" "other"]`},
	} {
		for _, landed := range []bool{false, true} {
			t.Run(fmt.Sprint(x.name, landed), func(t *testing.T) {
				c, m := newMemoryClient(t)
				d := mkdir(t, c, literal(t, "a", "1"), literal(t, "b", "2"))
				m.Surprise = func(old, edited []byte) []byte {
					m.Surprise = nil
					if landed {
						old = edited
					}
					return withOther(t, d, old)
				}
				if err := x.edit(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				if got := sprint(names(t, d)); got != x.want {
					t.Errorf("got %s, want %s", got, x.want)
				}
			})
		}
	}
}

// withOther is contents to which somebody else has added a child.
func withOther(t *testing.T, d *lafs.Directory, contents []byte) []byte {
	t.Helper()
	k, _ := d.Cap().(caps.Read)
	table, err := dirnode.Parse(contents, k)
	if err != nil {
		t.Error(err)
		return nil
	}
	draft := dirnode.NewDraft(table)
	if err := (&dirnode.Set{Children: []lafs.NewChild{literal(t, "other", "o")}}).Apply(draft); err != nil {
		t.Error(err)
	}
	out, _ := draft.Contents()
	return out
}
