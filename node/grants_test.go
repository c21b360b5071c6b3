package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tahoe/internal/nurl"
	"tahoe/node"
	"tahoe/storage"
	"tahoe/storage/gbs"
)

// clientOf is a client of the storage that a file in private tells clients of.
func clientOf(t *testing.T, dir, file string) *gbs.Client {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "private", file))
	if err != nil {
		t.Fatal(err)
	}
	address, err := nurl.Parse(regexp.MustCompile(`pb://\S+#v=1`).FindString(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := gbs.NewClient(address, gbs.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestGrants: each client of private/grants.yaml has an address of its own, and with it its limit, or the right to read alone; all see the
// same shares. The public address has the limits of the server.
func TestGrants(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	write(t, filepath.Join(dir, "private", "grants.yaml"), "grants:\n  alice: {limit: 10K}\n  bob: {readonly: true}\n")
	start(t, open(t, dir))
	alice, bob, anybody := clientOf(t, dir, "grant-alice-for-clients.yaml"), clientOf(t, dir, "grant-bob-for-clients.yaml"), clientOf(t, dir, "storage-for-clients.yaml")
	wants := func(size int64) storage.Allocation {
		return storage.Allocation{Shares: []storage.ShareNum{0}, Size: size}
	}
	for _, c := range []struct {
		name    string
		client  *gbs.Client
		index   byte
		size    int64
		writers int
	}{
		{"alice, more than her limit", alice, 1, 20_000, 0},
		{"alice, within it", alice, 2, 5_000, 1},
		{"alice, with what she is uploading more than it", alice, 3, 6_000, 0},
		{"bob, who reads", bob, 4, 10, 0},
		{"anybody", anybody, 5, 20_000, 1},
	} {
		a, err := c.client.Allocate(t.Context(), storage.Index{c.index}, wants(c.size))
		if err != nil || len(a.Writers) != c.writers {
			t.Errorf("%s: got %d writers, %v, want %d", c.name, len(a.Writers), err, c.writers)
		}
		for _, w := range a.Writers {
			if c.client == anybody {
				_, err := w.Write(t.Context(), storage.Span{Size: c.size}, strings.NewReader(strings.Repeat("x", int(c.size))))
				if err := errors.Join(err, w.Close(t.Context())); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if b, err := bob.Buckets(t.Context(), storage.Index{5}); err != nil || len(b) != 1 {
		t.Errorf("bob sees %d shares of others, %v, want 1", len(b), err)
	}
	one := map[storage.ShareNum]storage.ShareWrite{0: {Writes: []storage.Write{{Data: strings.NewReader("mutable")}}}}
	if _, err := bob.TestAndWrite(t.Context(), storage.Index{6}, storage.SlotWrite{Shares: one}); !errors.Is(err, storage.ErrReadOnly) {
		t.Errorf("bob writes: got %v, want %v", err, storage.ErrReadOnly)
	}
	if _, err := alice.TestAndWrite(t.Context(), storage.Index{6}, storage.SlotWrite{Shares: one}); err != nil {
		t.Errorf("alice writes: %v", err)
	}
}

// TestGrantsAlone: without the public address, those with a grant are served, and nothing is announced.
func TestGrantsAlone(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	write(t, filepath.Join(dir, "private", "grants.yaml"), "grants:\n  alice: {}\n")
	config := filepath.Join(dir, "tahoe.cfg")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, strings.Replace(string(text), "[storage]\n", "[storage]\nanonymous = false\n", 1))
	n := open(t, dir)
	if _, announced := n.Static(); announced || n.ForClients() != "" {
		t.Errorf("the node tells everybody of its storage at %q", n.ForClients())
	}
	start(t, n)
	if v, err := clientOf(t, dir, "grant-alice-for-clients.yaml").Version(t.Context()); err != nil || v.Available == 0 {
		t.Errorf("alice: got %+v, %v", v, err)
	}
}

// TestBadGrants: what is wrong is said in one sentence.
func TestBadGrants(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"name":  {"grants:\n  ../alice: {}\n", "the name of a grant"},
		"limit": {"grants:\n  alice: {limit: lots}\n", "the limit of alice is \"lots\""},
		"yaml":  {"grants: [\n", "is not the YAML that belongs there"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			create(t, dir, storageConfig(t))
			write(t, filepath.Join(dir, "private", "grants.yaml"), c.text)
			if err := openError(t, dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestPickledStateIsConverted: the state of crawlers of long ago is taken over when the node starts.
func TestPickledStateIsConverted(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, storageConfig(t))
	pickle, err := os.ReadFile("../internal/crawlerstate/testdata/lease_checker.history.2")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "storage", "lease_checker.history")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pickle))
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the pickle is still there")
	}
	if _, err := os.Stat(path + ".json"); err != nil {
		t.Error(err)
	}
}

func openError(t *testing.T, dir string) error {
	t.Helper()
	n, err := node.Open(dir, shared(t))
	if err == nil {
		_ = n.Close()
	}
	return err
}
