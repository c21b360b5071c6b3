//go:build !windows

package disk_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/disk"
)

// killEnv makes TestMain write shares into the directory that it names, until it is killed.
const killEnv = "TAHOE_TEST_DISK_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever uploads shares, changes a slot, and adds leases, and says "ready" after the first round.
func writeForever(dir string) error {
	ctx := context.Background()
	s, err := disk.Open(disk.Config{Dir: dir, Now: time.Now})
	if err != nil {
		return err
	}
	first := rand.N(1 << 30) // every process uploads files of its own
	for k := first; ; k++ {
		i := storage.Index{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k), 1}
		data := patterned(byte(k))
		got, err := s.Allocate(ctx, i, storage.Allocation{Shares: []storage.ShareNum{0}, Size: big, Lease: lease(1)})
		if err != nil {
			return err
		}
		if w := got.Writers[0]; w != nil {
			if _, err := w.Write(ctx, storage.Span{Size: big}, bytes.NewReader(data)); err != nil {
				return err
			}
			if err := w.Close(ctx); err != nil {
				return err
			}
		}
		if err := s.AddLease(ctx, i, lease(2)); err != nil {
			return err
		}
		_, err = s.TestAndWrite(ctx, goldenIndex, storage.SlotWrite{
			WriteEnabler: fill('w'), Lease: lease(byte(k)),
			Shares: map[storage.ShareNum]storage.ShareWrite{0: writes(storage.Write{Data: bytes.NewReader(data)})},
		})
		if err != nil {
			return err
		}
		if k == first {
			fmt.Println("ready")
		}
	}
}

// patterned is a share whose bytes are all the same.
func patterned(b byte) []byte { return bytes.Repeat([]byte{b}, big) }

// TestKilledProcess kills a process that writes, at moments that chance chooses, and looks at what it left.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		killOnce(t, dir)
		s := open(t, disk.Config{Dir: dir})
		noFindings(t, s)
		slot, err := s.ReadSlot(t.Context(), goldenIndex, nil, []storage.Span{{Size: big + 1}})
		if err != nil {
			t.Fatal(err)
		}
		for n, values := range slot {
			if len(values[0]) != big || !bytes.Equal(values[0], patterned(values[0][0])) {
				t.Errorf("mutable share %d is a mixture", n)
			}
		}
		checkImmutable(t, s, dir)
	}
}

// checkImmutable reads every immutable share.
func checkImmutable(t *testing.T, s *disk.Server, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir + "/shares")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, prefix := range entries {
		indices, err := os.ReadDir(dir + "/shares/" + prefix.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range indices {
			i, err := storage.ParseIndex(e.Name())
			if err != nil {
				continue
			}
			buckets, err := s.Buckets(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			for n, r := range buckets {
				seen++
				if got := readAll(t, r); !bytes.Equal(got, patterned(i[3])) {
					t.Errorf("share %d of %v: %d bytes that were never written so", n, i, len(got))
				}
			}
		}
	}
	if seen == 0 {
		t.Error("found no immutable share, though the process had written one")
	}
}

func killOnce(t *testing.T, dir string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), killEnv+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		t.Errorf("writer said %q, %v", line, err)
	}
	time.Sleep(rand.N(30 * time.Millisecond))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}
