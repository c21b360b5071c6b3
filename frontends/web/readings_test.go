package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
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

// Requests that are given up hold up nobody who wants the same directory.
func TestGivenUpReadings(t *testing.T) {
	w := newWorld(t)
	w.run(t, []step{{request: "PUT /uri?t=mkdir", save: "D"}})
	var wg sync.WaitGroup
	for k := range 40 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if k%2 == 0 {
				time.AfterFunc(time.Duration(k)*50*time.Microsecond, cancel)
			}
			req := httptest.NewRequestWithContext(ctx, "GET", "/uri/"+w.caps["D"]+"?t=json", nil)
			req.Host = "localhost"
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, req)
			if k%2 == 1 && rec.Code != http.StatusOK {
				t.Errorf("a request that was not given up: got %d %s", rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
	if n := w.DirectoriesInReading(); n != 0 {
		t.Errorf("%d directories are still being read", n)
	}
}
