package ristorage_test

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/ristorage"
	"tahoe/storage/storagetest"
)

// python is the interpreter that has the original, as tests/interop installs it.
func python(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("servers of the original: not in short mode")
	}
	cmd := exec.CommandContext(t.Context(), "./original.sh")
	cmd.Dir = filepath.Join("..", "..", "tests", "interop")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("the original is not installed (%v); tests/interop/original.sh -make does that", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "python")
}

// An original makes storage servers of the original.
type original struct {
	orders io.Writer
	mu     sync.Mutex
	furls  *bufio.Scanner
}

func startOriginal(t *testing.T) *original {
	t.Helper()
	cmd := exec.Command(python(t), filepath.Join("testdata", "server.py"), t.TempDir())
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = orders.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the original's servers: %v\n%s", err, said.String())
		}
		limit.Stop()
	})
	return &original{orders: orders, furls: bufio.NewScanner(answers)}
}

// server makes a server that holds nothing, and returns its FURL.
func (o *original) server(t testing.TB) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := io.WriteString(o.orders, "\n"); err != nil {
		t.Fatal(err)
	}
	if !o.furls.Scan() {
		t.Fatalf("the original's servers have ended: %v", o.furls.Err())
	}
	return o.furls.Text()
}

// TestOriginalConforms: a client makes of the original's servers what the contract wants.
func TestOriginalConforms(t *testing.T) {
	o := startOriginal(t)
	storagetest.Run(t, func(t testing.TB) storage.Server {
		client, err := ristorage.NewClient(newTub(t), o.server(t), ristorage.ClientConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		return client
	})
}
