package lafs_test

import (
	"fmt"
	"testing"

	"tahoe/caps"
	"tahoe/lafs"
)

// newMemoryClient makes a client whose mutable files are in memory, and whose immutable ones lie on ten servers in memory.
func newMemoryClient(t testing.TB) (*lafs.Client, *lafs.Memory) {
	t.Helper()
	c, _ := newClient(t)
	m := lafs.NewMemory()
	return lafs.WithMemory(c, m), m
}

func mkdir(t testing.TB, c *lafs.Client, children ...lafs.NewChild) *lafs.Directory {
	t.Helper()
	d, err := c.Mkdir(t.Context(), children, lafs.MkdirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// literal is a child that needs no server.
func literal(t testing.TB, name, text string) lafs.NewChild {
	t.Helper()
	k, err := caps.NewLiteral([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return lafs.NewChild{Name: name, Child: lafs.ChildOf(k)}
}

// chk is the capability of a file that nobody has.
func chk(t testing.TB, i int, size int64) caps.CHK {
	t.Helper()
	k, err := caps.NewCHK(caps.CHKParams{Key: [16]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}, Needed: 3, Total: 10, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func names(t testing.TB, d *lafs.Directory) (all []string) {
	t.Helper()
	l, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for e := range l.All() {
		all = append(all, e.Name)
	}
	return all
}

func sprint(all []string) string { return fmt.Sprintf("%q", all) }

func parse(t testing.TB, s string) caps.Cap {
	t.Helper()
	k, err := caps.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
