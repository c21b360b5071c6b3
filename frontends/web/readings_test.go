package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Files that come to one directory at the same time all get there, and who has been answered sees his own.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{{request: "PUT /uri?t=mkdir", save: "D"}})
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := range 5 {
				target := fmt.Sprintf("/uri/%s/f%d-%d", w.caps["D"], k, i)
				if resp := w.do(t, "PUT", target, strings.NewReader(target)); resp.StatusCode != http.StatusCreated {
					t.Errorf("PUT: got %d %s", resp.StatusCode, readAll(t, resp))
				}
				if resp := w.do(t, "GET", target, nil); resp.StatusCode != http.StatusOK {
					t.Errorf("GET of what was just stored: got %d", resp.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	w.run(t, []step{{request: "GET /uri/{D}?t=json", save: "answer"}})
	if n := strings.Count(w.caps["answer"], `"filenode"`); n != 40 {
		t.Errorf("got %d files, want 40", n)
	}
}
