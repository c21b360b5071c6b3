package tally_test

import (
	"io"
	"strings"
	"testing"

	"tahoe/cmd/tahoe/internal/tally"
)

func TestTally(t *testing.T) {
	var c tally.Tally
	c.Find(2, 30)
	p := c.Part(10)
	if _, err := io.Copy(io.Discard, p.Reader(strings.NewReader("1234"))); err != nil {
		t.Fatal(err)
	}
	if got, want := c.State(), (tally.State{Bytes: 4, TotalFiles: 2, TotalBytes: 30}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.Again()
	if got := c.State().Bytes; got != 0 {
		t.Errorf("got %d bytes of a file that is begun again", got)
	}
	p.Add(3)
	p.Done()
	c.Do(1, 20)
	c.Found()
	if got, want := c.State(), (tally.State{Files: 2, Bytes: 30, TotalFiles: 2, TotalBytes: 30, Known: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
