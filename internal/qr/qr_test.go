package qr_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"tahoe/internal/qr"
)

func TestSizes(t *testing.T) {
	tests := []struct{ bytes, size int }{
		{0, 21}, {14, 21}, {15, 25}, {26, 25}, {27, 29}, {180, 53}, {181, 57}, {213, 57}, {2331, 177},
	}
	for _, tt := range tests {
		c, err := qr.Encode(bytes.Repeat([]byte{'a'}, tt.bytes))
		if err != nil {
			t.Errorf("%d bytes: %v", tt.bytes, err)
			continue
		}
		if c.Size() != tt.size {
			t.Errorf("%d bytes: got size %d, want %d", tt.bytes, c.Size(), tt.size)
		}
	}
	if _, err := qr.Encode(make([]byte, 2332)); !errors.Is(err, qr.ErrTooLong) {
		t.Errorf("2332 bytes: got %v, want %v", err, qr.ErrTooLong)
	}
}

func TestSVG(t *testing.T) {
	c, err := qr.Encode([]byte("URI:DIR2:x"))
	if err != nil {
		t.Fatal(err)
	}
	picture := c.SVG()
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(picture), `viewBox="0 0 29 29"`) {
		t.Errorf("no border of four modules: %.80s", picture)
	}
}
