package sftp_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"tahoe/frontends/vfs"
)

// answer reads one packet.
func answer(t *testing.T, out io.Reader) (kind byte, id uint32, rest []byte) {
	t.Helper()
	var n uint32
	if err := binary.Read(out, binary.BigEndian, &n); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(out, p); err != nil {
		t.Fatal(err)
	}
	return p[0], binary.BigEndian.Uint32(p[1:]), p[5:]
}

// A client that asks for all of a file at once, as OpenSSH's sftp does, gets it in the order in which it asked, and the grid is asked for each
// byte once.
func TestReadsInOrder(t *testing.T) {
	const request = 255 << 10
	w := newWorld(t, vfs.Config{})
	data := pattern(64*request-1000, 3)
	w.Grid.Add(w.Root, "f", w.Grid.PutData(data), "")
	asked := w.Grid.CountReads()
	_, in, out := w.raw(w.dial("alice"))
	if _, err := in.Write(append(wire(1, 3), wireStrings(3, 1, "/f", uint32(1), uint32(0))...)); err != nil {
		t.Fatal(err)
	}
	answer(t, out)
	if kind, _, _ := answer(t, out); kind != 102 {
		t.Fatalf("to the open: %d", kind)
	}
	var requests bytes.Buffer
	for id := range uint32(65) {
		requests.Write(wireStrings(5, id, "1", uint64(id)*request, uint32(request)))
	}
	if _, err := in.Write(requests.Bytes()); err != nil {
		t.Fatal(err)
	}
	for want := range uint32(64) {
		kind, id, rest := answer(t, out)
		if kind != 103 || id != want {
			t.Fatalf("got an answer %d to %d, want data for %d", kind, id, want)
		}
		if part := data[want*request : min(int(want+1)*request, len(data))]; string(rest[4:]) != part {
			t.Errorf("read %d: %d bytes that are not the file's", id, len(rest)-4)
		}
	}
	if kind, _, rest := answer(t, out); kind != 101 || binary.BigEndian.Uint32(rest) != 1 {
		t.Errorf("behind the end: %d", kind)
	}
	if n := asked.Load(); n != 2 { // a first look, and the rest
		t.Errorf("the grid was asked %d times, want 2", n)
	}
}

// A read behind a write, whose answer the client did not wait for, reads what was written.
func TestReadBehindWrite(t *testing.T) {
	w := newWorld(t, vfs.Config{})
	_, in, out := w.raw(w.dial("alice"))
	const readWriteCreate = 1 | 2 | 8
	if _, err := in.Write(append(wire(1, 3), wireStrings(3, 1, "/f", uint32(readWriteCreate), uint32(0))...)); err != nil {
		t.Fatal(err)
	}
	answer(t, out)
	answer(t, out)
	var requests bytes.Buffer
	for k := range uint32(100) {
		requests.Write(wireStrings(6, 2*k, "1", uint64(0), pattern(20_000, int(k))))
		requests.Write(wireStrings(5, 2*k+1, "1", uint64(19_000), uint32(1000)))
	}
	sent := make(chan error, 1)
	go func() {
		_, err := in.Write(requests.Bytes())
		sent <- err
	}()
	for range 200 {
		kind, id, rest := answer(t, out)
		if id%2 == 0 {
			continue
		}
		if k := int(id / 2); kind != 103 || string(rest[4:]) != pattern(20_000, k)[19_000:] {
			t.Fatalf("the read behind write %d: kind %d, %.40q", k, kind, rest)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
