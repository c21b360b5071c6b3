package lafs_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/internal/taghash"
	"tahoe/lafs"
	"tahoe/lafs/grid"
	"tahoe/lafs/immutable"
	"tahoe/lafs/mutable"
	"tahoe/reactor"
	"tahoe/storage"
)

// clientOf makes a client of its own over servers that others may use too.
func clientOf(servers grid.Servers) *lafs.Client {
	pool, budget := reactor.NewPool(0), reactor.NewBudget(64<<20)
	lease := func(i storage.Index, tub [20]byte) storage.LeaseSecrets {
		return taghash.Lease([]byte("master"), i, tub)
	}
	up := immutable.NewUploader(immutable.UploaderConfig{Servers: servers, Pool: pool, Budget: budget, Lease: lease})
	down := immutable.NewDownloader(immutable.DownloaderConfig{Servers: servers, Pool: pool, Budget: budget})
	check := immutable.NewChecker(immutable.CheckerConfig{Servers: servers, Pool: pool, Budget: budget, Lease: lease})
	return lafs.New(lafs.Config{
		Uploader: up, Downloader: down, Checker: check, Repairer: immutable.NewRepairer(up, down, check),
		Mutable: mutable.New(mutable.Config{Servers: servers, Pool: pool, Budget: budget, Lease: lease}),
		Pool:    pool,
	})
}

// TestDirectoriesOnAGrid: directories of all kinds, made and read again through another client.
func TestDirectoriesOnAGrid(t *testing.T) {
	servers, _ := newServers(t)
	a, b := clientOf(servers), clientOf(servers)
	ctx := t.Context()
	put, err := a.Put(ctx, strings.NewReader(strings.Repeat("x", 1000)), lafs.PutOptions{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	file := lafs.NewChild{Name: "file", Child: lafs.ChildOf(put.Cap)}
	small, err := a.MkdirImmutable(ctx, nil)
	if err != nil || !strings.HasPrefix(small.Cap().Encode(), "URI:DIR2-LIT:") {
		t.Fatalf("got %v, %v", small, err)
	}
	large, err := a.MkdirImmutable(ctx, []lafs.NewChild{file, {Name: "small", Child: small.Child()}})
	if err != nil || lafs.FormatOf(large.Cap()) != lafs.CHK {
		t.Fatalf("got %v, %v", large, err)
	}
	mutable, err := a.PutMutable(ctx, strings.NewReader("contents"), 8, lafs.MutableOptions{Format: lafs.SDMF})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []lafs.Format{lafs.SDMF, lafs.MDMF} {
		root, err := a.Mkdir(ctx, []lafs.NewChild{file, {Name: "large", Child: large.Child()}}, lafs.MkdirOptions{Format: f})
		if err != nil || lafs.FormatOf(root.Cap()) != f {
			t.Fatalf("got %v, %v", root, err)
		}
		if _, err := root.Set(ctx, lafs.NewChild{Name: "mutable", Child: lafs.ChildOf(mutable.Cap())}, lafs.ReplaceNever); err != nil {
			t.Fatal(err)
		}
		s, err := b.DeepStats(ctx, root.Child().Read)
		if err != nil || s.Directories != 3 || s.ImmutableFiles != 1 || s.MutableFiles != 1 {
			t.Errorf("%s: got %+v, %v", f, s, err)
		}
		e, err := b.Lookup(ctx, root.Cap(), []string{"mutable"})
		if err != nil {
			t.Fatal(err)
		}
		n, err := b.OpenChild(e.Child)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := n.(*lafs.MutableFile).Read(ctx, 0, 100, &got); err != nil || got.String() != "contents" {
			t.Errorf("%s: got %q, %v", f, got.String(), err)
		}
	}
}

// TestTwoClients: two clients that do not know of each other, many requests in each, edit one directory while a third lists it. What
// is reported as done is there.
func TestTwoClients(t *testing.T) { synctest.Test(t, twoClients) }

func twoClients(t *testing.T) {
	servers := newFarServers(t)
	first := clientOf(servers)
	root, err := first.Mkdir(t.Context(), []lafs.NewChild{literal(t, "base", "x")}, lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const clients, requests, each = 2, 4, 5
	var running, listing sync.WaitGroup
	done := make(chan struct{})
	listing.Go(func() { list(t, clientOf(servers), root, done) })
	added := make([][]string, clients*requests)
	for c := range clients {
		client := clientOf(servers)
		for r := range requests {
			running.Go(func() {
				d, err := client.OpenDirectory(root.Cap())
				if err != nil {
					t.Error(err)
					return
				}
				for i := range each {
					name := fmt.Sprintf("%d-%d-%d", c, r, i)
					_, err := d.Set(t.Context(), literal(t, name, name), lafs.ReplaceNever)
					switch {
					case err == nil:
						added[c*requests+r] = append(added[c*requests+r], name)
					case !errors.Is(err, mutable.ErrUncoordinated):
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
	}
	running.Wait()
	close(done)
	listing.Wait()
	there := map[string]bool{}
	d, err := clientOf(servers).OpenDirectory(root.Cap())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, d) {
		there[name] = true
	}
	n := 0
	for _, some := range added {
		for _, name := range some {
			n++
			if !there[name] {
				t.Errorf("%s was reported as added, and is not there", name)
			}
		}
	}
	t.Logf("%d of %d were added", n, clients*requests*each)
	if n < clients*requests*each/2 || !there["base"] {
		t.Errorf("only %d of %d were added", n, clients*requests*each)
	}
}

// list lists a directory again and again until done.
func list(t *testing.T, c *lafs.Client, root *lafs.Directory, done <-chan struct{}) {
	d, err := c.OpenDirectory(root.Cap())
	if err != nil {
		t.Error(err)
		return
	}
	for {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
		l, err := d.List(t.Context())
		if err != nil {
			t.Errorf("while it is edited: %v", err)
			return
		}
		if _, err := l.Get("base"); err != nil {
			t.Errorf("while it is edited: %v", err)
		}
	}
}
