package sftp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// libraryEnd is the connection as the library sees it.
type libraryEnd struct {
	f *filter
	*io.PipeReader
}

func (e *libraryEnd) Write(p []byte) (int, error) { return e.f.fromLibrary(p) }

// send writes a packet to the client.
func (f *filter) send(p []byte) error {
	packet(p).done()
	f.output <- struct{}{}
	defer func() { <-f.output }()
	_, err := f.conn.Write(p)
	return err
}

// fromLibrary takes what the library writes, which may be parts of packets.
func (f *filter) fromLibrary(p []byte) (int, error) {
	f.partial = append(f.partial, p...)
	for len(f.partial) >= 5 {
		n := int(binary.BigEndian.Uint32(f.partial)) + 4
		if len(f.partial) < n {
			break
		}
		whole := f.learn(f.partial[:n:n])
		f.output <- struct{}{}
		_, err := f.conn.Write(whole)
		<-f.output
		if err != nil {
			return 0, fmt.Errorf("write to the client: %w", err)
		}
		f.partial = append(f.partial[:0], f.partial[n:]...)
	}
	return len(p), nil
}

// learn looks at an answer of the library, and adds to the first one what the filter can do.
func (f *filter) learn(p []byte) []byte {
	if p[4] == fxVersion {
		return withExtensions(p)
	}
	c := &cursor{b: p[5:]}
	id := c.uint32()
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.asked[id]
	if !ok {
		return p
	}
	delete(f.asked, id)
	if a.kind == fxWrite {
		f.writes--
		a.h.writes--
		a.h.under--
		f.tell()
		return p
	}
	if p[4] == fxHandle {
		h := &handle{}
		if a.kind == fxOpen && len(f.opened) > 0 {
			h.f, f.opened = f.opened[0], f.opened[1:]
		}
		f.handles[c.string()] = h
	}
	return p
}
