package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tahoe/storage"
	"tahoe/storage/disk"
)

func TestIncomingIsWiped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	writersFor(t, s)
	incoming := filepath.Join(dir, "shares", "incoming", "aa", "aaaqeayeaudaocajbifqydiob4", "0")
	if _, err := os.Stat(incoming); err != nil {
		t.Errorf("while it is written: %v", err)
	}
	s = open(t, disk.Config{Dir: dir})
	if _, err := os.Stat(incoming); !os.IsNotExist(err) {
		t.Errorf("after a restart: got %v, want that it has gone", err)
	}
	noFindings(t, s)
}

func TestRunAbortsWhatIsOpenWhenItEnds(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir(), Free: free(1000)})
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	done := make(chan error)
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	writersFor(t, s)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if v, err := s.Version(t.Context()); err != nil || v.Available != 1000 {
		t.Errorf("got %+v, %v; want all room back", v, err)
	}
}

func TestAdvisoryFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	if err := upload(t, s, 3, "immutable"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := s.AdviseCorrupt(t.Context(), storage.Corruption{Kind: storage.KindImmutable, Index: goldenIndex, Share: 3, Reason: "bad hash: 4"})
		if err != nil {
			t.Fatal(err)
		}
	}
	const name = "2026-05-09T104000--aaaqeayeaudaocajbifqydiob4-3"
	got, err := os.ReadFile(filepath.Join(dir, "corruption-advisories", name))
	want := "report: Share Corruption\ntype: immutable\nstorage_index: aaaqeayeaudaocajbifqydiob4\nshare_number: 3\n\nbad hash: 4\n\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "corruption-advisories", name+"-2")); err != nil {
		t.Errorf("second advisory at the same time: %v", err)
	}
}

// An advisory that a crash left half written is gone after the next start; the others stay.
func TestUnfinishedAdvisoriesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	open(t, disk.Config{Dir: dir})
	advice := filepath.Join(dir, "corruption-advisories")
	const name = "2026-05-09T104000--aaaqeayeaudaocajbifqydiob4-3"
	for k := range 300 {
		for _, suffix := range []string{"", ".tmp"} {
			if err := os.WriteFile(filepath.Join(advice, fmt.Sprint(name, "-", k, suffix)), []byte("report"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(t, disk.Config{Dir: dir})
	entries, err := os.ReadDir(advice)
	if err != nil || len(entries) != 300 {
		t.Errorf("got %d files, %v; want the 300 whole ones", len(entries), err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s is still there", e.Name())
		}
	}
}

// TestDamagedFiles puts files that are no shares where shares are. They are as if they were not there, the audit names
// each, and a new share takes the place.
func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct {
		name    string
		content []byte
	}{
		{"empty", nil},
		{"short", []byte{0, 0, 0, 2}},
		{"unknown version", append([]byte{0, 0, 0, 9}, make([]byte, 100)...)},
		{"cut immutable", []byte("\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x01hello")},
		{"too many leases", []byte("\x00\x00\x00\x02\x00\x00\x00\x05\xff\xff\xff\xffhello")},
		{"cut mutable", []byte("Tahoe mutable container v2\n\xc3\x55\x21\x99\x25")},
		{"text", []byte(strings.Repeat("This is not a share. ", 100))},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, disk.Config{Dir: dir})
			if err := upload(t, s, 1, "good"); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, goldenDir, "3")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := content(t, s); len(got) != 1 || got[1] != "good" {
				t.Errorf("got %v, want the good share alone", got)
			}
			findings := slices.Collect(s.Audit(t.Context()))
			if len(findings) != 1 || findings[0].Path != path {
				t.Errorf("audit: got %v, want %s", findings, path)
			}
			if err := s.AddLease(t.Context(), goldenIndex, lease(4)); err != nil {
				t.Errorf("lease on the good share: %v", err)
			}
			if err := upload(t, s, 3, "mended"); err != nil {
				t.Errorf("uploading over it: %v", err)
			}
			if err := os.WriteFile(filepath.Join(dir, goldenDir, "4"), c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{4: writes(at(0, "mended too"))}); err != nil {
				t.Errorf("making a slot over it: %v", err)
			}
			noFindings(t, s)
		})
	}
}

func TestAuditFindsStrayFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	if err := upload(t, s, 1, "good"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		filepath.Join(dir, "shares", "notes.txt"),
		filepath.Join(dir, "shares", "aa", "file"),
		filepath.Join(dir, "shares", "aa", "bbaqeayeaudaocajbifqydiob4"),
		filepath.Join(dir, goldenDir, "01"),
		filepath.Join(dir, goldenDir, "256"),
		filepath.Join(dir, goldenDir, "1.tmp"),
		filepath.Join(dir, "shares", "incoming", "slot-7"),
	}
	for _, path := range want {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for f := range s.Audit(t.Context()) {
		got = append(got, f.Path)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range s.Audit(t.Context()) {
		break // stopping early is allowed
	}
}

// TestKindsDoNotMix: an index has immutable or mutable shares of a number, and the first wins.
func TestKindsDoNotMix(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir()})
	if err := upload(t, s, 1, "immutable"); err != nil {
		t.Fatal(err)
	}
	err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{1: writes(at(0, "mutable"))})
	if !errors.Is(err, storage.ErrConflict) {
		t.Errorf("mutable over immutable: got error %v, want %v", err, storage.ErrConflict)
	}
	got, err := s.Allocate(t.Context(), goldenIndex, storage.Allocation{Shares: []storage.ShareNum{2}, Size: 3, Lease: lease(1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := slotWrite(t, s, map[storage.ShareNum]storage.ShareWrite{2: writes(at(0, "mutable"))}); err != nil {
		t.Fatal(err)
	}
	w := got.Writers[2]
	if _, err := w.Write(t.Context(), storage.Span{Size: 3}, bytes.NewReader([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("immutable over mutable: got error %v, want %v", err, storage.ErrConflict)
	}
	if err := w.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	if got := content(t, s); got[1] != "immutable" || got[2] != "mutable" {
		t.Errorf("got %v, want both as they were", got)
	}
	noFindings(t, s)
}

func TestZeroBytes(t *testing.T) {
	s := open(t, disk.Config{Dir: t.TempDir()})
	if err := upload(t, s, 1, ""); err != nil {
		t.Fatal(err)
	}
	if got, ok := content(t, s)[1]; !ok || got != "" {
		t.Errorf("got %q, %v; want an empty share", got, ok)
	}
	noFindings(t, s)
}

// TestUnfinishedLeaseIsCutOff: a note in incoming says how long a share was before the process died.
func TestUnfinishedLeaseIsCutOff(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]c") // no pattern of files
	s := open(t, disk.Config{Dir: dir})
	if err := upload(t, s, 1, "good"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, goldenDir, "1")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(dir, "shares", "incoming", "lease-aaaqeayeaudaocajbifqydiob4-1")
	if err := os.WriteFile(note, []byte("1 88\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(bytes.Clone(before), make([]byte, 50)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := slices.Collect(s.Audit(t.Context())); len(f) != 2 {
		t.Errorf("before the restart: got findings %v, want the share and the note", f)
	}
	if got := content(t, s)[1]; got != "good" {
		t.Errorf("before the restart: got %q, want the data alone", got)
	}
	s = open(t, disk.Config{Dir: dir})
	noFindings(t, s)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("got %d bytes, %v; want the %d from before", len(after), err, len(before))
	}
}

// A share behind which the original left two leases half added is there, and new leases take their place.
func TestShareWithStrayBytes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	if err := upload(t, s, 1, "good"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, goldenDir, "1")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, bytes.Repeat([]byte{0xee}, 2*72)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for k := range byte(2) {
		if got := content(t, s)[1]; got != "good" {
			t.Errorf("with %d new leases: got %q, want the data alone", k, got)
		}
		if f := slices.Collect(s.Audit(t.Context())); len(f) != 1 || f[0].Err != disk.ErrUnfinished {
			t.Errorf("with %d new leases: got findings %v, want the stray bytes", k, f)
		}
		if err := s.AddLease(t.Context(), goldenIndex, lease(50+k)); err != nil {
			t.Fatal(err)
		}
		s = open(t, disk.Config{Dir: dir})
	}
	if got, err := s.Leases(goldenIndex, 1); len(got) != 3 || err != nil {
		t.Errorf("got %d leases, %v; want 3", len(got), err)
	}
	noFindings(t, s)
}
