package interop_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// content is a file of pseudo-random bytes.
func content(name string, size int) []byte {
	b := make([]byte, size)
	key := sha256.Sum256([]byte(name))
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// url is an address at the client's web port.
func (p *peer) url(path string) string {
	b, err := os.ReadFile(filepath.Join(p.dir, "node.url"))
	if err != nil {
		return "http://no-node.url.invalid/"
	}
	return strings.TrimSpace(string(b)) + path
}

// An answer of a web port.
type answer struct {
	status int
	body   []byte
}

// ask sends a request to the client's web port.
func (p *peer) ask(method, path string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url(path), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, b}, err
}

// do is ask where anything but success ends the test.
func (p *peer) do(t testing.TB, method, path string, body []byte) []byte {
	t.Helper()
	a, err := p.ask(method, path, body)
	if err != nil {
		t.Fatalf("%s client: %s %.60s: %v", p.maker, method, path, err)
	}
	if a.status/100 != 2 {
		t.Fatalf("%s client: %s %.60s: status %d: %s", p.maker, method, path, a.status, a.body)
	}
	return a.body
}

// put stores a file and returns its capability.
func (p *peer) put(t testing.TB, data []byte) string {
	t.Helper()
	return strings.TrimSpace(string(p.do(t, http.MethodPut, "uri", data)))
}

// mustRead reads a file and compares it.
func (p *peer) mustRead(t testing.TB, cap string, want []byte) {
	t.Helper()
	if err := p.read(cap, want); err != nil {
		t.Errorf("%s client reads %.40s…: %v", p.maker, cap, err)
	}
}

func (p *peer) read(cap string, want []byte) error {
	a, err := p.ask(http.MethodGet, "uri/"+cap, nil)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("status %d: %s", a.status, a.body)
	case !bytes.Equal(a.body, want):
		return fmt.Errorf("got %d bytes of another file than the %d that were stored", len(a.body), len(want))
	}
	return nil
}
