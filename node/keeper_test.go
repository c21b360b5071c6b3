package node_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tahoe/lafs/keeper"
	"tahoe/node"
)

// TestHerald: a program and a web service hear of what the keeper found, and a failure of either is told.
func TestHerald(t *testing.T) {
	var posted string
	status := http.StatusNoContent
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posted = string(b)
		w.WriteHeader(status)
	}))
	defer web.Close()
	notice := keeper.Notice{Level: keeper.Loss, Lost: 2, Sentence: "2 files are lost."}
	if err := node.Tell(t.Context(), "alice", "", web.URL+"/secret", notice); err != nil {
		t.Error(err)
	}
	if !strings.Contains(posted, `"node":"alice"`) || !strings.Contains(posted, `"level":"loss"`) || !strings.Contains(posted, `"lost":2`) {
		t.Errorf("got %s", posted)
	}
	status = http.StatusInternalServerError
	if err := node.Tell(t.Context(), "alice", "", web.URL+"/secret", notice); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the address", err)
	}
	web.Close()
	if err := node.Tell(t.Context(), "alice", "", web.URL+"/secret", notice); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the address", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("the program is a Unix shell's")
	}
	hook(t, notice)
}

func hook(t *testing.T, notice keeper.Notice) {
	dir := t.TempDir()
	program, heard := filepath.Join(dir, "tell"), filepath.Join(dir, "heard")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat > '"+heard+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := node.Tell(t.Context(), "alice", program, "", notice); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(heard); err != nil || !strings.Contains(string(b), "2 files are lost.") {
		t.Errorf("got %s, %v", b, err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := node.Tell(context.Background(), "alice", program, "", notice); err == nil {
		t.Error("a program that fails is not told of")
	}
}
