package doors_test

import (
	"slices"
	"strings"
	"testing"

	"tahoe/frontends/doortest"
)

const old = "what was there before"

func TestReadOnlyInEveryDoor(t *testing.T) {
	w := openWorld(t)
	w.Grid.Add(w.Root, "file", w.Grid.PutData(old), "")
	w.Grid.Add(w.Root, "dir", w.Grid.NewDir(), "")
	w.Grid.Add(w.Root, "mutable", w.Grid.NewMutable(old), "")
	for name, d := range w.doors() {
		if err := d.login("bob", doortest.Password); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, change := range []struct {
			name string
			do   func() error
		}{
			{"a new file", func() error { return d.put("/new", "x") }},
			{"a file is replaced", func() error { return d.put("/file", "x") }},
			{"a mutable file is overwritten", func() error { return d.put("/mutable", "x") }},
			{"a file in a directory below", func() error { return d.put("/dir/new", "x") }},
			{"a new directory", func() error { return d.mkdir("/new") }},
			{"a file is removed", func() error { return d.remove("/file") }},
			{"a file is renamed", func() error { return d.rename("/file", "/other") }},
		} {
			if err := change.do(); err == nil {
				t.Errorf("%s: %s", name, change.name)
			}
		}
		for _, path := range []string{"/file", "/mutable"} {
			if got, err := d.get(path); got != old || err != nil {
				t.Errorf("%s: %s reads %q, %v", name, path, got, err)
			}
		}
	}
	w.Settle()
	if got := w.Grid.Names(w.Root); !slices.Equal(got, []string{"dir", "file", "mutable"}) {
		t.Errorf("there is %q", got)
	}
}

// TestQuotaInEveryDoor: df counts in blocks of 1024 bytes.
func TestQuotaInEveryDoor(t *testing.T) {
	w := openWorld(t)
	all := w.doors()
	room := func(when string, want int64) {
		t.Helper()
		for name, d := range all {
			if got, err := d.room(); got != want || err != nil {
				t.Errorf("%s: %s has %d bytes left, %v; want %d", when, name, got, err, want)
			}
		}
	}
	for name, d := range all {
		if err := d.login("carol", doortest.Password); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	room("at first", 10_240)
	left := int64(10_240)
	for name, d := range all {
		if err := d.put("/from-"+name, strings.Repeat("x", 2048)); err != nil {
			t.Errorf("%s: within the quota: %v", name, err)
		}
		left -= 2048
		room("after 2048 by "+name, left)
	}
	w.Settle()
	room("on the grid", left)
	for name, d := range all {
		if err := d.put("/more-than-"+name, strings.Repeat("x", 300_000)); err == nil {
			t.Errorf("%s: takes more than the quota", name)
		}
		if err := d.put("/from-"+name, strings.Repeat("y", 2048)); err != nil {
			t.Errorf("%s: a file cannot be replaced by one of its size: %v", name, err)
		}
		w.Settle()
	}
	if got := w.Grid.Names(w.carol.Root); !slices.Equal(got, []string{"from-FTP", "from-SFTP", "from-WebDAV", "from-pages"}) {
		t.Errorf("there is %q", got)
	}
}

// TestLockedOutOfOneDoorIsLockedOutOfAll: wrong passwords are tried by one, and the right one is refused by the others.
func TestLockedOutOfOneDoorIsLockedOutOfAll(t *testing.T) {
	w := openWorld(t)
	done := make(chan error)
	const wrong = 5
	for range wrong {
		go func() { done <- (&pagesDoor{w: w}).login("alice", "wrong") }()
	}
	for range wrong {
		if err := <-done; err == nil {
			t.Error("a wrong password is taken")
		}
	}
	for name, d := range w.doors() {
		if err := d.login("alice", doortest.Password); err == nil {
			t.Errorf("%s lets in who is locked out", name)
		}
	}
}
